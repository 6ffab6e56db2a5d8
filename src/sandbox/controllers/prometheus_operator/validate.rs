//! Monitors and rules that the operator refuses, in its words.
//! <https://github.com/prometheus-operator/prometheus-operator/blob/main/pkg/prometheus/resource_selector.go>

use serde_json::Value;

use crate::sandbox::{
    pointer::{items, text_in},
    prometheus::{labels::anchored, number, rules},
};

/// What is wrong with the endpoints of a monitor; `interval` is that of the Prometheus.
pub(super) fn monitor(endpoints: &Value, field: &str, interval: &str) -> Result<(), String> {
    for (index, endpoint) in items(endpoints).iter().enumerate() {
        let at = format!("{field}[{index}]");
        timeout(endpoint, interval).map_err(|e| format!("{at}: {e}"))?;
        for (rules, name) in [
            ("relabelings", "relabelConfigs"),
            ("metricRelabelings", "metricRelabelConfigs"),
        ] {
            for (number, rule) in items(&endpoint[rules]).iter().enumerate() {
                relabeling(rule).map_err(|e| format!("{at}: {name}: [{number}]: {e}"))?;
            }
        }
    }
    Ok(())
}

fn timeout(endpoint: &Value, interval: &str) -> Result<(), String> {
    let (timeout, own) = (
        text_in(endpoint, "scrapeTimeout"),
        text_in(endpoint, "interval"),
    );
    if timeout.is_empty() {
        return Ok(());
    }
    let interval = if own.is_empty() { interval } else { own };
    let duration = |text: &str| {
        number::duration(text).ok_or_else(|| format!("not a valid duration string: {text:?}"))
    };
    let most =
        duration(interval).map_err(|e| format!("invalid scrapeInterval {interval:?}: {e}"))?;
    let asked =
        duration(timeout).map_err(|e| format!("invalid scrapeTimeout: {timeout:?}: {e}"))?;
    if asked > most {
        return Err(format!(
            "scrapeTimeout {timeout:?} greater than scrapeInterval {interval:?}"
        ));
    }
    Ok(())
}

fn relabeling(rule: &Value) -> Result<(), String> {
    let (regex, target) = (text_in(rule, "regex"), text_in(rule, "targetLabel"));
    let named = Some(text_in(rule, "action")).filter(|a| !a.is_empty());
    let named = named.unwrap_or("replace");
    let action = named.to_ascii_lowercase();
    if let Err(error) = anchored(regex) {
        // The error shows the pattern as it is compiled.
        let error = error.replace(&format!("`{regex}`"), &format!("`^(?s:{regex})$`"));
        return Err(format!(
            "invalid regex {regex} for relabel configuration: {error}"
        ));
    }
    if action == "hashmod" && rule["modulus"].as_u64().unwrap_or_default() == 0 {
        return Err("relabel configuration for hashmod requires non-zero modulus".to_owned());
    }
    let writes = [
        "replace",
        "hashmod",
        "lowercase",
        "uppercase",
        "keepequal",
        "dropequal",
    ];
    if writes.contains(&action.as_str()) && target.is_empty() {
        return Err(format!(
            "relabel configuration for {named} action needs targetLabel value"
        ));
    }
    let fits = target
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || "_${}".contains(c))
        && !target.starts_with(|c: char| c.is_ascii_digit());
    if writes.contains(&action.as_str()) && !fits {
        return Err(format!(
            "{target:?} is invalid 'target_label' for {named} action"
        ));
    }
    let others = !items(&rule["sourceLabels"])
        .iter()
        .next()
        .is_none_or(Value::is_null)
        || !target.is_empty()
        || rule["modulus"].as_u64().unwrap_or_default() > 0;
    if matches!(action.as_str(), "labeldrop" | "labelkeep") && others {
        return Err(format!(
            "{named} action requires only 'regex', and no other fields"
        ));
    }
    Ok(())
}

/// What is wrong with rules, whose file is given as well.
pub(super) fn rule(file: &str) -> Result<(), String> {
    match rules::groups("", file, 30_000) {
        Ok(_) => Ok(()),
        Err(_) => Err("invalid rule".to_owned()),
    }
}
