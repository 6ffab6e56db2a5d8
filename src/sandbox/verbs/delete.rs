//! Deleting: at once, after finalizers, after what belongs to it, or after a while.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{Api, key, missing, name, read::Wanted, set};
use crate::sandbox::{
    admission,
    authz::User,
    extensions, kinds,
    pointer::items,
    registry::Resource,
    status::{About, Cause, Refusal},
    store::{State, selector::Selector},
};

/// How a deletion is meant.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Who deletes.
    pub user: User,
    /// What becomes of the objects that belong to it; the kind's own way where it is not given.
    pub propagation: Option<Propagation>,
    /// How many seconds it may take to end; the kind's own time where it is not given.
    pub grace: Option<i64>,
    /// Only the object of this uid.
    pub uid: Option<String>,
    /// Only this version of the object.
    pub version: Option<String>,
    /// Whether nothing is to change.
    pub dry_run: bool,
}

/// What becomes of the objects that belong to one that is deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Propagation {
    /// They stay.
    Orphan,
    /// They go afterwards.
    Background,
    /// They go before.
    Foreground,
}

/// What became of an object.
#[derive(Debug, Clone)]
pub enum Deleted {
    /// It is gone.
    Gone(Arc<Value>),
    /// It is going: something holds it still.
    Going(Arc<Value>),
}

impl Options {
    /// Of a `DeleteOptions` object.
    pub fn parse(body: &Value) -> Result<Self, Refusal> {
        let text = |v: &Value| v.as_str().map(str::to_owned);
        let wanted = &body["propagationPolicy"];
        let mut causes = Vec::new();
        let propagation = match (wanted.as_str(), body["orphanDependents"].as_bool()) {
            (Some(_), Some(_)) => {
                let why = "orphanDependents and deletionPropagation cannot be both set";
                causes.push(Cause::invalid("propagationPolicy", wanted, why));
                None
            }
            (None, Some(true)) | (Some("Orphan"), None) => Some(Propagation::Orphan),
            (None, Some(false)) | (Some("Background"), None) => Some(Propagation::Background),
            (Some("Foreground"), None) => Some(Propagation::Foreground),
            (None, None) => None,
            (Some(wanted), None) => {
                let known = ["Foreground", "Background", "Orphan", "nil"];
                causes.push(Cause::none_of_its_type("propagationPolicy", wanted, &known));
                None
            }
        };
        let dry = items(&body["dryRun"]);
        if dry.iter().any(|d| d != "All") {
            causes.push(Cause::not_supported("dryRun", &body["dryRun"], &["All"]));
        }
        if !causes.is_empty() {
            return Err(Refusal::of_options("DeleteOptions", causes));
        }
        Ok(Self {
            user: User::default(),
            propagation,
            grace: body["gracePeriodSeconds"].as_i64(),
            uid: text(&body["preconditions"]["uid"]),
            version: text(&body["preconditions"]["resourceVersion"]),
            dry_run: !dry.is_empty(),
        })
    }
}

impl Api {
    /// Deletes an object.
    pub fn delete(
        &self,
        resource: &Resource,
        namespace: Option<&str>,
        wanted: &str,
        options: &Options,
    ) -> Result<Deleted, Refusal> {
        let deleted = self.delete_quietly(resource, namespace, wanted, options);
        self.follow(resource, deleted)
    }

    /// The same, without what follows from it at once.
    pub(in crate::sandbox) fn delete_quietly(
        &self,
        resource: &Resource,
        namespace: Option<&str>,
        wanted: &str,
        options: &Options,
    ) -> Result<Deleted, Refusal> {
        self.store.with(|state| {
            let live = state.get(&resource.place, &key(namespace, wanted));
            let live = live.ok_or_else(|| missing(resource, wanted))?;
            self.remove(state, resource, &live, options)
        })
    }

    /// Deletes the objects that a selector names; gives them as they were.
    pub fn delete_all(
        &self,
        resource: &Resource,
        namespace: Option<&str>,
        selector: &Selector,
        options: &Options,
    ) -> Result<Vec<Arc<Value>>, Refusal> {
        let wanted = Wanted {
            selector: selector.clone(),
            ..Wanted::default()
        };
        let found = self.list(resource, namespace, &wanted)?.items;
        let mut gone = Vec::new();
        for object in found {
            let of = object["metadata"]["namespace"].as_str();
            match self.delete(resource, of, name(&object), options) {
                Ok(_) => gone.push(Arc::clone(&object)),
                // Somebody else was faster.
                Err(refusal) if refusal.code == http::StatusCode::NOT_FOUND => {}
                Err(refusal) => return Err(refusal),
            }
        }
        Ok(gone)
    }

    fn remove(
        &self,
        state: &mut State,
        resource: &Resource,
        live: &Arc<Value>,
        options: &Options,
    ) -> Result<Deleted, Refusal> {
        let metadata = &live["metadata"];
        let differs = |what: &str, wanted: &str, field: &str, happened: &str| {
            let is = metadata[field].as_str().unwrap_or_default();
            let why = format!(
                "the {what} in the precondition ({wanted}) does not match the {what} in record ({is}). The object might have been {happened}"
            );
            let about = About {
                resource: &resource.kind,
                ..resource.about()
            };
            (is != wanted).then(|| Refusal::conflict(about, name(live), &why))
        };
        let uid = options
            .uid
            .as_deref()
            .and_then(|uid| differs("UID", uid, "uid", "deleted and then recreated"));
        let version = options.version.as_deref();
        let version =
            version.and_then(|v| differs("ResourceVersion", v, "resourceVersion", "modified"));
        if let Some(refusal) = uid.or(version) {
            return Err(refusal);
        }
        let request = admission::Request {
            operation: admission::Operation::Delete,
            resource,
            subresource: "",
            namespace: metadata["namespace"].as_str(),
            user: &options.user,
            before: Some(live),
            dry_run: options.dry_run,
        };
        admission::validate(self, state, &request, live)?;
        let mut object = (**live).clone();
        let mut finalizers = metadata["finalizers"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        for (wanted, finalizer) in [
            (Propagation::Foreground, "foregroundDeletion"),
            (Propagation::Orphan, "orphan"),
        ] {
            finalizers.retain(|f| f != finalizer || options.propagation.is_none());
            if options.propagation == Some(wanted) {
                finalizers.push(json!(finalizer));
            }
        }
        finalizers.extend(kinds::last_finalizer(resource, live).map(|f| json!(f)));
        set(
            &mut object,
            "finalizers",
            (!finalizers.is_empty()).then(|| json!(finalizers)),
        );
        let grace = kinds::grace(resource, live, options.grace);
        let held = !finalizers.is_empty() || grace > 0 || kinds::ends_slowly(resource, live);
        let key = key(metadata["namespace"].as_str(), name(live));
        if options.dry_run {
            return Ok(if held {
                if kinds::ends_slowly(resource, live) {
                    let now = Some(json!(self.clock.stamp()));
                    set(&mut object, "deletionTimestamp", now);
                }
                kinds::begin_end(resource, &mut object);
                Deleted::Going(Arc::new(object))
            } else {
                Deleted::Gone(Arc::clone(live))
            });
        }
        if !held {
            let gone = state.remove(&resource.place, &key);
            return Ok(Deleted::Gone(gone.unwrap_or_else(|| Arc::clone(live))));
        }
        let going = metadata["deletionTimestamp"].is_string();
        let shorter = metadata["deletionGracePeriodSeconds"]
            .as_i64()
            .is_some_and(|left| grace < left);
        if !going || shorter {
            set(
                &mut object,
                "deletionTimestamp",
                Some(json!(self.clock.stamp_after(grace))),
            );
            let definition = extensions::is_definition(resource);
            // Both of these end in ways of their own, which know no grace.
            let untimed = definition || (resource.group.is_empty() && resource.kind == "Namespace");
            set(
                &mut object,
                "deletionGracePeriodSeconds",
                (!untimed).then(|| json!(grace)),
            );
            if !going && kinds::has_generation(resource) && !definition {
                let generation = metadata["generation"].as_i64().unwrap_or_default() + 1;
                set(&mut object, "generation", Some(json!(generation)));
            }
        }
        kinds::begin_end(resource, &mut object);
        if object == **live {
            return Ok(Deleted::Going(Arc::clone(live)));
        }
        Ok(Deleted::Going(state.put(&resource.place, &key, object)))
    }
}
