//! The configuration that the operator writes for a Prometheus.

use serde_json::Value;

use super::{monitors, select::Selected};
use crate::sandbox::prometheus::yaml::Yaml;

/// The text of the configuration; `more` are jobs that the Prometheus names itself.
pub(super) fn of(prometheus: &Value, selected: &Selected, more: &[Value]) -> String {
    let (metadata, spec) = (&prometheus["metadata"], &prometheus["spec"]);
    let text = |value: &Value, otherwise: &str| value.as_str().unwrap_or(otherwise).to_owned();
    let name = text(&metadata["name"], "");
    let mut labels: Vec<(String, Yaml)> = spec["externalLabels"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(label, value)| (label.clone(), Yaml::from(value)))
        .collect();
    for (field, usual, value) in [
        (
            "prometheusExternalLabelName",
            "prometheus",
            format!("{}/{name}", text(&metadata["namespace"], "")),
        ),
        (
            "replicaExternalLabelName",
            "prometheus_replica",
            "$(POD_NAME)".to_owned(),
        ),
    ] {
        let label = text(&spec[field], usual);
        if !label.is_empty() {
            labels.retain(|(own, _)| *own != label);
            labels.push((label, Yaml::text(value)));
        }
    }
    labels.sort_by(|a, b| a.0.cmp(&b.0));
    let mut global = vec![(
        "scrape_interval",
        Yaml::text(text(&spec["scrapeInterval"], "30s")),
    )];
    if let Some(timeout) = spec["scrapeTimeout"].as_str() {
        global.push(("scrape_timeout", Yaml::text(timeout)));
    }
    global.push(("external_labels", Yaml::Map(labels)));
    global.push((
        "evaluation_interval",
        Yaml::text(text(&spec["evaluationInterval"], "30s")),
    ));
    let shards = spec["shards"].as_i64().unwrap_or(1);
    let mut jobs = Vec::new();
    for (all, kind) in [
        (&selected.services, monitors::Kind::Service),
        (&selected.pods, monitors::Kind::Pod),
    ] {
        jobs.extend(all.iter().flat_map(|m| monitors::jobs(m, kind, shards)));
    }
    jobs.extend(more.iter().map(Yaml::from));
    let files = format!("/etc/prometheus/rules/prometheus-{name}-rulefiles-0/*.yaml");
    Yaml::map(vec![
        ("global", Yaml::map(global)),
        ("rule_files", Yaml::List(vec![Yaml::text(files)])),
        ("scrape_configs", Yaml::List(jobs)),
    ])
    .document()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;

    /// Both are read: how a text is quoted says nothing.
    #[test]
    fn it_is_the_one_that_the_real_operator_wrote() {
        let objects: Vec<Arc<Value>> = include_str!("../../../../tests/prometheus/monitors.yaml")
            .split("\n---\n")
            .map(|text| Arc::new(serde_yaml::from_str(text).unwrap()))
            .collect();
        let of_kind = |kind: &str, names: &[&str]| -> Vec<Arc<Value>> {
            let named = |o: &&Arc<Value>| names.iter().any(|n| o["metadata"]["name"] == *n);
            let all = objects.iter().filter(|o| o["kind"] == kind);
            all.filter(named).cloned().collect()
        };
        let demo = Arc::new(json!({
            "metadata": {"namespace": "obs-prometheus", "name": "java-demo"},
            "spec": {"namespaceSelector": {"matchNames": ["obs-prometheus-app"]}, "selector": {"matchLabels": {"app": "java-demo"}},
                "endpoints": [{"port": "metrics", "path": "/metrics", "interval": "10s"}]},
        }));
        let selected = Selected {
            services: [vec![demo], of_kind("ServiceMonitor", &["many"])].concat(),
            pods: of_kind("PodMonitor", &["pods"]),
            rules: Vec::new(),
        };
        let prometheus = json!({
            "metadata": {"namespace": "obs-prometheus", "name": "monitoring"},
            "spec": {"scrapeInterval": "10s", "evaluationInterval": "10s"},
        });
        let text = self::of(&prometheus, &selected, &[]);
        let read = |text: &str| -> Value { serde_yaml::from_str(text).unwrap() };
        let mut wanted = read(include_str!("../../../../tests/prometheus/generated.yaml"));
        numbers_as_texts(&mut wanted);
        let mut got = read(&text);
        numbers_as_texts(&mut got);
        let jobs = |of: &Value| of["scrape_configs"].as_array().unwrap().clone();
        for (got, wanted) in jobs(&got).iter().zip(jobs(&wanted)) {
            assert_eq!(*got, wanted);
        }
        assert_eq!(got, wanted);
    }

    /// A pattern of digits is read as a number where it is not quoted.
    fn numbers_as_texts(value: &mut Value) {
        match value {
            Value::Number(number) => *value = json!(number.to_string()),
            Value::Array(all) => all.iter_mut().for_each(numbers_as_texts),
            Value::Object(map) => map.values_mut().for_each(numbers_as_texts),
            _ => {}
        }
    }
}
