//! What is wrong with a CRD itself.
//! <https://github.com/kubernetes/apiextensions-apiserver/blob/master/pkg/apis/apiextensions/validation/validation.go>

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::structural;
use crate::sandbox::{names, status::Cause};

/// Fills in what is not given.
pub fn default(crd: &mut Value) {
    let names = &crd["spec"]["names"];
    let kind = names["kind"].as_str().unwrap_or_default().to_owned();
    let unset = |v: &Value| v.as_str().unwrap_or_default().is_empty();
    let (singular, list) = (unset(&names["singular"]), unset(&names["listKind"]));
    if !kind.is_empty() && singular {
        crd["spec"]["names"]["singular"] = json!(kind.to_lowercase());
    }
    if !kind.is_empty() && list {
        crd["spec"]["names"]["listKind"] = json!(format!("{kind}List"));
    }
    if crd["spec"].is_object() && crd["spec"]["conversion"].is_null() {
        crd["spec"]["conversion"] = json!({"strategy": "None"});
    }
    if crd["spec"]["preserveUnknownFields"] == false
        && let Some(spec) = crd["spec"].as_object_mut()
    {
        spec.remove("preserveUnknownFields");
    }
}

/// The status of a new one: its stored version, and nothing decided.
#[must_use]
pub fn first_status(crd: &Value) -> Value {
    let versions = crd["spec"]["versions"].as_array().into_iter().flatten();
    let stored = versions.filter(|v| v["storage"] == true);
    let stored: Vec<&Value> = stored.map(|v| &v["name"]).collect();
    json!({"conditions": null, "acceptedNames": {"plural": "", "kind": ""}, "storedVersions": stored})
}

/// Notes the version in which objects are kept from now on.
pub fn note_stored(crd: &mut Value) {
    let stored = super::definition::storage_version(crd).to_owned();
    if stored.is_empty() {
        return;
    }
    if let Some(all) = crd["status"]["storedVersions"].as_array_mut()
        && !all.iter().any(|v| *v == stored)
    {
        all.push(json!(stored));
    }
}

/// What is wrong with one.
#[must_use]
pub fn problems(crd: &Value) -> Vec<Cause> {
    let spec = &crd["spec"];
    let text = |v: &Value| v.as_str().unwrap_or_default().to_owned();
    let (group, plural) = (text(&spec["group"]), text(&spec["names"]["plural"]));
    let mut causes = Vec::new();
    let name = &crd["metadata"]["name"];
    if *name != format!("{plural}.{group}") {
        let why = "must be spec.names.plural+\".\"+spec.group";
        causes.push(Cause::invalid("metadata.name", name, why));
    }
    causes.extend(of_group(&group));
    causes.extend(of_scope(&spec["scope"]));
    causes.extend(of_versions(&spec["versions"]));
    causes.extend(of_names(&spec["names"]));
    causes.extend(of_schemas(spec));
    let stored = crd["status"]["storedVersions"].as_array();
    if stored.is_none_or(Vec::is_empty) {
        let why = "must have at least one stored version";
        causes.push(Cause::invalid("status.storedVersions", &Value::Null, why));
    }
    causes
}

fn of_group(group: &str) -> Option<Cause> {
    if group.is_empty() {
        return Some(Cause::required("spec.group", ""));
    }
    if let Some(problem) = names::subdomain_problem(group) {
        return Some(Cause::invalid("spec.group", &json!(group), &problem));
    }
    (!group.contains('.')).then(|| {
        let why = "should be a domain with at least one dot";
        Cause::invalid("spec.group", &json!(group), why)
    })
}

fn of_scope(scope: &Value) -> Option<Cause> {
    match scope.as_str().unwrap_or_default() {
        "" => Some(Cause::required("spec.scope", "")),
        "Cluster" | "Namespaced" => None,
        _ => Some(Cause::not_supported(
            "spec.scope",
            scope,
            &["Cluster", "Namespaced"],
        )),
    }
}

fn of_versions(versions: &Value) -> Vec<Cause> {
    let mut causes = Vec::new();
    let all = versions.as_array().map_or(&[][..], Vec::as_slice);
    let mut seen = BTreeSet::new();
    for (i, version) in all.iter().enumerate() {
        let name = version["name"].as_str().unwrap_or_default();
        if !seen.insert(name) {
            causes.push(in_versions(all, "must contain unique version names"));
        }
        if let Some(problem) = names::service_problem(name) {
            let at = format!("spec.versions[{i}].name");
            causes.push(Cause::invalid(at, &json!(name), &problem));
        }
    }
    if all.iter().filter(|v| v["storage"] == true).count() != 1 {
        let why = "must have exactly one version marked as storage version";
        causes.push(in_versions(all, why));
    }
    causes
}

/// What is wrong with all versions together, which are shown as Go prints them: without what is common to all.
fn in_versions(versions: &[Value], why: &str) -> Cause {
    let common = versions.len() == 1;
    let one = |v: &Value| {
        let or_null = |field: &str| {
            if common {
                Value::Null
            } else {
                v[field].clone()
            }
        };
        let flag = |field: &str| v[field] == true;
        format!(
            "{{\"Name\":{},\"Served\":{},\"Storage\":{},\"Deprecated\":{},\"DeprecationWarning\":{},\"Schema\":{},\"Subresources\":{},\"AdditionalPrinterColumns\":{},\"SelectableFields\":{}}}",
            v["name"],
            flag("served"),
            flag("storage"),
            flag("deprecated"),
            v["deprecationWarning"],
            or_null("schema"),
            or_null("subresources"),
            or_null("additionalPrinterColumns"),
            or_null("selectableFields"),
        )
    };
    let all: Vec<String> = versions.iter().map(one).collect();
    Cause {
        reason: "FieldValueInvalid",
        message: format!("Invalid value: [{}]: {why}", all.join(",")),
        field: "spec.versions".to_owned(),
    }
}

fn of_names(given: &Value) -> Vec<Cause> {
    let text = |field: &str| given[field].as_str().unwrap_or_default();
    let mut causes = Vec::new();
    for field in ["plural", "singular"] {
        let name = text(field);
        let at = format!("spec.names.{field}");
        if name.is_empty() && field == "plural" {
            causes.push(Cause::required(at, ""));
        } else if let Some(problem) = names::service_problem(name).filter(|_| !name.is_empty()) {
            causes.push(Cause::invalid(at, &json!(name), &problem));
        }
    }
    for field in ["kind", "listKind"] {
        let name = text(field);
        let at = format!("spec.names.{field}");
        if name.is_empty() {
            causes.push(Cause::required(at, ""));
        } else if let Some(problem) = names::service_problem(&name.to_lowercase()) {
            let why = format!("may have mixed case, but should otherwise match: {problem}");
            causes.push(Cause::invalid(at, &json!(name), &why));
        }
    }
    if !text("kind").is_empty() && text("kind") == text("listKind") {
        let why = "kind and listKind may not be the same";
        let at = "spec.names.listKind";
        causes.push(Cause::invalid(at, &given["listKind"], why));
    }
    let short = given["shortNames"].as_array().into_iter().flatten();
    for (i, name) in short.enumerate() {
        if let Some(problem) = names::service_problem(name.as_str().unwrap_or_default()) {
            let at = format!("spec.names.shortNames[{i}]");
            causes.push(Cause::invalid(at, name, &problem));
        }
    }
    causes
}

fn of_schemas(spec: &Value) -> Vec<Cause> {
    let versions = spec["versions"].as_array().map_or(&[][..], Vec::as_slice);
    let mut causes = Vec::new();
    for (i, version) in versions.iter().enumerate() {
        let schema = &version["schema"]["openAPIV3Schema"];
        if schema.is_null() {
            let at = format!("spec.versions[{i}].schema.openAPIV3Schema");
            causes.push(Cause::required(at, ""));
            continue;
        }
        // What all versions share, as a single one does, is told of as one.
        let at = if versions.len() == 1 {
            "spec.validation.openAPIV3Schema".to_owned()
        } else {
            format!("spec.versions[{i}].schema.openAPIV3Schema")
        };
        structural::check::schema(schema, &at, &mut causes);
    }
    causes
}
