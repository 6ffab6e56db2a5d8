//! `NodeMetrics` and `PodMetrics`: what was measured, as the API tells it.
//! <https://github.com/kubernetes/metrics/blob/master/pkg/apis/metrics/v1beta1/types.go>

use std::{collections::BTreeMap, time::Duration};

use serde_json::{Map, Value, json};

use super::{GROUP, Measured, Used, VERSION};
use crate::sandbox::{
    pointer::items,
    registry::{Column, Resource, place},
    schema::quantity,
    verbs::name,
};

/// The two resources.
#[must_use]
pub fn resources() -> [Resource; 2] {
    [
        resource("nodes", "NodeMetrics", false),
        resource("pods", "PodMetrics", true),
    ]
}

fn resource(plural: &str, kind: &str, namespaced: bool) -> Resource {
    let column = |name: &str, format: &str| Column {
        name: name.to_owned(),
        kind: "string".to_owned(),
        format: format.to_owned(),
        priority: 0,
        path: None,
    };
    Resource {
        group: GROUP.to_owned(),
        version: VERSION.to_owned(),
        plural: plural.to_owned(),
        singular: String::new(),
        short_names: Vec::new(),
        categories: Vec::new(),
        kind: kind.to_owned(),
        namespaced,
        verbs: vec!["get".to_owned(), "list".to_owned()],
        hash: None,
        subresources: BTreeMap::new(),
        columns: vec![
            column("Name", "name"),
            column("cpu", "quantity"),
            column("memory", "quantity"),
            column("Window", "duration"),
        ],
        built_in: None,
        custom: false,
        definition: None,
        place: place(GROUP, plural),
    }
}

/// A Pod's metrics, at a time.
#[must_use]
pub fn of_pod(pod: &Value, measured: &Measured, now: &str) -> Value {
    let mut out = frame("PodMetrics", pod, measured, now);
    out["metadata"]["namespace"] = pod["metadata"]["namespace"].clone();
    let container = |used: &Used| json!({"name": used.name, "usage": usage(used)});
    out["containers"] = measured.containers.iter().map(container).collect();
    out
}

/// A node's metrics, at a time.
#[must_use]
pub fn of_node(node: &Value, measured: &Measured, now: &str) -> Value {
    let mut out = frame("NodeMetrics", node, measured, now);
    out["usage"] = measured.containers.first().map_or(json!({}), usage);
    out
}

fn frame(kind: &str, of: &Value, measured: &Measured, now: &str) -> Value {
    let mut metadata = json!({"name": name(of), "creationTimestamp": now});
    if let Some(labels) = of["metadata"].get("labels") {
        metadata["labels"] = labels.clone();
    }
    json!({
        "kind": kind, "apiVersion": format!("{GROUP}/{VERSION}"), "metadata": metadata,
        "timestamp": measured.at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(), "window": duration(measured.window),
    })
}

fn usage(used: &Used) -> Value {
    json!({
        "cpu": quantity::decimal(i128::from(used.cpu)),
        "memory": quantity::binary(i128::from(used.memory) * 1_000_000_000),
    })
}

/// A duration as Go writes it, to the millisecond.
fn duration(of: Duration) -> String {
    let text = format!("{}.{:03}", of.as_secs(), of.subsec_millis());
    format!("{}s", text.trim_end_matches('0').trim_end_matches('.'))
}

/// A cell of a table: the containers of a Pod together.
#[must_use]
pub fn cell(column: &str, object: &Value) -> Option<Value> {
    if column == "Window" {
        return Some(object["window"].clone());
    }
    let usages: Vec<&Map<String, Value>> = match object.get("containers") {
        Some(all) => items(all)
            .iter()
            .filter_map(|c| c["usage"].as_object())
            .collect(),
        None => object["usage"].as_object().into_iter().collect(),
    };
    let amount = |usage: &&Map<String, Value>| quantity::amount(usage.get(column)?.as_str()?);
    let sum: i128 = usages.iter().filter_map(amount).sum();
    Some(json!(if column == "memory" {
        quantity::binary(sum)
    } else {
        quantity::decimal(sum)
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pods_row_adds_its_containers() {
        let measured = Measured {
            at: "2026-01-02T03:04:05Z".parse().unwrap(),
            window: Duration::from_millis(12_500),
            containers: vec![
                Used {
                    name: "a".to_owned(),
                    cpu: 1_500_000,
                    memory: 3 << 20,
                },
                Used {
                    name: "b".to_owned(),
                    cpu: 123_456,
                    memory: 4096,
                },
            ],
        };
        let pod = json!({"metadata": {"name": "p", "namespace": "n", "labels": {"app": "web"}}});
        let object = of_pod(&pod, &measured, "2026-01-02T03:04:10Z");
        assert_eq!(
            object,
            json!({
                "kind": "PodMetrics", "apiVersion": "metrics.k8s.io/v1beta1",
                "metadata": {
                    "name": "p", "namespace": "n", "labels": {"app": "web"}, "creationTimestamp": "2026-01-02T03:04:10Z",
                },
                "timestamp": "2026-01-02T03:04:05Z", "window": "12.5s",
                "containers": [
                    {"name": "a", "usage": {"cpu": "1500u", "memory": "3Mi"}},
                    {"name": "b", "usage": {"cpu": "123456n", "memory": "4Ki"}},
                ],
            })
        );
        let row = ["cpu", "memory", "Window"].map(|column| cell(column, &object).unwrap());
        assert_eq!(row, [json!("1623456n"), json!("3076Ki"), json!("12.5s")]);
    }
}
