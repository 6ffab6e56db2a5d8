//! A cluster as a controller sees it: reads, writes in its name, and events.

use std::{
    borrow::Cow,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    sync::Arc,
    time::Duration,
};

use serde_json::{Value, json};

use crate::sandbox::{
    authz::User,
    registry::{self, Resource},
    status::{About, Refusal},
    store::{Change, Fact, Key},
    verbs::{
        Api, How,
        delete::{Deleted, Options},
        key, name, patch,
    },
};

/// A resource that controllers know by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kind {
    /// The API group; empty for the core group.
    pub group: &'static str,
    /// The version.
    pub version: &'static str,
    /// The plural.
    pub plural: &'static str,
}

impl Kind {
    /// A resource of a group/version.
    #[must_use]
    pub const fn new(group: &'static str, version: &'static str, plural: &'static str) -> Self {
        Self {
            group,
            version,
            plural,
        }
    }

    /// Whether a change is of an object of this kind.
    #[must_use]
    pub fn is_of(self, change: &Change) -> bool {
        match self.group {
            "" => *change.place == *self.plural,
            group => {
                let rest = change.place.strip_prefix(self.plural);
                rest.and_then(|r| r.strip_prefix('.')) == Some(group)
            }
        }
    }
}

/// Namespaces.
pub const NAMESPACES: Kind = Kind::new("", "v1", "namespaces");
/// Nodes.
pub const NODES: Kind = Kind::new("", "v1", "nodes");
/// Pods.
pub const PODS: Kind = Kind::new("", "v1", "pods");
/// Services.
pub const SERVICES: Kind = Kind::new("", "v1", "services");
/// Endpoints.
pub const ENDPOINTS: Kind = Kind::new("", "v1", "endpoints");
/// Events.
pub const EVENTS: Kind = Kind::new("", "v1", "events");
/// Secrets.
pub const SECRETS: Kind = Kind::new("", "v1", "secrets");
/// `ConfigMaps`.
pub const CONFIG_MAPS: Kind = Kind::new("", "v1", "configmaps");
/// `ServiceAccounts`.
pub const SERVICE_ACCOUNTS: Kind = Kind::new("", "v1", "serviceaccounts");
/// `ReplicaSets`.
pub const REPLICA_SETS: Kind = Kind::new("apps", "v1", "replicasets");
/// `Deployments`.
pub const DEPLOYMENTS: Kind = Kind::new("apps", "v1", "deployments");
/// `StatefulSets`.
pub const STATEFUL_SETS: Kind = Kind::new("apps", "v1", "statefulsets");

/// The cluster, to a controller.
#[derive(Debug)]
pub struct Cluster<'a> {
    /// The API, for what is not offered here.
    pub api: &'a Api,
    how: Cow<'a, How>,
    component: &'static str,
}

/// Something that happened to an object, for people to read.
#[derive(Debug, Clone, Copy)]
pub struct Event<'a> {
    /// The object.
    pub about: &'a Value,
    /// The part of it that is meant, such as `spec.containers{web}`; empty for the whole.
    pub part: &'a str,
    /// Whether something is wrong.
    pub warning: bool,
    /// Why, in one word.
    pub reason: &'a str,
    /// What happened.
    pub message: &'a str,
    /// The node where it was seen; empty where it was on none.
    pub node: &'a str,
}

impl<'a> Cluster<'a> {
    /// The cluster, as a controller of a program sees it.
    #[must_use]
    pub fn new(api: &'a Api, component: &'static str, program: &str) -> Self {
        Self {
            api,
            how: Cow::Owned(writes(component, program)),
            component,
        }
    }

    /// The same for one that is known already.
    #[must_use]
    pub fn of(api: &'a Api, component: &'static str, how: &'a How) -> Self {
        Self {
            api,
            how: Cow::Borrowed(how),
            component,
        }
    }

    /// The controller that this is for.
    #[must_use]
    pub fn component(&self) -> &'static str {
        self.component
    }

    /// The time, as objects carry it.
    #[must_use]
    pub fn stamp(&self) -> String {
        self.api.clock.stamp()
    }

    /// How much simulated time has passed since the start.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.api.clock.elapsed()
    }

    /// An object; the namespace is empty for one that lies in none.
    #[must_use]
    pub fn get(&self, kind: Kind, namespace: &str, name: &str) -> Option<Arc<Value>> {
        let place = registry::place(kind.group, kind.plural);
        let key = (namespace.to_owned(), name.to_owned());
        let object = self.api.store.get(&place, &key)?;
        Some(self.seen(kind, object))
    }

    /// An object in the version that is asked for: it is kept in the one in which it was written.
    fn seen(&self, kind: Kind, object: Arc<Value>) -> Arc<Value> {
        let kept = object["apiVersion"].as_str().unwrap_or_default();
        if registry::split(kept).1 == kind.version {
            return object;
        }
        match self.resource(kind) {
            Ok(resource) => resource.seen(object),
            Err(_) => object,
        }
    }

    /// All objects of a kind, or those of one namespace.
    #[must_use]
    pub fn list(&self, kind: Kind, namespace: Option<&str>) -> Vec<Arc<Value>> {
        let place = registry::place(kind.group, kind.plural);
        let all: Vec<Arc<Value>> = self
            .api
            .store
            .with(|state| state.list(&place, namespace).collect());
        all.into_iter().map(|o| self.seen(kind, o)).collect()
    }

    /// The objects of a kind that an object of their namespace controls.
    #[must_use]
    pub fn owned(&self, kind: Kind, owner: &Value) -> Vec<Arc<Value>> {
        let text = |field: &str| owner["metadata"][field].as_str().unwrap_or_default();
        let by = Fact::ControlledBy(text("uid").to_owned());
        self.known(kind, text("namespace"), &by)
    }

    /// The objects of a kind and a namespace of which something is known.
    #[must_use]
    pub fn known(&self, kind: Kind, namespace: &str, fact: &Fact) -> Vec<Arc<Value>> {
        let place = registry::place(kind.group, kind.plural);
        self.api
            .store
            .with(|state| state.known(&place, Some(namespace), fact))
    }

    /// The Pods of which something is known in the whole cluster.
    #[must_use]
    pub fn pods(&self, fact: &Fact) -> Vec<Arc<Value>> {
        let place = registry::place(PODS.group, PODS.plural);
        self.api.store.with(|state| state.known(&place, None, fact))
    }

    /// The names of the Pods of which something is known in the whole cluster.
    #[must_use]
    pub fn pod_keys(&self, fact: &Fact) -> Vec<Key> {
        let place = registry::place(PODS.group, PODS.plural);
        self.api.store.with(|state| state.known_keys(&place, fact))
    }

    /// Of how many Pods something is known in the whole cluster.
    #[must_use]
    pub fn count_pods(&self, fact: &Fact) -> usize {
        let place = registry::place(PODS.group, PODS.plural);
        self.api.store.with(|state| state.count_known(&place, fact))
    }

    /// A new object, in the namespace that it names.
    pub fn create(&self, kind: Kind, object: Value) -> Result<Arc<Value>, Refusal> {
        let resource = self.resource(kind)?;
        let namespace = namespace_of(&object);
        let made = self
            .api
            .create(&resource, namespace.as_deref(), object, &self.how)?;
        Ok(made.object)
    }

    /// Another state for an object; a conflict if it carries a version that is no longer the newest.
    pub fn update(&self, kind: Kind, object: Value) -> Result<Arc<Value>, Refusal> {
        self.write(kind, object, "")
    }

    /// Another status for an object.
    pub fn update_status(&self, kind: Kind, object: Value) -> Result<Arc<Value>, Refusal> {
        self.write(kind, object, "status")
    }

    fn write(&self, kind: Kind, object: Value, sub: &str) -> Result<Arc<Value>, Refusal> {
        let resource = self.resource(kind)?;
        let namespace = namespace_of(&object);
        let wanted = name(&object).to_owned();
        let how = self.through(sub);
        let written = self
            .api
            .update(&resource, namespace.as_deref(), &wanted, object, &how)?;
        Ok(written.object)
    }

    /// Changes some fields of an object by a merge patch.
    pub fn merge(&self, kind: Kind, object: &Value, patch: &Value) -> Result<Arc<Value>, Refusal> {
        self.merge_through(kind, object, patch, "")
    }

    /// Changes some fields of an object's status by a merge patch (`{"status": …}`).
    pub fn merge_status(
        &self,
        kind: Kind,
        object: &Value,
        patch: &Value,
    ) -> Result<Arc<Value>, Refusal> {
        self.merge_through(kind, object, patch, "status")
    }

    fn merge_through(
        &self,
        kind: Kind,
        object: &Value,
        patch: &Value,
        sub: &str,
    ) -> Result<Arc<Value>, Refusal> {
        let resource = self.resource(kind)?;
        let namespace = namespace_of(object);
        let written = self.api.patch(
            &resource,
            namespace.as_deref(),
            name(object),
            (patch::Kind::Merge, patch),
            &self.through(sub),
        )?;
        Ok(written.object)
    }

    /// Deletes an object; one that is gone already is no trouble.
    pub fn delete(&self, kind: Kind, object: &Value, options: &Options) -> Result<(), Refusal> {
        let resource = self.resource(kind)?;
        let namespace = namespace_of(object);
        let options = Options {
            user: self.how.user.clone(),
            uid: object["metadata"]["uid"].as_str().map(str::to_owned),
            ..options.clone()
        };
        match self
            .api
            .delete(&resource, namespace.as_deref(), name(object), &options)
        {
            Ok(Deleted::Gone(_) | Deleted::Going(_)) => Ok(()),
            Err(refusal) if refusal.code == http::StatusCode::NOT_FOUND => Ok(()),
            Err(refusal) => Err(refusal),
        }
    }

    /// Tells of something that happened. Told again, it counts up.
    pub fn event(&self, event: &Event<'_>) {
        if let Err(refusal) = self.tell(event) {
            // A namespace that ends takes no more events.
            tracing::debug!("an event was not kept: {}", refusal.message);
        }
    }

    fn tell(&self, event: &Event<'_>) -> Result<(), Refusal> {
        let metadata = &event.about["metadata"];
        let namespace = metadata["namespace"].as_str().unwrap_or("default");
        let about = name(event.about);
        let mut hash = DefaultHasher::new();
        let uid = metadata["uid"].as_str();
        (uid, event.part, event.reason, event.message, event.node).hash(&mut hash);
        let called = format!("{about}.{:016x}", hash.finish());
        let now = self.stamp();
        if let Some(before) = self.get(EVENTS, namespace, &called) {
            let count = before["count"].as_i64().unwrap_or(1) + 1;
            self.merge(
                EVENTS,
                &before,
                &json!({"count": count, "lastTimestamp": now}),
            )?;
            return Ok(());
        }
        let mut involved = json!({
            "apiVersion": event.about["apiVersion"], "kind": event.about["kind"], "name": about,
            "uid": metadata["uid"], "resourceVersion": metadata["resourceVersion"],
        });
        if let Some(namespace) = metadata["namespace"].as_str() {
            involved["namespace"] = json!(namespace);
        }
        if !event.part.is_empty() {
            involved["fieldPath"] = json!(event.part);
        }
        let mut source = json!({"component": self.component});
        if !event.node.is_empty() {
            source["host"] = json!(event.node);
        }
        let object = json!({
            "apiVersion": "v1", "kind": "Event", "metadata": {"name": called, "namespace": namespace},
            "involvedObject": involved, "reason": event.reason, "message": event.message,
            "source": source, "firstTimestamp": now, "lastTimestamp": now, "count": 1,
            "type": if event.warning { "Warning" } else { "Normal" },
            "reportingComponent": self.component, "reportingInstance": event.node,
        });
        self.create(EVENTS, object)?;
        Ok(())
    }

    /// The resource of a kind, as it is served.
    pub fn resource(&self, kind: Kind) -> Result<Arc<Resource>, Refusal> {
        let found = self
            .api
            .registry()
            .get(kind.group, kind.version, kind.plural);
        found.ok_or_else(|| {
            let about = About {
                group: kind.group,
                resource: kind.plural,
            };
            Refusal::not_found(about, "")
        })
    }

    /// How this controller writes, through a subresource.
    #[must_use]
    pub fn through(&self, subresource: &str) -> How {
        How {
            subresource: subresource.to_owned(),
            ..How::clone(&self.how)
        }
    }
}

/// How a controller of a program writes.
#[must_use]
pub fn writes(component: &str, program: &str) -> How {
    How {
        manager: program.to_owned(),
        user: User::admin(&format!("system:serviceaccount:kube-system:{component}")),
        ..How::default()
    }
}

/// The reference to the object that controls an object.
#[must_use]
pub fn controller_of(object: &Value) -> Option<&Value> {
    let owners = object["metadata"]["ownerReferences"].as_array()?;
    owners.iter().find(|r| r["controller"] == true)
}

/// A reference to an object as the controller of others.
#[must_use]
pub fn controlled_by(owner: &Value) -> Value {
    json!({
        "apiVersion": owner["apiVersion"], "kind": owner["kind"], "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"], "controller": true, "blockOwnerDeletion": true,
    })
}

/// Whether an object's end has begun.
#[must_use]
pub fn is_going(object: &Value) -> bool {
    object["metadata"]["deletionTimestamp"].is_string()
}

/// Where an object is kept.
#[must_use]
pub fn key_of(object: &Value) -> Key {
    key(object["metadata"]["namespace"].as_str(), name(object))
}

fn namespace_of(object: &Value) -> Option<String> {
    object["metadata"]["namespace"].as_str().map(str::to_owned)
}
