//! What is served, as clients ask for it: group by group, and all at once.
//! <https://kubernetes.io/docs/concepts/overview/kubernetes-api/#discovery-api>

use serde_json::{Value, json};

use super::registry::{Group, Registry, Resource, Subresource};

/// `/api`.
#[must_use]
pub fn core_versions(address: &str) -> Value {
    json!({
        "kind": "APIVersions", "versions": ["v1"],
        "serverAddressByClientCIDRs": [{"clientCIDR": "0.0.0.0/0", "serverAddress": address}],
    })
}

/// `/apis`.
#[must_use]
pub fn groups(registry: &Registry) -> Value {
    let named = registry.groups().iter().filter(|g| !g.name.is_empty());
    let all: Vec<Value> = named.map(|g| group(g, false)).collect();
    json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": all})
}

/// `/apis/GROUP`, or its entry in the list of all.
#[must_use]
pub fn group(group: &Group, alone: bool) -> Value {
    let version = |version: &String| json!({"groupVersion": format!("{}/{version}", group.name), "version": version});
    let mut out = json!({
        "name": group.name,
        "versions": group.versions.iter().map(version).collect::<Vec<_>>(),
        "preferredVersion": version(&group.preferred),
    });
    if alone {
        out["kind"] = json!("APIGroup");
        out["apiVersion"] = json!("v1");
    }
    out
}

/// `/api/v1`, `/apis/GROUP/VERSION`.
#[must_use]
pub fn resources(registry: &Registry, group: &str, version: &str) -> Value {
    let mut all = Vec::new();
    for resource in registry.of(group, version) {
        all.push(entry(&resource));
        for (name, sub) in subresources(&resource) {
            let mut entry = json!({
                "name": format!("{}/{name}", resource.plural), "singularName": "",
                "namespaced": resource.namespaced, "kind": sub.kind, "verbs": sub.verbs,
            });
            for (key, value) in [("group", &sub.group), ("version", &sub.version)] {
                if let Some(value) = value {
                    entry[key] = json!(value);
                }
            }
            all.push(entry);
        }
    }
    let group_version = if group.is_empty() {
        version.to_owned()
    } else {
        format!("{group}/{version}")
    };
    let mut out =
        json!({"kind": "APIResourceList", "groupVersion": group_version, "resources": all});
    // The core group's list is older than the field.
    if !group.is_empty() {
        out["apiVersion"] = json!("v1");
    }
    out
}

/// The subresources: by name, but for those of CRDs.
fn subresources(resource: &Resource) -> Vec<(&String, &Subresource)> {
    let mut all: Vec<_> = resource.subresources.iter().collect();
    if resource.custom {
        all.reverse();
    }
    all
}

fn entry(resource: &Resource) -> Value {
    let mut out = json!({
        "name": resource.plural, "singularName": resource.singular,
        "namespaced": resource.namespaced, "kind": resource.kind, "verbs": resource.verbs,
    });
    for (key, names) in [
        ("shortNames", &resource.short_names),
        ("categories", &resource.categories),
    ] {
        if !names.is_empty() {
            out[key] = json!(names);
        }
    }
    if let Some(hash) = &resource.hash {
        out["storageVersionHash"] = json!(hash);
    }
    out
}

/// The aggregated form of `/api` (the core group alone) and of `/apis` (all others).
#[must_use]
pub fn aggregated(registry: &Registry, core: bool) -> Value {
    let groups = registry
        .groups()
        .iter()
        .filter(|g| g.name.is_empty() == core);
    let items: Vec<Value> = groups.map(|g| aggregated_group(registry, g)).collect();
    json!({
        "kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "metadata": {}, "items": items,
    })
}

fn aggregated_group(registry: &Registry, group: &Group) -> Value {
    let versions: Vec<Value> = group
        .versions
        .iter()
        .map(|version| {
            let resources = registry.of(&group.name, version);
            let all: Vec<Value> = resources.iter().map(|r| aggregated_resource(r)).collect();
            json!({"version": version, "resources": all, "freshness": "Current"})
        })
        .collect();
    let mut metadata = json!({});
    if !group.name.is_empty() {
        metadata["name"] = json!(group.name);
    }
    json!({"metadata": metadata, "versions": versions})
}

fn aggregated_resource(resource: &Resource) -> Value {
    let kind = |group: &str, version: &str, kind: &str| json!({"group": group, "version": version, "kind": kind});
    // Group and version are told only where they are others than those above, but of CRDs.
    let own = if resource.custom {
        (resource.group.as_str(), resource.version.as_str())
    } else {
        ("", "")
    };
    let mut out = json!({
        "resource": resource.plural,
        "responseKind": kind(own.0, own.1, &resource.kind),
        "scope": if resource.namespaced { "Namespaced" } else { "Cluster" },
        "singularResource": resource.singular, "verbs": resource.verbs,
    });
    for (key, names) in [
        ("shortNames", &resource.short_names),
        ("categories", &resource.categories),
    ] {
        if !names.is_empty() {
            out[key] = json!(names);
        }
    }
    let subresources: Vec<Value> = subresources(resource)
        .into_iter()
        .map(|(name, sub)| {
            let group = sub.group.as_deref().unwrap_or(own.0);
            let version = sub.version.as_deref().unwrap_or(own.1);
            json!({
                "subresource": name, "responseKind": kind(group, version, &sub.kind), "verbs": sub.verbs,
            })
        })
        .collect();
    if !subresources.is_empty() {
        out["subresources"] = json!(subresources);
    }
    out
}
