//! The rows of workloads.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{age, joined, list, number, selector, text};

pub(super) fn cell(plural: &str, column: &str, object: &Value, now: Timestamp) -> Option<Value> {
    let count = |pointer: &str| json!(number(object, pointer));
    Some(match (plural, column) {
        (_, "Containers") => joined(containers(plural, object).map(|c| field(c, "/name")))?,
        (_, "Images") => joined(containers(plural, object).map(|c| field(c, "/image")))?,
        ("cronjobs", "Selector") => selector(&object["spec"]["jobTemplate"]["spec"]["selector"])?,
        (_, "Selector") => selector(&object["spec"]["selector"])?,
        ("deployments" | "statefulsets", "Ready") => {
            json!(format!(
                "{}/{}",
                number(object, "/status/readyReplicas"),
                number(object, "/spec/replicas")
            ))
        }
        ("deployments", "Up-to-date") => count("/status/updatedReplicas"),
        ("deployments", "Available") => count("/status/availableReplicas"),
        ("daemonsets", "Desired") => count("/status/desiredNumberScheduled"),
        ("daemonsets", "Current") => count("/status/currentNumberScheduled"),
        ("daemonsets", "Ready") => count("/status/numberReady"),
        ("daemonsets", "Up-to-date") => count("/status/updatedNumberScheduled"),
        ("daemonsets", "Available") => count("/status/numberAvailable"),
        ("daemonsets", "Node Selector") => {
            selector(&object["spec"]["template"]["spec"]["nodeSelector"])?
        }
        (_, "Desired") => count("/spec/replicas"),
        (_, "Current") => count("/status/replicas"),
        (_, "Ready") => count("/status/readyReplicas"),
        ("jobs", "Status") => json!(job_status(object)),
        ("jobs", "Completions") => json!(completions(object)),
        ("jobs", "Duration") => duration(object, now),
        ("cronjobs", "Schedule") => json!(text(object, "/spec/schedule")?),
        ("cronjobs", "Timezone") => json!(text(object, "/spec/timeZone")?),
        ("cronjobs", "Suspend") => json!(if object["spec"]["suspend"] == true {
            "True"
        } else {
            "False"
        }),
        ("cronjobs", "Active") => json!(list(object, "/status/active").len()),
        ("cronjobs", "Last Schedule") => match &object["status"]["lastScheduleTime"] {
            Value::Null => return None,
            time => json!(age::since(time, now)),
        },
        ("controllerrevisions", "Controller") => {
            let owner = list(object, "/metadata/ownerReferences")
                .iter()
                .find(|o| o["controller"] == true)?;
            let group = text(owner, "/apiVersion")
                .unwrap_or_default()
                .split_once('/')
                .map_or("", |(g, _)| g);
            json!(format!(
                "{}.{group}/{}",
                field(owner, "/kind").to_lowercase(),
                field(owner, "/name")
            ))
        }
        ("controllerrevisions", "Revision") => count("/revision"),
        _ => return None,
    })
}

fn containers<'a>(plural: &str, object: &'a Value) -> impl Iterator<Item = &'a Value> {
    let template = if plural == "cronjobs" {
        "/spec/jobTemplate/spec/template"
    } else {
        "/spec/template"
    };
    list(object, &format!("{template}/spec/containers")).iter()
}

fn field(object: &Value, pointer: &str) -> String {
    text(object, pointer).unwrap_or_default().to_owned()
}

fn job_status(job: &Value) -> &'static str {
    let is = |kind: &str| {
        list(job, "/status/conditions")
            .iter()
            .any(|c| c["type"] == kind && c["status"] == "True")
    };
    if is("Complete") {
        "Complete"
    } else if is("Failed") {
        "Failed"
    } else if job["metadata"]["deletionTimestamp"].is_string() {
        "Terminating"
    } else if is("Suspended") {
        "Suspended"
    } else if is("FailureTarget") {
        "FailureTarget"
    } else if is("SuccessCriteriaMet") {
        "SuccessCriteriaMet"
    } else {
        "Running"
    }
}

fn completions(job: &Value) -> String {
    let done = number(job, "/status/succeeded");
    match job["spec"]["completions"].as_i64() {
        Some(wanted) => format!("{done}/{wanted}"),
        None => match number(job, "/spec/parallelism") {
            parallel if parallel > 1 => format!("{done}/1 of {parallel}"),
            _ => format!("{done}/1"),
        },
    }
}

fn duration(job: &Value, now: Timestamp) -> Value {
    let Some(start) = text(job, "/status/startTime") else {
        return json!("");
    };
    let end = text(job, "/status/completionTime")
        .and_then(|t| t.parse().ok())
        .unwrap_or(now);
    json!(age::since(&json!(start), end))
}
