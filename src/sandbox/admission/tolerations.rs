//! Pods stay for five minutes on a node that is not ready or out of reach.
//! <https://github.com/kubernetes/kubernetes/blob/master/plugin/pkg/admission/defaulttolerationseconds/admission.go>

use serde_json::{Value, json};

use super::{Operation, Request, add, items};

/// Adds the tolerations that a Pod does not have.
pub(super) fn admit(request: &Request<'_>, pod: &mut Value) {
    if request.operation == Operation::Delete || !request.is_about("", "pods") {
        return;
    }
    for taint in [
        "node.kubernetes.io/not-ready",
        "node.kubernetes.io/unreachable",
    ] {
        let none = |v: &Value| v.as_str().unwrap_or_default().is_empty();
        let tolerates = |t: &Value| {
            (none(&t["key"]) || t["key"] == taint)
                && (none(&t["effect"]) || t["effect"] == "NoExecute")
        };
        if !items(&pod["spec"], "tolerations").iter().any(tolerates) {
            let toleration = json!({
                "key": taint, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300,
            });
            add(&mut pod["spec"], "tolerations", toleration);
        }
    }
}
