//! What can be done with objects.

pub mod bind;
pub mod delete;
pub mod patch;
pub mod read;
pub mod review;
pub mod scale;
mod token;
pub mod write;

use std::sync::{Arc, PoisonError, RwLock};

use serde_json::{Value, json};

use super::{
    authz::User,
    clock::Clock,
    extensions,
    metrics::load::Load,
    patch::managers::{Operation, Writer},
    programs::runs::Runs,
    prometheus::instances::Instances,
    registry::{Registry, Resource},
    schema::sources,
    start,
    status::Refusal,
    store::{Key, Store},
    tokens::Signer,
};

/// The objects of a cluster, with the rules by which they change.
#[derive(Debug)]
pub struct Api {
    /// The objects.
    pub store: Store,
    /// The time.
    pub clock: Clock,
    /// The Prometheus servers that run in the cluster.
    pub prometheuses: Instances,
    /// What programs got that asked others.
    pub runs: Runs,
    /// What requests cost the programs in Pods.
    pub load: Load,
    registry: RwLock<Arc<Registry>>,
    /// The certificate of the authority that signed the server's own, in PEM.
    certificate: RwLock<Arc<str>>,
    /// The key that signs the tokens of `ServiceAccounts`.
    signer: RwLock<Arc<Signer>>,
}

/// How a write is meant.
#[derive(Debug, Clone, Default)]
pub struct How {
    /// Who writes.
    pub user: User,
    /// The name of the field manager.
    pub manager: String,
    /// The subresource that is written; empty for the object itself.
    pub subresource: String,
    /// Whether nothing is to be kept.
    pub dry_run: bool,
    /// Whether fields that others manage are taken over.
    pub force: bool,
    /// What is done about fields that the kind does not have.
    pub validation: Validation,
    /// What stands in the request's body twice, as it is warned of.
    pub twice: Vec<String>,
}

/// What is done about fields that the kind does not have.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Validation {
    /// They are dropped without a word.
    Ignore,
    /// They are dropped, and the answer warns of it.
    #[default]
    Warn,
    /// The request is refused.
    Strict,
}

/// What a write gives.
#[derive(Debug, Clone)]
pub struct Written {
    /// The object as it is now.
    pub object: Arc<Value>,
    /// Whether it is new.
    pub created: bool,
    /// What the answer warns of.
    pub warnings: Vec<String>,
}

impl How {
    /// A plain write by a part of the cluster itself.
    #[must_use]
    pub fn by(manager: &str) -> Self {
        Self {
            user: User::admin(&format!("system:{manager}")),
            manager: manager.to_owned(),
            ..Self::default()
        }
    }
}

impl Api {
    /// An empty cluster, in memory alone.
    #[must_use]
    pub fn new(registry: Registry, clock: Clock) -> Self {
        Self::over(Store::default(), registry, clock)
    }

    /// The cluster of a store. In an empty one, the API server's own objects are made.
    #[must_use]
    pub fn over(store: Store, registry: Registry, clock: Clock) -> Self {
        let fresh = store.is_empty();
        let api = Self {
            store,
            clock,
            prometheuses: Instances::default(),
            runs: Runs::default(),
            load: Load::default(),
            registry: RwLock::new(Arc::new(registry)),
            certificate: RwLock::new(Arc::from("")),
            signer: RwLock::new(Arc::new(Signer::random())),
        };
        if fresh {
            api.bootstrap();
        }
        extensions::restore(&api);
        api
    }

    /// The roles, bindings and namespaces that every cluster has.
    fn bootstrap(&self) {
        let registry = self.registry();
        let how = How::by("kube-apiserver");
        let namespaces = ["default", "kube-node-lease", "kube-public", "kube-system"];
        let namespaces = namespaces.map(
            |name| json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}),
        );
        let access = sources::sources().access.clone();
        let own = namespaces.into_iter().chain(access);
        for object in own.chain(start::of_the_server()) {
            let api_version = object["apiVersion"]
                .as_str()
                .unwrap_or("rbac.authorization.k8s.io/v1");
            let kind = object["kind"].as_str().unwrap_or_default();
            let Some(resource) = registry.of_kind(api_version, kind) else {
                continue;
            };
            let namespace = object["metadata"]["namespace"].as_str().map(str::to_owned);
            let made = self.make(&resource, namespace.as_deref(), object, &how);
            if let Err(refusal) = made {
                tracing::warn!("not made at the start: {}", refusal.message);
            }
        }
    }

    /// One object of the start. The rules of a role that gathers those of others are its controller's.
    fn make(
        &self,
        resource: &Resource,
        namespace: Option<&str>,
        mut object: Value,
        how: &How,
    ) -> Result<(), Refusal> {
        let gathered = object
            .get("aggregationRule")
            .is_some()
            .then(|| object["rules"].take());
        let wanted = name(&object).to_owned();
        self.create(resource, namespace, object, how)?;
        if let Some(rules) = gathered {
            let how = How {
                force: true,
                ..How::by("clusterrole-aggregation-controller")
            };
            let config = json!({
                "apiVersion": resource.api_version(), "kind": resource.kind,
                "metadata": {"name": wanted}, "rules": rules,
            });
            self.patch(
                resource,
                namespace,
                &wanted,
                (patch::Kind::Apply, &config),
                &how,
            )?;
        }
        Ok(())
    }

    /// The certificate by which the server is known, in PEM.
    #[must_use]
    pub fn certificate(&self) -> Arc<str> {
        let certificate = self.certificate.read();
        Arc::clone(&certificate.unwrap_or_else(PoisonError::into_inner))
    }

    /// Says by which certificate the server is known: before the controllers start, who write it into every namespace.
    pub fn set_certificate(&self, pem: &str) {
        let mut certificate = self
            .certificate
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        *certificate = Arc::from(pem);
    }

    /// What follows from a write at once: of a CRD, that its kind is served.
    fn follow<T>(&self, resource: &Resource, written: Result<T, Refusal>) -> Result<T, Refusal> {
        if written.is_ok() && (resource.custom || extensions::is_definition(resource)) {
            extensions::follow(self, resource);
        }
        written
    }

    /// Serves something else from now on.
    pub(super) fn serve_only(&self, registry: Registry) {
        let mut serving = self
            .registry
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        *serving = Arc::new(registry);
    }

    /// The key that signs the tokens of `ServiceAccounts`.
    #[must_use]
    pub fn signer(&self) -> Arc<Signer> {
        let signer = self.signer.read();
        Arc::clone(&signer.unwrap_or_else(PoisonError::into_inner))
    }

    /// Says which secret the key that signs tokens comes from: tokens of an earlier process hold still.
    pub fn sign_with(&self, secret: &[u8]) {
        let mut signer = self.signer.write().unwrap_or_else(PoisonError::into_inner);
        *signer = Arc::new(Signer::of(secret));
    }

    /// What is served now.
    #[must_use]
    pub fn registry(&self) -> Arc<Registry> {
        let registry = self.registry.read();
        Arc::clone(&registry.unwrap_or_else(PoisonError::into_inner))
    }
}

/// Where an object of a resource is kept.
#[must_use]
pub fn key(namespace: Option<&str>, name: &str) -> Key {
    (namespace.unwrap_or_default().to_owned(), name.to_owned())
}

/// The name of an object.
pub(crate) fn name(object: &Value) -> &str {
    object["metadata"]["name"].as_str().unwrap_or_default()
}

fn writer(resource: &Resource, how: &How, operation: Operation) -> Writer {
    Writer {
        name: how.manager.clone(),
        operation,
        api_version: resource.api_version(),
        subresource: how.subresource.clone(),
    }
}

/// The object's own metadata, which a client can't set.
fn set(object: &mut Value, field: &str, value: Option<Value>) {
    if let Some(metadata) = object["metadata"].as_object_mut() {
        match value {
            Some(value) => metadata.insert(field.to_owned(), value),
            None => metadata.remove(field),
        };
    }
}

/// The refusal for an object that is not there.
fn missing(resource: &Resource, name: &str) -> Refusal {
    Refusal::not_found(resource.about(), name)
}
