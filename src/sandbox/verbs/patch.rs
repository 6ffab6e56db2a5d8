//! Patching: the four kinds of patches on one object.

use json_patch::{PatchOperation, jsonptr::Pointer};
use serde_json::Value;

use super::{
    Api, How, Written, key, missing, set,
    write::{DEEPEST, Place, not_too_deep},
    writer,
};
use crate::sandbox::{
    extensions::structural,
    patch::{
        managers::{self, Operation},
        merge, strategic,
    },
    registry::Resource,
    schema::decode,
    status::{About, Cause, Refusal},
};

/// The kinds of patches, by their content types.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// RFC 6902.
    Json,
    /// RFC 7386.
    Merge,
    /// Kubernetes' own.
    Strategic,
    /// Server-side apply.
    Apply,
}

impl Kind {
    /// By a request's content type.
    pub fn of(content_type: &str) -> Result<Self, Refusal> {
        let kind = content_type.split(';').next().unwrap_or_default().trim();
        Ok(match kind {
            "application/json-patch+json" => Self::Json,
            "application/merge-patch+json" => Self::Merge,
            "application/strategic-merge-patch+json" => Self::Strategic,
            "application/apply-patch+yaml" => Self::Apply,
            _ => {
                return Err(Refusal::unsupported_media_type());
            }
        })
    }
}

impl Api {
    /// A change of one object. Server-side apply makes one that is not there.
    pub fn patch(
        &self,
        resource: &Resource,
        namespace: Option<&str>,
        wanted: &str,
        patch: (Kind, &Value),
        how: &How,
    ) -> Result<Written, Refusal> {
        let written = self.patch_quietly(resource, namespace, wanted, patch, how);
        self.follow(resource, written)
    }

    /// The same, without what follows from it at once.
    pub(in crate::sandbox) fn patch_quietly(
        &self,
        resource: &Resource,
        namespace: Option<&str>,
        wanted: &str,
        (kind, patch): (Kind, &Value),
        how: &How,
    ) -> Result<Written, Refusal> {
        let place = Place::of(resource, namespace, how);
        if kind == Kind::Apply {
            return self.apply(&place, wanted, patch);
        }
        self.store.with(|state| {
            let live = state.get(&resource.place, &key(namespace, wanted));
            let live = live.ok_or_else(|| missing(resource, wanted))?;
            let live = resource.seen(live);
            let mut object = (*live).clone();
            changed(&mut object, kind, patch, resource)?;
            let decoded = place.decode(&mut object);
            let mut warnings =
                decoded.map_err(|refusal| unfit(refusal, resource, (kind, patch), &live))?;
            place.fits(&mut object, Some(wanted))?;
            let operation = Operation::Update;
            let object = self.replace(state, &place, &live, object, operation, &mut warnings)?;
            Ok(Written {
                object,
                created: false,
                warnings,
            })
        })
    }

    fn apply(&self, place: &Place<'_>, wanted: &str, config: &Value) -> Result<Written, Refusal> {
        let (resource, how) = (place.resource, place.how);
        let mut config = config.clone();
        if how.manager.is_empty() {
            let causes = vec![Cause::no_manager()];
            return Err(Refusal::of_options("PatchOptions", causes));
        }
        let text = |field: &str| config[field].as_str().unwrap_or_default();
        let (version, sent) = (text("apiVersion"), text("kind"));
        if version != resource.api_version() || sent != resource.kind {
            // The core group is named by nothing before the slash.
            let slash = if version.contains('/') { "" } else { "/" };
            return Err(Refusal::bad_request(format!(
                "invalid object type: {slash}{version}, Kind={sent}"
            )));
        }
        if config["metadata"]["managedFields"]
            .as_array()
            .is_some_and(|m| !m.is_empty())
        {
            return Err(Refusal::bad_request("metadata.managedFields must be nil"));
        }
        undeclared(resource, &config)?;
        unknown(resource, &config)?;
        let mut warnings = place.decode(&mut config)?;
        if config["metadata"]["name"].is_null() {
            set(&mut config, "name", Some(Value::from(wanted)));
        }
        place.fits(&mut config, Some(wanted))?;
        let Some(schema) = resource.schema() else {
            return Err(Refusal::method_not_allowed());
        };
        let by = writer(resource, how, Operation::Apply);
        let now = self.clock.stamp();
        let rules = (
            how.force,
            crate::sandbox::kinds::unmanaged(resource, &how.subresource),
        );
        self.store.with(|state| {
            let live = state.get(&resource.place, &key(place.namespace, wanted));
            let live = live.map(|live| resource.seen(live));
            let object = managers::applied(live.as_deref(), &config, schema, &by, rules, &now)?;
            let created = live.is_none();
            let object = match &live {
                None if !how.subresource.is_empty() => return Err(missing(resource, wanted)),
                None => self.insert(state, place, object, Operation::Apply, &mut warnings)?,
                Some(live) => {
                    self.replace(state, place, live, object, Operation::Apply, &mut warnings)?
                }
            };
            Ok(Written {
                object,
                created,
                warnings,
            })
        })
    }
}

/// Changes an object by a patch, without keeping it.
pub(crate) fn changed(
    object: &mut Value,
    kind: Kind,
    patch: &Value,
    resource: &Resource,
) -> Result<(), Refusal> {
    match kind {
        Kind::Merge if patch.is_array() => Err(Refusal::bad_request(
            "error decoding patch: json: cannot unmarshal array into Go value of type map[string]interface {}",
        )),
        Kind::Merge => {
            merge::rfc7386(object, patch);
            Ok(())
        }
        Kind::Strategic => match &resource.built_in {
            Some(schema) => strategic::apply(object, patch, schema),
            None => Err(Refusal::unsupported_patch()),
        },
        _ => rfc6902(object, patch),
    }
}

/// The refusal of a patch that leads to no object of its kind: it repeats the object or, of a strategic patch, the patch.
fn unfit(
    refusal: Refusal,
    resource: &Resource,
    (kind, patch): (Kind, &Value),
    live: &Value,
) -> Refusal {
    let place = format!(" cannot be handled as a {}: ", resource.kind);
    let Some((_, problem)) = refusal.message.split_once(&place) else {
        return refusal;
    };
    let strict = problem.starts_with("strict decoding error");
    let shown = match kind {
        _ if resource.definition.is_some() => return refusal,
        Kind::Strategic if strict => printed(patch),
        Kind::Strategic => return refusal,
        _ => {
            let mut object = live.clone();
            // It was applied a moment ago.
            let _ = changed(&mut object, kind, patch, resource);
            object.to_string()
        }
    };
    let cause = Cause::invalid("patch", &Value::from(shown), problem);
    let about = About {
        group: "",
        resource: "",
    };
    Refusal::invalid(about, "", vec![cause])
}

/// A value as Go prints it.
pub(in crate::sandbox) fn printed(value: &Value) -> String {
    match value {
        Value::Null => "<nil>".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(printed).collect();
            format!("[{}]", items.join(" "))
        }
        Value::Object(map) => {
            let pair = |(key, value): (&String, &Value)| format!("{key}:{}", printed(value));
            let pairs: Vec<String> = map.iter().map(pair).collect();
            format!("map[{}]", pairs.join(" "))
        }
        other => other.to_string(),
    }
}

/// Refuses a configuration with fields that a built-in kind does not have: server-side apply can't own them.
fn unknown(resource: &Resource, config: &Value) -> Result<(), Refusal> {
    let Some(schema) = &resource.built_in else {
        return Ok(());
    };
    let mut rest = config.clone();
    let noticed = decode::built_in(&mut rest, schema, &resource.kind, &resource.version);
    // Values of another type are refused later.
    let unknown = noticed.map(|noticed| noticed.unknown).unwrap_or_default();
    not_declared(resource, config, &unknown)
}

/// Refuses a configuration with fields that the schema of a custom resource does not have: server-side apply can't own them.
fn undeclared(resource: &Resource, config: &Value) -> Result<(), Refusal> {
    let Some(definition) = &resource.definition else {
        return Ok(());
    };
    let mut rest = config.clone();
    let unknown = structural::prune(&mut rest, definition.structure());
    not_declared(resource, config, &unknown)
}

fn not_declared(resource: &Resource, config: &Value, unknown: &[String]) -> Result<(), Refusal> {
    let told = |path: &String| format!(".{path}: field not declared in schema");
    let why = match unknown {
        [] => return Ok(()),
        [one] => told(one),
        all => {
            let lines: Vec<String> = all.iter().map(|p| format!("\n  {}", told(p))).collect();
            format!("errors:{}", lines.concat())
        }
    };
    let metadata = &config["metadata"];
    let text = |field: &str| metadata[field].as_str().unwrap_or_default();
    let version = resource.api_version();
    let slash = if resource.group.is_empty() { "/" } else { "" };
    Err(Refusal::unexpected(format!(
        "failed to create typed patch object ({}/{}; {slash}{version}, Kind={}): {why}",
        text("namespace"),
        text("name"),
        resource.kind,
    )))
}

/// The most operations of one JSON Patch.
/// <https://github.com/kubernetes/kubernetes/blob/master/staging/src/k8s.io/apiserver/pkg/endpoints/handlers/patch.go> (`maxJSONPatchOperations`)
const MOST_OPERATIONS: usize = 10_000;
/// The most that its copies may add, in bytes of JSON.
/// <https://github.com/kubernetes/kubernetes/blob/master/staging/src/k8s.io/apiserver/pkg/server/config.go> (`JSONPatchMaxCopyBytes`)
const MOST_COPIED: usize = 3 << 20;

/// What a patch is that is no list, in Go's words.
fn unlisted(patch: &Value) -> Option<&'static str> {
    match patch {
        Value::Array(_) | Value::Null => None,
        Value::Object(_) => Some("object"),
        Value::String(_) => Some("string"),
        Value::Number(_) => Some("number"),
        Value::Bool(_) => Some("bool"),
    }
}

/// Applies a JSON Patch. One that would take all memory is refused.
pub(super) fn rfc6902(object: &mut Value, patch: &Value) -> Result<(), Refusal> {
    let operations = patch.as_array().map_or(&[][..], Vec::as_slice);
    if operations.len() > MOST_OPERATIONS {
        return Err(Refusal::too_large());
    }
    if let Some(found) = unlisted(patch) {
        return Err(Refusal::bad_request(format!(
            "error decoding patch: json: cannot unmarshal {found} into Go value of type []handlers.jsonPatchOp"
        )));
    }
    let operations: json_patch::Patch =
        serde_json::from_value(patch.clone()).map_err(|_| Refusal::unprocessable())?;
    let (mut copied, mut deepest) = (0, depth(object));
    for operation in operations.iter() {
        if let PatchOperation::Copy(copy) = operation {
            // Each copy may double what there is.
            let more = copy.from.resolve(object).ok();
            copied += more.map_or(0, |value| value.to_string().len());
            if copied > MOST_COPIED {
                return Err(Refusal::unprocessable());
            }
        }
        let added = added(object, operation);
        json_patch::patch(
            object,
            std::slice::from_ref(added.as_ref().unwrap_or(operation)),
        )
        .map_err(|_| Refusal::unprocessable())?;
        // Each operation may put one half of the object below the other; what lies too deep can't even be thrown away.
        deepest = deepest.max(reached(operation, deepest));
        if deepest > DEEPEST {
            not_too_deep(object)?;
            deepest = depth(object);
        }
    }
    Ok(())
}

/// The addition that a replacement is of a field that is not there: the API server takes it for one.
fn added(object: &Value, operation: &PatchOperation) -> Option<PatchOperation> {
    let PatchOperation::Replace(replace) = operation else {
        return None;
    };
    let (parent, _) = replace.path.split_back()?;
    let is_field = parent.resolve(object).is_ok_and(Value::is_object);
    let missing = replace.path.resolve(object).is_err();
    (is_field && missing).then(|| {
        PatchOperation::Add(json_patch::AddOperation {
            path: replace.path.clone(),
            value: replace.value.clone(),
        })
    })
}

/// How deep the object may be after an operation at the most, of one that was so deep.
fn reached(operation: &PatchOperation, deepest: usize) -> usize {
    let moved =
        |from: &Pointer, path: &Pointer| path.count() + deepest.saturating_sub(from.count());
    match operation {
        PatchOperation::Add(add) => add.path.count() + depth(&add.value),
        PatchOperation::Replace(replace) => replace.path.count() + depth(&replace.value),
        PatchOperation::Copy(copy) => moved(&copy.from, &copy.path),
        PatchOperation::Move(change) => moved(&change.from, &change.path),
        PatchOperation::Remove(_) | PatchOperation::Test(_) => 0,
    }
}

/// How deep values lie in each other.
fn depth(value: &Value) -> usize {
    match value {
        Value::Object(map) => 1 + map.values().map(depth).max().unwrap_or_default(),
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or_default(),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn copies_are_bounded_by_what_they_add() {
        let copy = |n: usize| json!({"op": "copy", "from": "/a", "path": format!("/c{n}")});
        let mut object = json!({"a": 1});
        let many: Vec<Value> = (0..20).map(copy).collect();
        rfc6902(&mut object, &json!(many)).unwrap();
        assert_eq!(object["c19"], 1);
        // Each doubles what there is.
        let doubles: Vec<Value> = (0..40)
            .map(|n| json!({"op": "copy", "from": "", "path": format!("/d{n}")}))
            .collect();
        let refused = rfc6902(&mut object, &json!(doubles)).unwrap_err();
        assert_eq!(refused.code, 422);
    }

    #[test]
    fn what_lies_too_deep_is_refused_before_it_is_too_deep_to_throw_away() {
        let below = |depth: usize| "/a".repeat(depth);
        // Each puts the whole below itself.
        let mut operations = vec![json!({"op": "add", "path": "/a", "value": {"a": {}}})];
        for power in 1..17 {
            let path = below((1 << power) + 1);
            operations.push(json!({"op": "copy", "from": "/a", "path": path}));
        }
        let refused = rfc6902(&mut json!({}), &json!(operations)).unwrap_err();
        assert_eq!(refused.code, 413);
        let mut object = json!({"a": {}, "b": {"c": {"d": 1}}});
        let to_and_fro: Vec<Value> = (0..400)
            .map(|n| {
                if n % 2 == 0 {
                    ("/b/c", "/a/x")
                } else {
                    ("/a/x", "/b/c")
                }
            })
            .map(|(from, path)| json!({"op": "move", "from": from, "path": path}))
            .collect();
        rfc6902(&mut object, &json!(to_and_fro)).unwrap();
    }
}
