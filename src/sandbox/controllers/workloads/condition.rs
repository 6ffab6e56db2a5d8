//! The conditions of an object's status.

use serde_json::{Value, json};

/// The condition of a type.
#[must_use]
pub fn of<'a>(status: &'a Value, kind: &str) -> Option<&'a Value> {
    let all = status["conditions"].as_array()?;
    all.iter().find(|c| c["type"] == kind)
}

/// Whether the condition of a type is true.
#[must_use]
pub fn is_true(status: &Value, kind: &str) -> bool {
    of(status, kind).is_some_and(|c| c["status"] == "True")
}

/// Sets a condition; it comes last. One that says the same already stays where it is.
pub fn set(status: &mut Value, mut condition: Value) {
    let kind = condition["type"].as_str().unwrap_or_default().to_owned();
    if let Some(before) = of(status, &kind) {
        let same = |field: &str| before[field] == condition[field];
        if same("status") && same("reason") {
            return;
        }
        if same("status") && condition.get("lastUpdateTime").is_some() {
            condition["lastTransitionTime"] = before["lastTransitionTime"].clone();
        }
    }
    remove(status, &kind);
    match status["conditions"].as_array_mut() {
        Some(all) => all.push(condition),
        None => status["conditions"] = json!([condition]),
    }
}

/// Takes the condition of a type away.
pub fn remove(status: &mut Value, kind: &str) {
    let Some(all) = status.get_mut("conditions").and_then(Value::as_array_mut) else {
        return;
    };
    all.retain(|c| c["type"] != kind);
    if all.is_empty()
        && let Some(map) = status.as_object_mut()
    {
        map.remove("conditions");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changes_comes_last_and_keeps_the_time_of_its_transition() {
        let mut status = json!({});
        let condition = |kind: &str, reason: &str, time: &str| json!({"type": kind, "status": "True", "reason": reason, "lastUpdateTime": time, "lastTransitionTime": time});
        set(&mut status, condition("A", "x", "1"));
        set(&mut status, condition("B", "x", "1"));
        set(&mut status, condition("A", "x", "2"));
        assert_eq!(status["conditions"][0]["lastUpdateTime"], "1");
        set(&mut status, condition("A", "y", "3"));
        assert_eq!(status["conditions"][1]["lastUpdateTime"], "3");
        assert_eq!(status["conditions"][1]["lastTransitionTime"], "1");
        remove(&mut status, "A");
        remove(&mut status, "B");
        assert_eq!(status, json!({}));
    }
}
