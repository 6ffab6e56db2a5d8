//! In which order constraints are tried: by priority, then what allows less first, then by name.
//! <https://docs.openshift.com/container-platform/latest/authentication/managing-security-context-constraints.html#scc-prioritization_configuring-internal-oauth>

use std::{cmp::Reverse, sync::Arc};

use serde_json::Value;

use super::{items, strategy};
use crate::sandbox::verbs::name;

/// Brings them into order.
pub(super) fn sort(all: &mut [Arc<Value>]) {
    all.sort_by_cached_key(|constraints| {
        let priority = constraints["priority"].as_i64().unwrap_or_default();
        (
            Reverse(priority),
            allows(constraints),
            name(constraints).to_owned(),
        )
    });
}

/// How much constraints allow: the host's namespaces weigh more than its volumes, these more than users, and capabilities least.
fn allows(constraints: &Value) -> i64 {
    let points = |is: bool, points: i64| if is { points } else { 0 };
    let is = |field: &str| constraints[field] == true;
    let has = |field: &str, wanted: &str| items(constraints, field).iter().any(|v| v == wanted);
    let host_volumes = is("allowHostDirVolumePlugin") || has("volumes", "*");
    let user = match strategy(constraints, "runAsUser") {
        "MustRunAs" => 10_000,
        "MustRunAsRange" => 20_000,
        "MustRunAsNonRoot" => 30_000,
        _ => 40_000,
    };
    let capabilities = points(has("allowedCapabilities", "*"), 4000)
        - points(has("requiredDropCapabilities", "ALL"), 3000)
        - 50 * i64::try_from(items(constraints, "requiredDropCapabilities").len())
            .unwrap_or_default();
    points(is("allowPrivilegedContainer"), 1_000_000)
        + points(is("allowHostNetwork"), 200_000)
        + points(is("allowHostPorts"), 400_000)
        + points(host_volumes, 100_000)
        + user
        + points(
            strategy(constraints, "seLinuxContext") == "RunAsAny",
            30_000,
        )
        + capabilities
}
