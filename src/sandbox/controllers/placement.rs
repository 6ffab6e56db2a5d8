//! Which nodes a Pod may run on, by its node selector, its required node affinity and its tolerations.
//! <https://kubernetes.io/docs/concepts/scheduling-eviction/assign-pod-node/>

use serde_json::Value;

use crate::sandbox::verbs::name;

/// Whether a node is one that a Pod's specification asks for.
#[must_use]
pub fn is_asked_for(spec: &Value, node: &Value) -> bool {
    let labels = &node["metadata"]["labels"];
    let selector = spec["nodeSelector"].as_object();
    let selected = selector
        .into_iter()
        .flatten()
        .all(|(key, value)| labels[key] == *value);
    let required =
        &spec["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"];
    let terms = required["nodeSelectorTerms"].as_array();
    selected && terms.is_none_or(|all| all.iter().any(|term| fulfils(node, term)))
}

fn fulfils(node: &Value, term: &Value) -> bool {
    let each = |list: &str| term[list].as_array().into_iter().flatten();
    let any = each("matchExpressions").chain(each("matchFields")).count() > 0;
    any && each("matchExpressions").all(|r| {
        let key = r["key"].as_str().unwrap_or_default();
        holds(r, node["metadata"]["labels"][key].as_str())
    }) && each("matchFields").all(|r| holds(r, Some(name(node))))
}

fn holds(requirement: &Value, value: Option<&str>) -> bool {
    let values = requirement["values"].as_array();
    let among = value.is_some_and(|v| values.is_some_and(|all| all.iter().any(|x| x == v)));
    let number = |v: Option<&str>| v.and_then(|v| v.parse::<i64>().ok());
    let bound = number(values.and_then(|v| v.first()?.as_str()));
    match requirement["operator"].as_str() {
        Some("In") => among,
        Some("NotIn") => !among,
        Some("Exists") => value.is_some(),
        Some("DoesNotExist") => value.is_none(),
        Some("Gt") => number(value).zip(bound).is_some_and(|(v, b)| v > b),
        Some("Lt") => number(value).zip(bound).is_some_and(|(v, b)| v < b),
        _ => false,
    }
}

/// Whether a Pod with tolerations can bear a node's taints with one of these effects.
#[must_use]
pub fn is_tolerated(tolerations: &[Value], node: &Value, effects: &[&str]) -> bool {
    let taints = node["spec"]["taints"].as_array();
    let mut harsh = taints
        .into_iter()
        .flatten()
        .filter(|t| effects.iter().any(|e| t["effect"] == *e));
    harsh.all(|taint| tolerations.iter().any(|t| tolerates(t, taint)))
}

/// Whether a toleration is for a taint.
#[must_use]
pub fn tolerates(toleration: &Value, taint: &Value) -> bool {
    let text = |v: &Value| v.as_str().unwrap_or_default().to_owned();
    let effect = text(&toleration["effect"]);
    let key = text(&toleration["key"]);
    if !effect.is_empty() && taint["effect"] != effect.as_str() {
        return false;
    }
    if !key.is_empty() && taint["key"] != key.as_str() {
        return false;
    }
    match toleration["operator"].as_str() {
        Some("Exists") => true,
        _ => text(&toleration["value"]) == text(&taint["value"]) && !key.is_empty(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_node_is_asked_for_by_its_labels_and_its_name() {
        let node = json!({"metadata": {"name": "n", "labels": {"disk": "ssd", "cpus": "8"}}});
        let affinity = |term: Value| json!({"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}}}});
        let expression = |key: &str, operator: &str, values: Value| {
            affinity(
                json!({"matchExpressions": [{"key": key, "operator": operator, "values": values}]}),
            )
        };
        for yes in [
            json!({}),
            json!({"nodeSelector": {"disk": "ssd"}}),
            expression("disk", "In", json!(["hdd", "ssd"])),
            expression("zone", "DoesNotExist", json!([])),
            expression("cpus", "Gt", json!(["4"])),
            affinity(
                json!({"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["n"]}]}),
            ),
        ] {
            assert!(is_asked_for(&yes, &node), "{yes}");
        }
        for no in [
            json!({"nodeSelector": {"disk": "hdd"}}),
            expression("disk", "NotIn", json!(["ssd"])),
            expression("zone", "Exists", json!([])),
            affinity(json!({})),
        ] {
            assert!(!is_asked_for(&no, &node), "{no}");
        }
    }

    #[test]
    fn a_taint_is_borne_by_key_value_and_effect() {
        let node =
            json!({"spec": {"taints": [{"key": "a", "value": "b", "effect": "NoSchedule"}]}});
        let bears = |toleration: Value| is_tolerated(&[toleration], &node, &["NoSchedule"]);
        assert!(is_tolerated(&[], &node, &["NoExecute"]));
        assert!(!is_tolerated(&[], &node, &["NoSchedule"]));
        assert!(bears(json!({"operator": "Exists"})));
        assert!(bears(json!({"key": "a", "value": "b"})));
        assert!(!bears(json!({"key": "a", "value": "c"})));
        assert!(!bears(
            json!({"key": "a", "operator": "Exists", "effect": "NoExecute"})
        ));
    }
}
