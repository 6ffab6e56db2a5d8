//! What is written down of built-in kinds: their groups, resources and types, and the roles that an API server makes.
//!
//! Read, it takes ten times as much memory as its text, and is needed at the start, and for `OpenAPI` documents: it is read when it
//! is needed, and forgotten when nobody holds it any more.

use std::{
    collections::HashMap,
    sync::{Arc, LazyLock, Mutex, PoisonError, Weak},
};

use serde_json::{Map, Value};

use super::Types;

/// The kinds of Kubernetes, as `tests/rig/structure.py` wrote them down.
const KUBERNETES: &str = include_str!("kubernetes.json");
/// The kinds that `OpenShift` adds: as `tests/openshift/structure.py` wrote them down; those of which only a little is known, by
/// hand.
const OPENSHIFT: [&str; 2] = [
    include_str!("openshift.json"),
    include_str!("openshift_config.json"),
];

/// All of it.
#[derive(Debug, Default)]
pub struct Sources {
    /// The groups of Kubernetes.
    pub kubernetes: Vec<Value>,
    /// The groups that `OpenShift` adds.
    pub openshift: Vec<Value>,
    /// The types, by name.
    pub types: Map<String, Value>,
    /// The roles and bindings that an API server makes for itself.
    pub access: Vec<Value>,
    /// The names of the types, by version and kind.
    names: HashMap<(String, String), String>,
}

impl Sources {
    fn read() -> Self {
        let mut all = Self::default();
        let mut kubernetes = object(KUBERNETES);
        all.kubernetes = list(&mut kubernetes, "groups");
        all.access = list(&mut kubernetes, "access");
        all.add_types(&mut kubernetes);
        for text in OPENSHIFT {
            let mut source = object(text);
            all.openshift.extend(list(&mut source, "groups"));
            all.add_types(&mut source);
        }
        all
    }

    fn add_types(&mut self, source: &mut Map<String, Value>) {
        let Some(Value::Object(types)) = source.remove("types") else {
            return;
        };
        for (name, schema) in types {
            let kinds = schema["x-kubernetes-group-version-kind"].as_array();
            // Types such as DeleteOptions belong to every group.
            for kind in kinds.filter(|k| k.len() < 3).into_iter().flatten() {
                let text = |key: &str| kind[key].as_str().unwrap_or_default();
                let version = api_version(text("group"), text("version"));
                let known = self.names.entry((version, text("kind").to_owned()));
                known.or_insert_with(|| name.clone());
            }
            self.types.insert(name, schema);
        }
    }

    /// The name of the type of a kind, such as `Deployment` of `apps/v1`.
    #[must_use]
    pub fn type_name(&self, version: &str, kind: &str) -> Option<&str> {
        let key = (version.to_owned(), kind.to_owned());
        self.names.get(&key).map(String::as_str)
    }
}

/// What is written down; read anew unless somebody holds it.
#[must_use]
pub fn sources() -> Arc<Sources> {
    static HELD: Mutex<Weak<Sources>> = Mutex::new(Weak::new());
    let mut held = HELD.lock().unwrap_or_else(PoisonError::into_inner);
    held.upgrade().unwrap_or_else(|| {
        let read = Arc::new(Sources::read());
        *held = Arc::downgrade(&read);
        read
    })
}

/// The types, as they are used.
#[must_use]
pub fn types() -> &'static Types {
    static TYPES: LazyLock<Types> = LazyLock::new(|| Types::load(&sources().types));
    &TYPES
}

/// `v1`, `apps/v1`.
fn api_version(group: &str, version: &str) -> String {
    if group.is_empty() {
        version.to_owned()
    } else {
        format!("{group}/{version}")
    }
}

fn object(text: &str) -> Map<String, Value> {
    serde_json::from_str(text).unwrap_or_default()
}

fn list(source: &mut Map<String, Value>, field: &str) -> Vec<Value> {
    match source.remove(field) {
        Some(Value::Array(items)) => items,
        _ => Vec::new(),
    }
}
