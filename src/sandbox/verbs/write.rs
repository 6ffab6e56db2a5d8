//! Creating and updating.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{Api, How, Validation, Written, key, missing, name, set, writer};
use crate::sandbox::{
    admission,
    extensions::structural,
    kinds, names,
    patch::managers::{self, Operation},
    registry::Resource,
    schema::decode,
    status::{Cause, Refusal},
    store::State,
};

/// Where a change happens.
pub(super) struct Place<'a> {
    pub(super) resource: &'a Resource,
    pub(super) namespace: Option<&'a str>,
    pub(super) how: &'a How,
}

impl Api {
    /// A new object.
    pub fn create(
        &self,
        resource: &Resource,
        namespace: Option<&str>,
        mut object: Value,
        how: &How,
    ) -> Result<Written, Refusal> {
        let place = Place::of(resource, namespace, how);
        let mut warnings = place.decode(&mut object)?;
        place.fits(&mut object, None)?;
        let written = self.store.with(|state| {
            let object = self.insert(state, &place, object, Operation::Update, &mut warnings)?;
            Ok(Written {
                object,
                created: true,
                warnings,
            })
        });
        self.follow(resource, written)
    }

    /// Keeps a new object.
    pub(super) fn insert(
        &self,
        state: &mut State,
        place: &Place<'_>,
        mut object: Value,
        operation: Operation,
        warnings: &mut Vec<String>,
    ) -> Result<Arc<Value>, Refusal> {
        not_too_deep(&object)?;
        let resource = place.resource;
        let request = place.request(admission::Operation::Create, None);
        kinds::prepare(resource, &mut object);
        for field in [
            "uid",
            "creationTimestamp",
            "deletionTimestamp",
            "deletionGracePeriodSeconds",
            "resourceVersion",
            "selfLink",
        ] {
            set(&mut object, field, None);
        }
        let generation = kinds::has_generation(resource).then(|| json!(1));
        set(&mut object, "generation", generation);
        kinds::default(resource, &mut object);
        if operation == Operation::Update {
            self.manage(place, None, &mut object);
        }
        // What the cluster adds of itself, nobody manages.
        warnings.extend(admission::mutate(self, state, &request, &mut object)?);
        if name(&object).is_empty()
            && let Some(base) = object["metadata"]["generateName"].as_str()
        {
            let generated = names::generate(base);
            set(&mut object, "name", Some(json!(generated)));
        }
        let key = key(place.namespace, name(&object));
        set(&mut object, "uid", Some(json!(names::uid())));
        let now = Some(json!(self.clock.stamp()));
        set(&mut object, "creationTimestamp", now);
        kinds::prepare(resource, &mut object);
        kinds::default(resource, &mut object);
        let causes = kinds::validate(resource, &object);
        if !causes.is_empty() {
            return Err(Refusal::invalid(
                resource.about_kind(),
                name(&object),
                causes,
            ));
        }
        warnings.extend(admission::validate(self, state, &request, &object)?);
        if let Some(live) = state.get(&resource.place, &key) {
            let going = live["metadata"]["deletionTimestamp"].is_string();
            return Err(if going {
                Refusal::still_going(resource.about(), name(&object))
            } else {
                Refusal::already_exists(resource.about(), name(&object))
            });
        }
        kinds::add(resource, &mut object);
        resource.store(&mut object);
        if place.how.dry_run {
            return Ok(Arc::new(object));
        }
        Ok(state.put(&resource.place, &key, object))
    }

    /// Another state for an object.
    pub fn update(
        &self,
        resource: &Resource,
        namespace: Option<&str>,
        wanted: &str,
        mut object: Value,
        how: &How,
    ) -> Result<Written, Refusal> {
        let place = Place::of(resource, namespace, how);
        let mut warnings = place.decode(&mut object)?;
        place.fits(&mut object, Some(wanted))?;
        place.is_definite(&object)?;
        let written = self.store.with(|state| {
            let live = state.get(&resource.place, &key(namespace, wanted));
            let live = resource.seen(live.ok_or_else(|| missing(resource, wanted))?);
            let operation = Operation::Update;
            let object = self.replace(state, &place, &live, object, operation, &mut warnings)?;
            Ok(Written {
                object,
                created: false,
                warnings,
            })
        });
        self.follow(resource, written)
    }

    /// Keeps an object in another state. One that is as it was gets no new version.
    pub(super) fn replace(
        &self,
        state: &mut State,
        place: &Place<'_>,
        live: &Arc<Value>,
        mut object: Value,
        operation: Operation,
        warnings: &mut Vec<String>,
    ) -> Result<Arc<Value>, Refusal> {
        let resource = place.resource;
        not_too_deep(&object)?;
        place.is_meant(live, &object)?;
        let request = place.request(admission::Operation::Update, Some(live));
        for field in [
            "uid",
            "creationTimestamp",
            "deletionTimestamp",
            "deletionGracePeriodSeconds",
            "generation",
        ] {
            set(&mut object, field, live["metadata"].get(field).cloned());
        }
        kinds::prepare_update(resource, &place.how.subresource, live, &mut object);
        kinds::default(resource, &mut object);
        if operation == Operation::Update {
            self.manage(place, Some(live), &mut object);
        }
        warnings.extend(admission::mutate(self, state, &request, &mut object)?);
        kinds::default(resource, &mut object);
        if kinds::has_generation(resource) && kinds::has_changed(live, &object) {
            let generation = live["metadata"]["generation"].as_i64().unwrap_or_default() + 1;
            set(&mut object, "generation", Some(json!(generation)));
        }
        let causes = kinds::validate_update(resource, live, &object);
        if !causes.is_empty() {
            return Err(Refusal::invalid(
                resource.about_kind(),
                name(&object),
                causes,
            ));
        }
        warnings.extend(admission::validate(self, state, &request, &object)?);
        let version = live["metadata"]["resourceVersion"].clone();
        set(&mut object, "resourceVersion", Some(version));
        resource.store(&mut object);
        if same(live, &object) {
            return Ok(Arc::clone(live));
        }
        if place.how.dry_run {
            return Ok(Arc::new(object));
        }
        let key = key(place.namespace, name(&object));
        // What is going and held by nothing any more is gone; a Pod's node holds it until its grace is over.
        let held = object["metadata"]["finalizers"]
            .as_array()
            .is_some_and(|f| !f.is_empty());
        let grace = object["metadata"]["deletionGracePeriodSeconds"].as_i64();
        if object["metadata"]["deletionTimestamp"].is_string()
            && grace.unwrap_or_default() == 0
            && !held
            && !kinds::ends_slowly(resource, &object)
        {
            state.put(&resource.place, &key, object);
            return Ok(state
                .remove(&resource.place, &key)
                .unwrap_or_else(|| Arc::clone(live)));
        }
        Ok(state.put(&resource.place, &key, object))
    }

    /// Notes who wrote something that is not kept.
    pub(super) fn note_writer(&self, resource: &Resource, how: &How, object: &mut Value) {
        let place = Place::of(resource, None, how);
        self.manage(&place, None, object);
    }

    /// Notes who wrote.
    fn manage(&self, place: &Place<'_>, before: Option<&Value>, object: &mut Value) {
        let Some(schema) = place.resource.schema() else {
            return;
        };
        let by = writer(place.resource, place.how, Operation::Update);
        let unmanaged = kinds::unmanaged(place.resource, &place.how.subresource);
        let rules = (!place.resource.custom, unmanaged);
        managers::updated(before, object, schema, &by, rules, &self.clock.stamp());
    }
}

/// Reads something that is not kept; gives what to warn of.
pub(super) fn understand(
    resource: &Resource,
    how: &How,
    object: &mut Value,
) -> Result<Vec<String>, Refusal> {
    Place::of(resource, None, how).decode(object)
}

/// The deepest that values lie in each other: what is written down has to be read again, by a reader who takes 127.
pub(super) const DEEPEST: usize = 100;

/// Refuses an object whose values lie too deep in each other.
pub(super) fn not_too_deep(object: &Value) -> Result<(), Refusal> {
    fn fits(value: &Value, left: usize) -> bool {
        match value {
            Value::Object(map) => left > 0 && map.values().all(|v| fits(v, left - 1)),
            Value::Array(items) => left > 0 && items.iter().all(|v| fits(v, left - 1)),
            _ => true,
        }
    }
    if fits(object, DEEPEST) {
        Ok(())
    } else {
        Err(Refusal::too_large())
    }
}

/// Whether two states are the same, but for when who wrote.
fn same(a: &Value, b: &Value) -> bool {
    let bare = |v: &Value| {
        let mut out = v.clone();
        for entry in out["metadata"]["managedFields"]
            .as_array_mut()
            .into_iter()
            .flatten()
        {
            entry["time"] = Value::Null;
        }
        out
    };
    bare(a) == bare(b)
}

impl<'a> Place<'a> {
    pub(super) fn of(resource: &'a Resource, namespace: Option<&'a str>, how: &'a How) -> Self {
        Self {
            resource,
            namespace,
            how,
        }
    }
}

impl Place<'_> {
    /// The request, to those who admit it.
    fn request<'b>(
        &'b self,
        operation: admission::Operation,
        before: Option<&'b Value>,
    ) -> admission::Request<'b> {
        admission::Request {
            operation,
            resource: self.resource,
            subresource: &self.how.subresource,
            namespace: self.namespace,
            user: &self.how.user,
            before,
            dry_run: self.how.dry_run,
        }
    }

    /// Reads what was sent: of the right kind, without fields that the kind does not have; gives what to warn of.
    pub(super) fn decode(&self, object: &mut Value) -> Result<Vec<String>, Refusal> {
        let resource = self.resource;
        let (kind, version) = (resource.kind.as_str(), resource.api_version());
        if !object.is_object() {
            return Err(Refusal::bad_request(
                "couldn't get version/kind; json parse error: json: cannot unmarshal array into Go value of type struct { APIVersion string \"json:\\\"apiVersion,omitempty\\\"\"; Kind string \"json:\\\"kind,omitempty\\\"\" }",
            ));
        }
        if resource.definition.is_some() {
            return self.decode_custom(object);
        }
        let given = |field: &str| object[field].as_str().unwrap_or_default().to_owned();
        let (given_version, given_kind) = (given("apiVersion"), given("kind"));
        if !given_version.is_empty() && given_version != version {
            return Err(Refusal::bad_request(format!(
                "{kind} in version \"{given_version}\" cannot be handled as a {kind}: no kind \"{kind}\" is registered for version \"{given_version}\" in scheme \"pkg/runtime/scheme.go:110\""
            )));
        }
        if !given_kind.is_empty() && given_kind != kind {
            return Err(Refusal::bad_request(format!(
                "{given_kind} in version \"{}\" cannot be handled as a {kind}: converting ({}.{given_kind}) to ({}.{kind}): unknown conversion",
                resource.version,
                resource.version,
                if resource.group.is_empty() {
                    "core"
                } else {
                    resource.group.split('.').next().unwrap_or_default()
                }
            )));
        }
        object["apiVersion"] = json!(version);
        object["kind"] = json!(kind);
        if object["metadata"].is_null() {
            object["metadata"] = json!({});
        }
        let Some(schema) = &resource.built_in else {
            return Ok(Vec::new());
        };
        let noticed = decode::built_in(object, schema, kind, &resource.version)?;
        self.noticed(&noticed.unknown)
    }

    /// The same for a custom resource, whose schema tells what there is.
    fn decode_custom(&self, object: &mut Value) -> Result<Vec<String>, Refusal> {
        let resource = self.resource;
        let Some(definition) = &resource.definition else {
            return Ok(Vec::new());
        };
        let version = resource.api_version();
        let given = object["apiVersion"].as_str().unwrap_or_default();
        if given != version {
            return Err(Refusal::bad_request(format!(
                "the API version in the data ({given}) does not match the expected API version ({version})"
            )));
        }
        let given = object["kind"].as_str().unwrap_or_default();
        if given != resource.kind {
            let why = format!("must be {}", resource.kind);
            let cause = Cause::invalid("kind", &json!(given), &why);
            let about = crate::sandbox::status::About {
                group: &resource.group,
                resource: given,
            };
            return Err(Refusal::invalid(about, name(object), vec![cause]));
        }
        if object["metadata"].is_null() {
            object["metadata"] = json!({});
        }
        let mut unknown = structural::metadata(object, &resource.kind, &resource.version)?;
        unknown.extend(structural::prune(object, definition.structure()));
        self.noticed(&unknown)
    }

    /// What comes of fields that stand there twice, and of those that the kind does not have.
    fn noticed(&self, unknown: &[String]) -> Result<Vec<String>, Refusal> {
        let (kind, resource) = (&self.resource.kind, self.resource);
        let unknown = unknown
            .iter()
            .map(|field| format!("unknown field \"{field}\""));
        let told: Vec<String> = self.how.twice.iter().cloned().chain(unknown).collect();
        if told.is_empty() {
            return Ok(Vec::new());
        }
        match self.how.validation {
            Validation::Ignore => Ok(Vec::new()),
            Validation::Warn => Ok(told),
            Validation::Strict => Err(Refusal::bad_request(format!(
                "{kind} in version \"{}\" cannot be handled as a {kind}: strict decoding error: {}{}",
                resource.version,
                // Lines of a text in YAML are told as its reader tells them.
                if told[0].starts_with("line ") {
                    "yaml: unmarshal errors:\n  "
                } else {
                    ""
                },
                told.join(", ")
            ))),
        }
    }

    /// Whether the object is for this namespace and of this name.
    pub(super) fn fits(&self, object: &mut Value, wanted: Option<&str>) -> Result<(), Refusal> {
        let given = |object: &Value, field: &str| {
            object["metadata"][field]
                .as_str()
                .unwrap_or_default()
                .to_owned()
        };
        let namespace = self.namespace.filter(|_| self.resource.namespaced);
        let sent = given(object, "namespace");
        match namespace {
            Some(namespace) if !sent.is_empty() && sent != namespace => {
                return Err(Refusal::bad_request(
                    "the namespace of the provided object does not match the namespace sent on the request",
                ));
            }
            Some(namespace) => set(object, "namespace", Some(json!(namespace))),
            None => set(object, "namespace", None),
        }
        let sent = given(object, "name");
        if let Some(wanted) = wanted
            && sent != wanted
        {
            let message = if sent.is_empty() {
                format!(
                    "the name of the object ({wanted} based on URL) was undeterminable: name must be provided"
                )
            } else {
                format!(
                    "the name of the object ({sent}) does not match the name on the URL ({wanted})"
                )
            };
            return Err(Refusal::bad_request(message));
        }
        if wanted.is_none() && sent.is_empty() && given(object, "generateName").is_empty() {
            let cause = Cause::required("metadata.name", "name or generateName is required");
            return Err(Refusal::invalid(
                self.resource.about_kind(),
                "",
                vec![cause],
            ));
        }
        Ok(())
    }

    /// Whether an update of a custom object says which version it is based on, as it has to.
    fn is_definite(&self, object: &Value) -> Result<(), Refusal> {
        let version = object["metadata"]["resourceVersion"].as_str();
        if self.resource.definition.is_none() || version.is_some_and(|v| !v.is_empty()) {
            return Ok(());
        }
        let why = "must be specified for an update";
        let cause = Cause::invalid("metadata.resourceVersion", &json!(0), why);
        Err(Refusal::invalid(
            self.resource.about(),
            name(object),
            vec![cause],
        ))
    }

    /// Whether the live object is the one that the writer had in mind.
    fn is_meant(&self, live: &Value, object: &Value) -> Result<(), Refusal> {
        let given = |field: &str| object["metadata"][field].as_str().unwrap_or_default();
        let about = self.resource.about();
        let (uid, live_uid) = (
            given("uid"),
            live["metadata"]["uid"].as_str().unwrap_or_default(),
        );
        if !uid.is_empty() && uid != live_uid {
            let why = format!(
                "Precondition failed: UID in precondition: {uid}, UID in object meta: {live_uid}"
            );
            return Err(Refusal::conflict(about, name(live), &why));
        }
        let version = given("resourceVersion");
        if !version.is_empty() && live["metadata"]["resourceVersion"] != version {
            return Err(Refusal::modified(about, name(live)));
        }
        Ok(())
    }
}
