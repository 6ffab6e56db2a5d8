//! The status of a Build: its phase, with the history of its phases as conditions.

use serde_json::{Value, json};

use super::{
    super::{list, text},
    STAGES,
    outcome::Problem,
};

/// How many nanoseconds a second has.
const NANOSECONDS: u64 = 1_000_000_000;

/// The patch that brings a Build into a phase.
pub(super) fn phase(build: &Value, phase: &str, now: &str, problem: Option<&Problem>) -> Value {
    let (reason, message) = problem.map_or((Value::Null, Value::Null), |p| {
        (json!(p.reason), json!(p.message))
    });
    let mut conditions = list(build, "/status/conditions").to_vec();
    for condition in &mut conditions {
        if condition["type"] != phase && condition["status"] == "True" {
            condition["status"] = json!("False");
            condition["lastUpdateTime"] = json!(now);
            condition["lastTransitionTime"] = json!(now);
        }
    }
    let mut condition = json!({
        "type": phase, "status": "True", "lastUpdateTime": now, "lastTransitionTime": now,
    });
    if let Some(problem) = problem {
        condition["reason"] = json!(problem.reason);
        condition["message"] = json!(problem.message);
    }
    match conditions.iter_mut().find(|c| c["type"] == phase) {
        Some(found) => {
            condition["lastTransitionTime"] = found["lastTransitionTime"].clone();
            *found = condition;
        }
        None => conditions.push(condition),
    }
    json!({"status": {
        "phase": phase, "reason": reason, "message": message, "conditions": conditions,
    }})
}

/// How long a Build ran, by the stages that are over: simulated time, in nanoseconds.
pub(super) fn duration(build: &Value) -> u64 {
    if text(build, "/status/startTimestamp").is_empty() {
        return 0;
    }
    let done = list(build, "/status/stages").len();
    let seconds = done
        .checked_sub(1)
        .and_then(|i| STAGES.get(i))
        .map_or(1, |(_, _, at)| *at);
    seconds * NANOSECONDS
}
