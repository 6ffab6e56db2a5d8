//! Manifests: YAML files whose string values are templates, and whose objects stay inside the lab's projects.

use serde_json::Value;

use super::{names, template::Scope};

/// The largest manifest that is read, in bytes.
const LARGEST: usize = 1 << 20;
/// The most objects of one manifest.
const MOST: usize = 200;

/// What a manifest is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
    /// The program applies it.
    Applied,
    /// The learner does; it may ask for a project of the lab.
    Typed,
}

/// The objects of a manifest, rendered. Every one is named, and none lies outside `projects`.
pub(super) fn objects(
    text: &str,
    scope: &Scope,
    projects: &[String],
    what_for: Use,
) -> Result<Vec<Value>, String> {
    if text.len() > LARGEST {
        return Err(format!("the file is larger than {LARGEST} bytes"));
    }
    // `defaultMode: 0644` means 420 to every Kubernetes client.
    let options = serde_yaml::options! { legacy_octal_numbers: true };
    let documents: Vec<Value> = serde_yaml::from_multiple_with_options(text, options)
        .map_err(|e| e.to_string().lines().next().unwrap_or_default().to_owned())?;
    if documents.len() > MOST {
        return Err(format!("the file has more than {MOST} objects"));
    }
    documents
        .into_iter()
        .filter(|d| !d.is_null())
        .map(|mut document| {
            scope.render_json(&mut document)?;
            belongs(&document, projects, what_for)?;
            Ok(document)
        })
        .collect()
}

fn belongs(object: &Value, projects: &[String], what_for: Use) -> Result<(), String> {
    let text = |pointer| {
        object
            .pointer(pointer)
            .and_then(Value::as_str)
            .unwrap_or_default()
    };
    let (kind, name) = (text("/kind"), text("/metadata/name"));
    if text("/apiVersion").is_empty() || kind.is_empty() || name.is_empty() {
        return Err("every document needs apiVersion, kind and metadata.name".to_owned());
    }
    let is_project = matches!(kind, "Namespace" | "ProjectRequest");
    let namespace = if is_project && what_for == Use::Typed {
        name
    } else {
        text("/metadata/namespace")
    };
    if namespace.is_empty() {
        return Err(format!(
            "{kind} {name} needs metadata.namespace, one of the lab's projects"
        ));
    }
    if names::is_protected(namespace) || !projects.iter().any(|p| p == namespace) {
        return Err(format!(
            "{kind} {name} is in \"{namespace}\", which is none of the lab's projects"
        ));
    }
    Ok(())
}
