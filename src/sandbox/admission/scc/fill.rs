//! What constraints give a Pod that says nothing.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{Allowed, effective, items, strategy, users};
use crate::sandbox::admission::items_mut;

/// Makes a Pod as the constraints want it, where it says nothing itself.
pub(super) fn fill(constraints: &Value, allowed: &Allowed, pod: &mut Value) {
    fill_pod(constraints, allowed, &mut pod["spec"]);
    let whole = pod.clone();
    for list in ["initContainers", "containers"] {
        for container in items_mut(&mut pod["spec"], list) {
            fill_container(constraints, allowed, &whole, container);
        }
    }
}

fn fill_pod(constraints: &Value, allowed: &Allowed, spec: &mut Value) {
    let context = &mut spec["securityContext"];
    if context.is_null() {
        *context = json!({});
    }
    if strategy(constraints, "seLinuxContext") == "MustRunAs" && context["seLinuxOptions"].is_null()
    {
        context["seLinuxOptions"] = json!({"level": allowed.level});
    }
    if strategy(constraints, "fsGroup") == "MustRunAs" && context["fsGroup"].is_null() {
        context["fsGroup"] = json!(allowed.groups.0);
    }
    if strategy(constraints, "supplementalGroups") == "MustRunAs"
        && items(context, "supplementalGroups").is_empty()
    {
        context["supplementalGroups"] = json!([allowed.groups.0]);
    }
    let first = items(constraints, "seccompProfiles").first();
    if first.is_some_and(|p| p == "runtime/default") && context["seccompProfile"].is_null() {
        context["seccompProfile"] = json!({"type": "RuntimeDefault"});
    }
}

fn fill_container(constraints: &Value, allowed: &Allowed, pod: &Value, container: &mut Value) {
    let user = effective(pod, container, "runAsUser").is_null();
    let non_root = effective(pod, container, "runAsNonRoot").is_null();
    let context = &mut container["securityContext"];
    if context.is_null() {
        *context = json!({});
    }
    if user && let Some((first, _)) = users(constraints, allowed) {
        context["runAsUser"] = json!(first);
    }
    let is_range = strategy(constraints, "runAsUser") == "MustRunAsRange";
    let never_root = is_range || strategy(constraints, "runAsUser") == "MustRunAsNonRoot";
    if non_root && never_root && (user || is_range) {
        context["runAsNonRoot"] = json!(true);
    }
    drop_capabilities(constraints, context);
    if constraints["allowPrivilegeEscalation"] == false
        && context["allowPrivilegeEscalation"].is_null()
    {
        context["allowPrivilegeEscalation"] = json!(false);
    }
    if constraints["readOnlyRootFilesystem"] == true && context["readOnlyRootFilesystem"].is_null()
    {
        context["readOnlyRootFilesystem"] = json!(true);
    }
    if context.as_object().is_some_and(serde_json::Map::is_empty)
        && let Some(container) = container.as_object_mut()
    {
        container.remove("securityContext");
    }
}

/// What has to go goes, and what comes along is there.
fn drop_capabilities(constraints: &Value, context: &mut Value) {
    for (from, to) in [
        ("requiredDropCapabilities", "drop"),
        ("defaultAddCapabilities", "add"),
    ] {
        let wanted = items(constraints, from);
        if wanted.is_empty() {
            continue;
        }
        let own = items(&context["capabilities"], to);
        let all = own.iter().chain(wanted).filter_map(Value::as_str);
        let all: BTreeSet<String> = all.map(str::to_owned).collect();
        if context["capabilities"].is_null() {
            context["capabilities"] = json!({});
        }
        context["capabilities"][to] = json!(all);
    }
}
