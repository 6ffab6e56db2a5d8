//! Amounts: what containers ask for, what namespaces may have.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::found::{Found, each, entries, is_empty};
use crate::sandbox::schema::quantity;

/// What is said of an amount below zero.
const NEGATIVE: &str = "must be greater than or equal to 0";
/// Resources of containers.
const OF_CONTAINERS: [&str; 3] = ["cpu", "memory", "ephemeral-storage"];
/// Other resources that need no prefix, but for those that are counted.
const STANDARD: [&str; 11] = [
    "storage",
    "requests.cpu",
    "requests.memory",
    "requests.storage",
    "requests.ephemeral-storage",
    "limits.cpu",
    "limits.memory",
    "limits.ephemeral-storage",
    "cpu",
    "memory",
    "ephemeral-storage",
];
/// Resources that are counted in whole numbers.
const WHOLE: [&str; 9] = [
    "pods",
    "services",
    "replicationcontrollers",
    "resourcequotas",
    "secrets",
    "configmaps",
    "persistentvolumeclaims",
    "services.nodeports",
    "services.loadbalancers",
];

/// What a quota may count alone.
const SCOPES: [&str; 7] = [
    "BestEffort",
    "CrossNamespacePodAffinity",
    "NotBestEffort",
    "NotTerminating",
    "PriorityClass",
    "Terminating",
    "VolumeAttributesClass",
];

/// An amount, in nanos.
fn amount(value: &Value) -> i128 {
    let text = value.as_str().and_then(quantity::amount);
    text.unwrap_or_default()
}

/// Whether a name needs no prefix.
fn is_standard(name: &str) -> bool {
    STANDARD.contains(&name) || WHOLE.contains(&name)
}

/// Whether a name is one that everybody knows, or has a prefix.
fn qualified(name: &str, at: &str, found: &mut Found) {
    let known = is_standard(name) || name.starts_with("hugepages-");
    if !known && !name.contains('/') {
        let why = "must be a standard resource type or fully qualified";
        found.invalid(at, &json!(name), why);
    }
}

/// What a container asks for, and gets at most.
pub(super) fn of_container(resources: &Value, at: &str, found: &mut Found) {
    let limits = &resources["limits"];
    for list in ["limits", "requests"] {
        for (name, given) in entries(&resources[list]) {
            let at_name = format!("{at}.{list}[{name}]");
            qualified(name, &at_name, found);
            if !name.contains('/')
                && !OF_CONTAINERS.contains(&name.as_str())
                && !name.starts_with("hugepages-")
            {
                let why = "must be a standard resource for containers";
                found.invalid(&at_name, &json!(name), why);
            }
            if amount(given) < 0 {
                found.invalid(&at_name, given, NEGATIVE);
            }
            let limit = &limits[name];
            if list == "requests" && !limit.is_null() && amount(given) > amount(limit) {
                let shown = limit.as_str().unwrap_or_default();
                let why = format!("must be less than or equal to {name} limit of {shown}");
                found.invalid(format!("{at}.requests"), given, &why);
            }
        }
    }
}

/// What a namespace may have.
pub(super) fn quota(object: &Value, found: &mut Found) {
    let spec = &object["spec"];
    for (name, hard) in entries(&spec["hard"]) {
        let at = format!("spec.hard[{name}]");
        qualified(name, &at, found);
        let known = is_standard(name)
            || name.contains('/')
            || name.starts_with("hugepages-")
            || name.starts_with("requests.hugepages-");
        if !known {
            let why = "must be a standard resource for quota";
            found.invalid(&at, &json!(name), why);
        }
        if amount(hard) < 0 {
            found.invalid(&at, hard, NEGATIVE);
        }
        if WHOLE.contains(&name.as_str()) && amount(hard) % 1_000_000_000 != 0 {
            found.invalid(&at, hard, "must be an integer");
        }
    }
    for (_, scope) in each(&spec["scopes"]) {
        if !SCOPES.iter().any(|s| scope == s) {
            found.invalid("spec.scopes", &spec["scopes"], "unsupported scope");
        }
    }
}

/// What the containers of a namespace may ask for, each.
pub(super) fn limit_range(object: &Value, found: &mut Found) {
    let mut kinds = BTreeSet::new();
    for (i, limit) in each(&object["spec"]["limits"]) {
        let at = format!("spec.limits[{i}]");
        let kind = limit["type"].as_str().unwrap_or_default();
        if !matches!(kind, "Pod" | "Container" | "PersistentVolumeClaim") && !kind.contains('/') {
            let why = "must be a standard limit type or fully qualified";
            found.invalid(format!("{at}.type"), &json!(kind), why);
        }
        if !kinds.insert(kind) {
            found.duplicate(format!("{at}.type"), &limit["type"]);
        }
        if kind == "Pod" {
            for field in ["default", "defaultRequest"] {
                if !is_empty(&limit[field]) {
                    let why = "may not be specified when `type` is 'Pod'";
                    found.forbidden(format!("{at}.{field}"), why);
                }
            }
        }
        if kind == "PersistentVolumeClaim"
            && limit["min"]["storage"].is_null()
            && limit["max"]["storage"].is_null()
        {
            let why =
                "either minimum or maximum storage value is required, but neither was provided";
            found.required(format!("{at}.limits"), why);
        }
        order(limit, &at, kind == "Pod", found);
    }
}

/// Whether least, given and most are in this order.
fn order(limit: &Value, at: &str, of_pods: bool, found: &mut Found) {
    /// The smaller one, the greater one, whose field it is, which of both is shown, and what they are called.
    const ORDERS: [(&str, &str, &str, bool, &str, &str); 6] = [
        ("min", "max", "min", true, "min value", "max value"),
        (
            "min",
            "defaultRequest",
            "defaultRequest",
            false,
            "min value",
            "default request value",
        ),
        (
            "defaultRequest",
            "max",
            "defaultRequest",
            true,
            "default request value",
            "max value",
        ),
        (
            "defaultRequest",
            "default",
            "defaultRequest",
            true,
            "default request value",
            "default limit value",
        ),
        (
            "min",
            "default",
            "default",
            true,
            "min value",
            "default value",
        ),
        (
            "default",
            "max",
            "default",
            false,
            "default value",
            "max value",
        ),
    ];
    let given = |list: &str| {
        let hidden = of_pods && matches!(list, "default" | "defaultRequest");
        if hidden { &Value::Null } else { &limit[list] }
    };
    let lists = [
        "max",
        "min",
        "default",
        "defaultRequest",
        "maxLimitRequestRatio",
    ];
    let names: BTreeSet<&String> = lists
        .iter()
        .flat_map(|list| entries(given(list)).map(|(name, _)| name))
        .collect();
    for name in names {
        for (less, more, field, first, less_name, more_name) in ORDERS {
            let (a, b) = (&given(less)[name], &given(more)[name]);
            if a.is_null() || b.is_null() || amount(a) <= amount(b) {
                continue;
            }
            let text = |v: &Value| v.as_str().unwrap_or_default().to_owned();
            let why = format!(
                "{less_name} {} is greater than {more_name} {}",
                text(a),
                text(b)
            );
            found.invalid(
                format!("{at}.{field}[{name}]"),
                if first { a } else { b },
                &why,
            );
        }
        let ratio = &limit["maxLimitRequestRatio"][name];
        if !ratio.is_null() && amount(ratio) < 1_000_000_000 {
            let why = format!(
                "ratio {} is less than 1",
                ratio.as_str().unwrap_or_default()
            );
            found.invalid(format!("{at}.maxLimitRequestRatio[{name}]"), ratio, &why);
        }
    }
}

/// An amount of storage that has to be given.
pub(super) fn positive(value: &Value, at: &str, found: &mut Found) {
    if amount(value) <= 0 {
        found.invalid(at, value, "must be greater than zero");
    }
}
