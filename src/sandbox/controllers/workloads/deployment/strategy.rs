//! How many more or fewer Pods than wanted there may be while a Deployment rolls.

use serde_json::Value;

use crate::sandbox::controllers::workloads::amount::{number, of_whole};

/// Whether it replaces Pods one after the other.
pub(super) fn rolls(deployment: &Value) -> bool {
    deployment["spec"]["strategy"]["type"] == "RollingUpdate"
}

/// How many more.
pub(super) fn max_surge(deployment: &Value) -> i64 {
    if !rolls(deployment) {
        return 0;
    }
    let by = &deployment["spec"]["strategy"]["rollingUpdate"];
    of_whole(
        &by["maxSurge"],
        number(&deployment["spec"]["replicas"]),
        true,
    )
}

/// How many fewer.
pub(super) fn max_unavailable(deployment: &Value) -> i64 {
    let wanted = number(&deployment["spec"]["replicas"]);
    if !rolls(deployment) || wanted == 0 {
        return 0;
    }
    let by = &deployment["spec"]["strategy"]["rollingUpdate"];
    let least = of_whole(&by["maxUnavailable"], wanted, false);
    // Where neither is allowed nothing could ever change.
    if least == 0 && max_surge(deployment) == 0 {
        return 1;
    }
    least.min(wanted)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_rollout_can_always_go_on() {
        let of = |replicas: i64, surge: Value, unavailable: Value| {
            let deployment = json!({"spec": {"replicas": replicas, "strategy": {
                "type": "RollingUpdate", "rollingUpdate": {"maxSurge": surge, "maxUnavailable": unavailable},
            }}});
            (max_surge(&deployment), max_unavailable(&deployment))
        };
        assert_eq!(of(3, json!("25%"), json!("25%")), (1, 0));
        assert_eq!(of(4, json!("25%"), json!("25%")), (1, 1));
        assert_eq!(of(3, json!(0), json!("10%")), (0, 1));
        assert_eq!(of(2, json!(1), json!(5)), (1, 2));
    }
}
