//! What a namespace that ends says of it.
//! <https://github.com/kubernetes/kubernetes/blob/master/pkg/controller/namespace/deletion/status_condition_utils.go>

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// What is left in a namespace.
#[derive(Debug, Default)]
pub(super) struct Remaining {
    /// How many objects there are of each resource.
    pub(super) resources: BTreeMap<String, usize>,
    /// How many objects each finalizer holds.
    pub(super) finalizers: BTreeMap<String, usize>,
    /// How long it may take.
    pub(super) seconds: i64,
    /// What went wrong.
    pub(super) failures: Vec<String>,
    /// Whether nothing is said of the resources.
    pub(super) is_untold: bool,
}

/// The conditions, with what is said where all is well.
const WELL: [(&str, &str, &str); 5] = [
    (
        "NamespaceDeletionDiscoveryFailure",
        "ResourcesDiscovered",
        "All resources successfully discovered",
    ),
    (
        "NamespaceDeletionGroupVersionParsingFailure",
        "ParsedGroupVersions",
        "All legacy kube types successfully parsed",
    ),
    (
        "NamespaceDeletionContentFailure",
        "ContentDeleted",
        "All content successfully deleted, may be waiting on finalization",
    ),
    (
        "NamespaceContentRemaining",
        "ContentRemoved",
        "All content successfully removed",
    ),
    (
        "NamespaceFinalizersRemaining",
        "ContentHasNoFinalizers",
        "All content-preserving finalizers finished",
    ),
];

/// The conditions of a namespace.
pub(super) fn of(namespace: &Value, remaining: &Remaining, now: &str) -> Value {
    let before = namespace["status"]["conditions"].as_array();
    let condition = |(kind, reason, message): (&str, &str, &str)| {
        let trouble = trouble(kind, remaining);
        let status = if trouble.is_some() { "True" } else { "False" };
        let (reason, message) = trouble.unwrap_or_else(|| (reason, message.to_owned()));
        let old = before.and_then(|b| b.iter().find(|c| c["type"] == kind));
        let same = old.filter(|c| c["status"] == status);
        let since = same.map_or_else(|| json!(now), |c| c["lastTransitionTime"].clone());
        json!({
            "type": kind, "status": status, "reason": reason, "message": message,
            "lastTransitionTime": since,
        })
    };
    WELL.map(condition).into()
}

fn trouble(kind: &str, remaining: &Remaining) -> Option<(&'static str, String)> {
    match kind {
        "NamespaceDeletionContentFailure" if !remaining.failures.is_empty() => {
            let (count, all) = (remaining.failures.len(), remaining.failures.join(", "));
            let message = format!("Failed to delete all resource types, {count} remaining: {all}");
            Some(("ContentDeletionFailed", message))
        }
        _ if remaining.is_untold => None,
        "NamespaceContentRemaining" if !remaining.resources.is_empty() => {
            let each = |(resource, count): (&String, &usize)| {
                format!("{resource} has {count} resource instances")
            };
            let all: Vec<String> = remaining.resources.iter().map(each).collect();
            let message = format!("Some resources are remaining: {}", all.join(", "));
            Some(("SomeResourcesRemain", message))
        }
        "NamespaceFinalizersRemaining" if !remaining.finalizers.is_empty() => {
            let each = |(finalizer, count): (&String, &usize)| {
                format!("{finalizer} in {count} resource instances")
            };
            let all: Vec<String> = remaining.finalizers.iter().map(each).collect();
            let all = all.join(", ");
            let message = format!("Some content in the namespace has finalizers remaining: {all}");
            Some(("SomeFinalizersRemain", message))
        }
        _ => None,
    }
}
