//! The `OpenAPI` documents of what is served: structure, and as much of the paths as clients look for.
//! <https://kubernetes.io/docs/concepts/overview/kubernetes-api/#openapi-interface-definition>

use std::{collections::BTreeSet, sync::Arc};

use serde_json::{Map, Value, json};

use super::{
    extensions::{definition, structural},
    registry::{Registry, Resource},
    schema::sources,
};

/// The binary form of the second version's document, for which kubectl asks where the third has no answer.
pub const BINARY: &str = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf";

/// A document in the binary form that names no types: whoever looks for one there learns that there is none.
/// <https://github.com/google/gnostic-models/blob/main/openapiv2/OpenAPIv2.proto> (`Document`: `swagger`, `info`)
#[must_use]
pub fn nameless() -> Vec<u8> {
    const SWAGGER: &[u8] = b"\x0a\x032.0";
    const INFO: &[u8] = b"\x12\x0f\x0a\x0aKubernetes\x12\x01-";
    [SWAGGER, INFO].concat()
}

/// Where schemas of version 3 lie.
const V3: &str = "#/components/schemas/";
/// Where schemas of version 2 lie.
const V2: &str = "#/definitions/";

/// `/openapi/v3`: where the documents are.
#[must_use]
pub fn index(registry: &Registry) -> Value {
    let mut paths = Map::new();
    for group in registry.groups() {
        for version in &group.versions {
            let path = base(&group.name, version);
            let url = json!({"serverRelativeURL": format!("/openapi/v3/{path}")});
            paths.insert(path, url);
        }
    }
    json!({"paths": paths})
}

/// `/openapi/v3/apis/GROUP/VERSION`; none for what is not served.
#[must_use]
pub fn document(registry: &Registry, group: &str, version: &str) -> Option<Value> {
    let resources = registry.of(group, version);
    if resources.is_empty() {
        return None;
    }
    let mut paths = Map::new();
    let mut wanted = BTreeSet::new();
    for resource in &resources {
        wanted.extend(type_name(resource));
        for (path, item) in paths_of(resource) {
            paths.insert(path, item);
        }
    }
    let custom = custom(&resources);
    Some(json!({
        "openapi": "3.0.0", "info": {"title": "Kubernetes", "version": "v1.34.4"}, "paths": paths,
        "components": {"schemas": with_references(wanted, V3, &custom)},
    }))
}

/// `/openapi/v2`: everything in one document.
#[must_use]
pub fn everything(registry: &Registry) -> Value {
    let mut paths = Map::new();
    let mut wanted = BTreeSet::new();
    let mut custom_types = Map::new();
    for group in registry.groups() {
        for version in &group.versions {
            let resources = registry.of(&group.name, version);
            for resource in &resources {
                wanted.extend(type_name(resource));
                for (path, item) in paths_of(resource) {
                    paths.insert(path, item);
                }
            }
            custom_types.extend(custom(&resources));
        }
    }
    json!({
        "swagger": "2.0", "info": {"title": "Kubernetes", "version": "v1.34.4"}, "paths": paths,
        "definitions": with_references(wanted, V2, &custom_types),
    })
}

/// The name of a resource's type.
fn type_name(resource: &Resource) -> Option<String> {
    if resource.custom {
        Some(definition::type_name(resource))
    } else {
        let sources = sources::sources();
        let name = sources.type_name(&resource.api_version(), &resource.kind);
        name.map(str::to_owned)
    }
}

/// The types of custom resources, by name.
fn custom(resources: &[Arc<Resource>]) -> Map<String, Value> {
    let of = |resource: &Arc<Resource>| {
        let definition = resource.definition.as_ref()?;
        let mut schema = definition.read_structure();
        structural::embed(&mut schema);
        schema["x-kubernetes-group-version-kind"] = json!([{
            "group": resource.group, "version": resource.version, "kind": resource.kind,
        }]);
        Some((definition::type_name(resource), schema))
    };
    resources.iter().filter_map(of).collect()
}

/// `api/v1`, `apis/apps/v1`.
fn base(group: &str, version: &str) -> String {
    if group.is_empty() {
        format!("api/{version}")
    } else {
        format!("apis/{group}/{version}")
    }
}

/// The paths of a resource, each with its operations and their kind.
fn paths_of(resource: &Resource) -> Vec<(String, Value)> {
    let base = base(&resource.group, &resource.version);
    let place = if resource.namespaced {
        "namespaces/{namespace}/"
    } else {
        ""
    };
    let collection = format!("/{base}/{place}{}", resource.plural);
    let one = format!("{collection}/{{name}}");
    let operations = |verbs: &[(&str, &str, &str)]| {
        let mut item = Map::new();
        for (method, verb, action) in verbs.iter().filter(|(_, verb, _)| resource.allows(verb)) {
            item.insert((*method).to_owned(), operation(resource, verb, action));
        }
        Value::Object(item)
    };
    vec![
        (
            collection,
            operations(&[
                ("get", "list", "list"),
                ("post", "create", "post"),
                ("delete", "deletecollection", "deletecollection"),
            ]),
        ),
        (
            one,
            operations(&[
                ("get", "get", "get"),
                ("put", "update", "put"),
                ("patch", "patch", "patch"),
                ("delete", "delete", "delete"),
            ]),
        ),
    ]
}

fn operation(resource: &Resource, verb: &str, action: &str) -> Value {
    let mut out = json!({
        "x-kubernetes-action": action,
        "x-kubernetes-group-version-kind": {
            "group": resource.group, "kind": resource.kind, "version": resource.version,
        },
        "responses": {"200": {"description": "OK"}},
    });
    // Clients ask by these whether the server validates fields and knows dry runs.
    if matches!(verb, "create" | "update" | "patch") {
        let query = |name: &str| json!({"name": name, "in": "query", "schema": {"type": "string", "uniqueItems": true}});
        out["parameters"] = json!([
            query("dryRun"),
            query("fieldManager"),
            query("fieldValidation")
        ]);
    }
    out
}

/// These types and all that they refer to, by name.
fn with_references(wanted: BTreeSet<String>, place: &str, custom: &Map<String, Value>) -> Value {
    let mut out = Map::new();
    let mut due: Vec<String> = wanted.into_iter().collect();
    let sources = sources::sources();
    while let Some(name) = due.pop() {
        let Some(schema) = sources
            .types
            .get(&name)
            .or_else(|| custom.get(&name))
            .filter(|_| !out.contains_key(&name))
        else {
            continue;
        };
        let mut schema = schema.clone();
        refer(&mut schema, place, &mut due);
        out.insert(name, schema);
    }
    Value::Object(out)
}

/// Writes references out, as a document has them, and notes what they name.
fn refer(schema: &mut Value, place: &str, due: &mut Vec<String>) {
    match schema {
        Value::Object(map) => {
            let named = map.remove("$ref");
            for child in map.values_mut() {
                refer(child, place, due);
            }
            let Some(Value::String(name)) = named else {
                return;
            };
            let reference = json!({"$ref": format!("{place}{name}")});
            due.push(name);
            // Nothing may stand beside a reference; version 2 leaves out what would.
            if place == V3 && !map.is_empty() {
                map.insert("allOf".to_owned(), json!([reference]));
            } else {
                *schema = reference;
            }
        }
        Value::Array(items) => {
            for item in items {
                refer(item, place, due);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reference_leads_somewhere() {
        let registry = Registry::kubernetes();
        let document = document(&registry, "apps", "v1").unwrap();
        let schemas = document["components"]["schemas"].as_object().unwrap();
        let text = document.to_string();
        let mut count = 0;
        for part in text.split("\"$ref\":\"").skip(1) {
            let name = part.split('"').next().unwrap().strip_prefix(V3).unwrap();
            assert!(schemas.contains_key(name), "{name}");
            count += 1;
        }
        assert!(count > 100, "{count}");
        assert!(super::document(&registry, "nothing", "v1").is_none());
    }
}
