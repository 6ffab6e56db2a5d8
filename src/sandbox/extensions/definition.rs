//! From a CRD to the resources that it brings.

use std::{
    collections::BTreeMap,
    sync::{Arc, LazyLock, OnceLock},
};

use kube_cel::CompiledSchema;
use serde_json::{Map, Value, json};

use super::{Scale, structural};
use crate::sandbox::{
    registry::{self, Column, Registry, Resource, Subresource},
    schema::{Schema, Types, sources},
    store::Held,
};

/// The full names of the types in every object's metadata.
const META: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.";

/// A CRD in a state.
#[derive(Debug, Clone, PartialEq)]
struct Source {
    uid: String,
    generation: i64,
    /// They change without the generation, when another CRD frees a name.
    names: Value,
}

/// What a version of a CRD says of its objects.
#[derive(Debug)]
pub struct Definition {
    /// Which CRD, in which state: what did not change is not read again.
    source: Source,
    /// The CRD, and the version of it.
    crd: Arc<Held>,
    version: String,
    /// Its schemas, once they are needed: most CRDs of a cluster are not used.
    schemas: OnceLock<Schemas>,
    /// The version in which objects are kept.
    pub storage: String,
    /// Where the numbers of the scale subresource are.
    pub scale: Option<Scale>,
    /// What is said of those who use this version.
    pub warning: Option<String>,
    /// The fields by which objects can be selected.
    pub selectable: Vec<String>,
}

/// The schemas of a version.
#[derive(Debug)]
struct Schemas {
    /// The structural schema.
    structure: Value,
    /// That of the version in which objects are kept, where it is another version.
    stored: Option<Value>,
    /// The type of the objects.
    typed: Option<Schema>,
    /// The rules in CEL; none where there are none.
    rules: Option<CompiledSchema>,
}

impl Definition {
    /// The structural schema.
    #[must_use]
    pub fn structure(&self) -> &Value {
        &self.schemas().structure
    }

    /// The structural schema, for one look at it.
    #[must_use]
    pub fn read_structure(&self) -> Value {
        match self.schemas.get() {
            Some(schemas) => schemas.structure.clone(),
            None => structure(&self.crd.value(), &self.version).clone(),
        }
    }

    /// The type of the objects.
    #[must_use]
    pub fn schema(&self) -> Option<&Schema> {
        self.schemas().typed.as_ref()
    }

    /// Makes an object fit for being kept: what the stored version does not have is lost.
    pub fn store(&self, object: &mut Value) {
        if let Some(stored) = &self.schemas().stored {
            structural::prune(object, stored);
            structural::fill(object, stored);
        }
    }

    /// The rules in CEL; none where there are none.
    #[must_use]
    pub fn rules(&self) -> Option<&CompiledSchema> {
        self.schemas().rules.as_ref()
    }

    fn schemas(&self) -> &Schemas {
        self.schemas.get_or_init(|| {
            let crd = self.crd.value();
            let structure = structure(&crd, &self.version).clone();
            let other = self.storage != self.version;
            let has_rules = structural::has_rules(&structure);
            Schemas {
                stored: other.then(|| self::structure(&crd, &self.storage).clone()),
                typed: typed(&structure),
                rules: has_rules.then(|| kube_cel::compile_schema(&structure)),
                structure,
            }
        })
    }
}

/// The structural schema of a version of a CRD.
fn structure<'a>(crd: &'a Value, version: &str) -> &'a Value {
    let all = crd["spec"]["versions"].as_array().into_iter().flatten();
    let found = all.into_iter().find(|v| v["name"] == version);
    found.map_or(&Value::Null, |v| &v["schema"]["openAPIV3Schema"])
}

/// The version in which a CRD's objects are kept.
#[must_use]
pub fn storage_version(crd: &Value) -> &str {
    let all = crd["spec"]["versions"].as_array().into_iter().flatten();
    let stored = all.into_iter().find(|v| v["storage"] == true);
    stored.and_then(|v| v["name"].as_str()).unwrap_or_default()
}

/// What a CRD serves; what is served already as it is to be is taken over.
#[must_use]
pub fn resources(held: &Arc<Held>, crd: &Value, known: &Registry) -> Vec<Arc<Resource>> {
    let group = text(&crd["spec"]["group"]);
    let plural = text(&crd["status"]["acceptedNames"]["plural"]);
    let source = Source {
        uid: text(&crd["metadata"]["uid"]),
        generation: crd["metadata"]["generation"].as_i64().unwrap_or_default(),
        names: crd["status"]["acceptedNames"].clone(),
    };
    let versions = crd["spec"]["versions"].as_array().into_iter().flatten();
    versions
        .filter(|v| v["served"] == true)
        .map(|version| {
            let known = known.get(
                &group,
                version["name"].as_str().unwrap_or_default(),
                &plural,
            );
            let same = known.filter(|r| r.definition.as_ref().is_some_and(|d| d.source == source));
            same.unwrap_or_else(|| Arc::new(resource(held, crd, version, source.clone())))
        })
        .collect()
}

fn resource(held: &Arc<Held>, crd: &Value, version: &Value, source: Source) -> Resource {
    let (spec, names) = (&crd["spec"], &crd["status"]["acceptedNames"]);
    let (group, plural) = (text(&spec["group"]), text(&names["plural"]));
    let all = spec["versions"].as_array().map_or(&[][..], Vec::as_slice);
    let fields = version["selectableFields"].as_array().into_iter().flatten();
    let selectable = fields.map(|f| text(&f["jsonPath"]).trim_start_matches('.').to_owned());
    let kind = text(&names["kind"]);
    let definition = Definition {
        source,
        crd: Arc::clone(held),
        version: text(&version["name"]),
        schemas: OnceLock::new(),
        storage: storage_version(crd).to_owned(),
        scale: Scale::of(&version["subresources"]["scale"]),
        selectable: selectable.collect(),
        warning: warning(&group, &kind, version, all),
    };
    let name = text(&version["name"]);
    Resource {
        singular: text(&names["singular"]),
        short_names: texts(&names["shortNames"]),
        categories: texts(&names["categories"]),
        namespaced: spec["scope"] == "Namespaced",
        verbs: strings(&[
            "delete",
            "deletecollection",
            "get",
            "list",
            "patch",
            "create",
            "update",
            "watch",
        ]),
        hash: Some(hash(&group, storage_version(crd), &kind)),
        subresources: subresources(&version["subresources"], &kind),
        columns: columns(version),
        built_in: None,
        custom: true,
        place: registry::place(&group, &plural),
        version: name,
        group,
        plural,
        kind,
        definition: Some(Arc::new(definition)),
    }
}

/// What those are told who use a version that is deprecated.
fn warning(group: &str, kind: &str, version: &Value, all: &[Value]) -> Option<String> {
    if version["deprecated"] != true {
        return None;
    }
    if let Some(own) = version["deprecationWarning"].as_str() {
        return Some(own.to_owned());
    }
    let others = all
        .iter()
        .filter(|v| v["served"] == true && v["deprecated"] != true);
    let better = others
        .filter_map(|v| v["name"].as_str())
        .max_by_key(|name| registry::priority(name));
    let name = text(&version["name"]);
    let told = format!("{group}/{name} {kind} is deprecated");
    Some(match better {
        Some(better) => format!("{told}; use {group}/{better} {kind}"),
        None => told,
    })
}

/// What discovery says of the stored form: eight bytes of a hash of its name.
/// <https://github.com/kubernetes/apiserver/blob/master/pkg/endpoints/discovery/storageversionhash.go>
fn hash(group: &str, version: &str, kind: &str) -> String {
    use base64::Engine as _;
    use tokio_rustls::rustls::crypto::ring::cipher_suite::TLS13_AES_128_GCM_SHA256;

    let name = format!("{group}/{version}/{kind}");
    let digest = TLS13_AES_128_GCM_SHA256
        .tls13()
        .map(|suite| suite.common.hash_provider.hash(name.as_bytes()));
    let bytes = digest.as_ref().map_or(&[][..], |d| d.as_ref());
    base64::engine::general_purpose::STANDARD.encode(&bytes[..bytes.len().min(8)])
}

fn subresources(given: &Value, kind: &str) -> BTreeMap<String, Subresource> {
    let mut found = BTreeMap::new();
    let verbs = strings(&["get", "patch", "update"]);
    if given["status"].is_object() {
        let sub = Subresource {
            kind: kind.to_owned(),
            group: None,
            version: None,
            verbs: verbs.clone(),
        };
        found.insert("status".to_owned(), sub);
    }
    if given["scale"].is_object() {
        let sub = Subresource {
            kind: "Scale".to_owned(),
            group: Some("autoscaling".to_owned()),
            version: Some("v1".to_owned()),
            verbs,
        };
        found.insert("scale".to_owned(), sub);
    }
    found
}

fn columns(version: &Value) -> Vec<Column> {
    let age = json!({"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"});
    let given = version["additionalPrinterColumns"].as_array();
    let given = given.filter(|g| !g.is_empty());
    let given = given.map_or_else(|| vec![age], Clone::clone);
    let name = Column {
        name: "Name".to_owned(),
        kind: "string".to_owned(),
        format: "name".to_owned(),
        priority: 0,
        path: None,
    };
    let rest = given.iter().map(|c| Column {
        name: text(&c["name"]),
        kind: text(&c["type"]),
        format: text(&c["format"]),
        priority: c["priority"].as_i64().unwrap_or_default(),
        path: Some(text(&c["jsonPath"])),
    });
    std::iter::once(name).chain(rest).collect()
}

/// The type of the objects, for server-side apply.
fn typed(structure: &Value) -> Option<Schema> {
    static TYPES: LazyLock<Map<String, Value>> = LazyLock::new(|| {
        let sources = sources::sources();
        let all = sources.types.iter();
        all.filter(|(name, _)| name.starts_with(META))
            .map(|(name, schema)| (name.clone(), schema.clone()))
            .collect()
    });
    let mut types = TYPES.clone();
    let mut own = structure.clone();
    structural::embed(&mut own);
    types.insert("custom".to_owned(), own);
    Types::load(&types).get("custom")
}

/// The name of a custom type in `OpenAPI` documents: `com.coreos.monitoring.v1.Prometheus`.
#[must_use]
pub fn type_name(resource: &Resource) -> String {
    let mut parts: Vec<&str> = resource.group.split('.').collect();
    parts.reverse();
    format!("{}.{}.{}", parts.join("."), resource.version, resource.kind)
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn texts(value: &Value) -> Vec<String> {
    let all = value.as_array().into_iter().flatten();
    all.filter_map(|v| v.as_str().map(str::to_owned)).collect()
}

fn strings(all: &[&str]) -> Vec<String> {
    all.iter().map(|s| (*s).to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_the_one_of_a_real_server() {
        assert_eq!(hash("obscrds.test", "v1", "Widget"), "P/lR2rGdSvs=");
    }
}
