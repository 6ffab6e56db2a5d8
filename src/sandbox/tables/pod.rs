//! The row of a Pod.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{age, list, number, text};

pub(super) fn cell(column: &str, pod: &Value, now: Timestamp) -> Option<Value> {
    Some(match column {
        "Ready" => {
            let ready = statuses(pod).iter().filter(|s| s["ready"] == true).count();
            json!(format!("{ready}/{}", list(pod, "/spec/containers").len()))
        }
        "Status" => json!(status(pod)),
        "Restarts" => restarts(pod, now),
        "IP" => json!(text(pod, "/status/podIP")?),
        "Node" => json!(text(pod, "/spec/nodeName")?),
        "Nominated Node" => json!(text(pod, "/status/nominatedNodeName")?),
        _ => return None,
    })
}

fn statuses(pod: &Value) -> &[Value] {
    list(pod, "/status/containerStatuses")
}

/// One word for the state of a Pod: the most telling one of its containers'.
fn status(pod: &Value) -> String {
    let phase = text(pod, "/status/phase").unwrap_or_default();
    let mut told = text(pod, "/status/reason").unwrap_or(phase).to_owned();
    if let Some(initializing) = initializing(pod) {
        told = initializing;
    } else {
        let mut running = false;
        for status in statuses(pod).iter().rev() {
            if let Some(reason) = text(status, "/state/waiting/reason") {
                reason.clone_into(&mut told);
            } else if let Some(ended) = ended(status) {
                told = ended;
            } else if status["ready"] == true && status["state"]["running"].is_object() {
                running = true;
            }
        }
        if told == "Completed" && running {
            let ready = list(pod, "/status/conditions")
                .iter()
                .any(|c| c["type"] == "Ready" && c["status"] == "True");
            if ready { "Running" } else { "NotReady" }.clone_into(&mut told);
        }
    }
    if pod["metadata"]["deletionTimestamp"].is_string() {
        let lost = text(pod, "/status/reason") == Some("NodeLost");
        return if lost { "Unknown" } else { "Terminating" }.to_owned();
    }
    told
}

fn initializing(pod: &Value) -> Option<String> {
    let all = list(pod, "/status/initContainerStatuses");
    for (i, status) in all.iter().enumerate() {
        if status["state"]["terminated"]["exitCode"] == 0 {
            continue;
        }
        if let Some(ended) = ended(status) {
            return Some(format!("Init:{ended}"));
        }
        return Some(match text(status, "/state/waiting/reason") {
            Some(reason) if reason != "PodInitializing" => format!("Init:{reason}"),
            _ => format!("Init:{i}/{}", list(pod, "/spec/initContainers").len()),
        });
    }
    None
}

fn ended(status: &Value) -> Option<String> {
    let ended = status["state"].get("terminated")?;
    if let Some(reason) = text(ended, "/reason") {
        return Some(reason.to_owned());
    }
    let signal = number(ended, "/signal");
    Some(if signal != 0 {
        format!("Signal:{signal}")
    } else {
        format!("ExitCode:{}", number(ended, "/exitCode"))
    })
}

fn restarts(pod: &Value, now: Timestamp) -> Value {
    let total: i64 = statuses(pod)
        .iter()
        .map(|s| number(s, "/restartCount"))
        .sum();
    let last = statuses(pod)
        .iter()
        .filter_map(|s| text(s, "/lastState/terminated/finishedAt"))
        .max();
    match last.filter(|_| total > 0) {
        Some(last) => json!(format!("{total} ({} ago)", age::since(&json!(last), now))),
        None => json!(total.to_string()),
    }
}
