//! What is served: groups, versions, resources, and the types of their objects.

use std::{
    borrow::Cow,
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use serde_json::Value;

use super::{
    extensions::{definition::Definition, structural},
    flavour::Flavour,
    kinds, metrics,
    schema::{
        Schema,
        sources::{self, Sources},
    },
    status::About,
};

/// One API group.
#[derive(Debug, Clone)]
pub struct Group {
    /// Its name; empty for the core group.
    pub name: String,
    /// The version that clients take who don't choose.
    pub preferred: String,
    /// All versions, the preferred one first.
    pub versions: Vec<String>,
}

/// One resource of one group/version.
#[derive(Debug, Clone)]
pub struct Resource {
    /// The API group; empty for the core group.
    pub group: String,
    /// The version.
    pub version: String,
    /// The plural, as in paths.
    pub plural: String,
    /// The singular.
    pub singular: String,
    /// Other names that clients take.
    pub short_names: Vec<String>,
    /// Sets of resources that it belongs to, such as `all`.
    pub categories: Vec<String>,
    /// The kind of its objects.
    pub kind: String,
    /// Whether its objects lie in namespaces.
    pub namespaced: bool,
    /// What can be done with it.
    pub verbs: Vec<String>,
    /// What discovery says of its stored form.
    pub hash: Option<String>,
    /// Its subresources.
    pub subresources: BTreeMap<String, Subresource>,
    /// The columns of its tables.
    pub columns: Vec<Column>,
    /// The type of its objects; that of custom ones is their definition's.
    pub built_in: Option<Schema>,
    /// Whether a CRD brought it.
    pub custom: bool,
    /// What the CRD says of it.
    pub definition: Option<Arc<Definition>>,
    /// Where its objects are kept: versions of a resource share one place.
    pub place: Place,
}

/// A subresource.
#[derive(Debug, Clone)]
pub struct Subresource {
    /// The kind of what is sent and answered.
    pub kind: String,
    /// Its group, where that is another one.
    pub group: Option<String>,
    /// Its version, where that is another one.
    pub version: Option<String>,
    /// What can be done with it.
    pub verbs: Vec<String>,
}

/// A column of a table.
#[derive(Debug, Clone)]
pub struct Column {
    /// Its title.
    pub name: String,
    /// The type of its cells.
    pub kind: String,
    /// Their format; `name` for the object's name.
    pub format: String,
    /// Zero for the ones that are always shown.
    pub priority: i64,
    /// Where the value of a custom resource's cell is.
    pub path: Option<String>,
}

/// Where objects of a resource are kept: `deployments.apps`, `pods`.
pub type Place = Arc<str>;

/// Everything that is served.
#[derive(Debug, Clone, Default)]
pub struct Registry {
    groups: Vec<Group>,
    resources: HashMap<(String, String, String), Arc<Resource>>,
}

impl Resource {
    /// `v1`, `apps/v1`.
    #[must_use]
    pub fn api_version(&self) -> String {
        if self.group.is_empty() {
            self.version.clone()
        } else {
            format!("{}/{}", self.group, self.version)
        }
    }

    /// The type of its objects.
    #[must_use]
    pub fn schema(&self) -> Option<&Schema> {
        match &self.definition {
            Some(definition) => definition.schema(),
            None => self.built_in.as_ref(),
        }
    }

    /// Brings an object into the version in which it is kept.
    pub fn store(&self, object: &mut Value) {
        if let Some(definition) = &self.definition {
            object["apiVersion"] = format!("{}/{}", self.group, definition.storage).into();
            definition.store(object);
        }
    }

    /// An object in this version, with the fields that it has.
    #[must_use]
    pub fn shown<'a>(&self, object: &'a Value) -> Cow<'a, Value> {
        let Some(definition) = &self.definition else {
            return kinds::convert::shown(self, object);
        };
        if object["apiVersion"] == self.api_version() {
            return Cow::Borrowed(object);
        }
        let mut object = object.clone();
        object["apiVersion"] = self.api_version().into();
        structural::prune(&mut object, definition.structure());
        structural::fill(&mut object, definition.structure());
        Cow::Owned(object)
    }

    /// An object in this version, which is not copied where it is in it.
    #[must_use]
    pub fn seen(&self, object: Arc<Value>) -> Arc<Value> {
        match self.shown(&object) {
            Cow::Borrowed(_) => object,
            Cow::Owned(object) => Arc::new(object),
        }
    }

    /// As refusals speak of it.
    #[must_use]
    pub fn about(&self) -> About<'_> {
        About {
            group: &self.group,
            resource: &self.plural,
        }
    }

    /// As refusals of wrong fields speak of it.
    #[must_use]
    pub fn about_kind(&self) -> About<'_> {
        About {
            // Both groups of events look at them as the core group does.
            group: Some(self.group.as_str())
                .filter(|g| *g != "events.k8s.io")
                .unwrap_or_default(),
            resource: &self.kind,
        }
    }

    /// Whether something can be done with it.
    #[must_use]
    pub fn allows(&self, verb: &str) -> bool {
        self.verbs.iter().any(|v| v == verb)
    }
}

impl Registry {
    /// The kinds of Kubernetes itself.
    #[must_use]
    pub fn kubernetes() -> Self {
        let sources = sources::sources();
        let mut registry = Self::default();
        registry.add_all(&sources.kubernetes, &sources);
        registry
    }

    /// Serves all resources of these groups.
    fn add_all(&mut self, groups: &[Value], sources: &Sources) {
        for group in groups {
            self.groups.push(Group {
                name: text(&group["name"]),
                preferred: text(&group["preferred"]),
                versions: texts(&group["versions"]),
            });
            for (version, resources) in group["resources"].as_object().into_iter().flatten() {
                for (plural, of) in resources.as_object().into_iter().flatten() {
                    let group = text(&group["name"]);
                    let mut resource = read(group, version, plural, of);
                    let name = sources.type_name(&resource.api_version(), &resource.kind);
                    resource.built_in = name.and_then(|name| sources::types().get(name));
                    self.add(resource);
                }
            }
        }
    }

    /// The kinds of a flavour.
    #[must_use]
    pub fn of_flavour(flavour: Flavour) -> Self {
        let mut registry = Self::kubernetes();
        if flavour.has_openshift() {
            let sources = sources::sources();
            registry.add_all(&sources.openshift, &sources);
        }
        if flavour.has_olm() {
            registry.add(packages());
        }
        for resource in metrics::objects::resources() {
            registry.add(resource);
        }
        registry
    }

    /// Serves one more resource.
    pub fn add(&mut self, resource: Resource) {
        let known = self.groups.iter_mut().find(|g| g.name == resource.group);
        match known {
            Some(group) if group.versions.contains(&resource.version) => {}
            Some(group) => group.versions.push(resource.version.clone()),
            None => self.groups.push(Group {
                name: resource.group.clone(),
                preferred: resource.version.clone(),
                versions: vec![resource.version.clone()],
            }),
        }
        let key = (
            resource.group.clone(),
            resource.version.clone(),
            resource.plural.clone(),
        );
        self.resources.insert(key, Arc::new(resource));
    }

    /// With these custom resources instead of those it has; none where they are the same.
    #[must_use]
    pub fn with_custom(&self, resources: Vec<Arc<Resource>>) -> Option<Self> {
        let before = self.resources.values().filter(|r| r.custom).count();
        let is_known = |r: &Arc<Resource>| {
            let known = self.get(&r.group, &r.version, &r.plural);
            known.is_some_and(|k| Arc::ptr_eq(&k, r))
        };
        if before == resources.len() && resources.iter().all(is_known) {
            return None;
        }
        let mut new = self.clone();
        new.resources.retain(|_, r| !r.custom);
        let built_in = |g: &Group| new.resources.values().any(|r| r.group == g.name);
        let mut groups: Vec<Group> = self
            .groups
            .iter()
            .filter(|g| built_in(g))
            .cloned()
            .collect();
        let first = groups.len();
        for resource in resources {
            let mut of = groups.iter_mut().skip(first);
            match of.find(|g| g.name == resource.group) {
                Some(group) if group.versions.contains(&resource.version) => {}
                Some(group) => group.versions.push(resource.version.clone()),
                None => groups.push(Group {
                    name: resource.group.clone(),
                    preferred: String::new(),
                    versions: vec![resource.version.clone()],
                }),
            }
            let key = (
                resource.group.clone(),
                resource.version.clone(),
                resource.plural.clone(),
            );
            new.resources.insert(key, resource);
        }
        for group in groups.iter_mut().skip(first) {
            group.versions.sort_by(|a, b| priority(b).cmp(&priority(a)));
            group.preferred = group.versions.first().cloned().unwrap_or_default();
        }
        groups[first..].sort_by(|a, b| a.name.cmp(&b.name));
        new.groups = groups;
        Some(new)
    }

    /// A resource of a group/version.
    #[must_use]
    pub fn get(&self, group: &str, version: &str, plural: &str) -> Option<Arc<Resource>> {
        let key = (group.to_owned(), version.to_owned(), plural.to_owned());
        self.resources.get(&key).cloned()
    }

    /// The resource of a kind in a group/version.
    #[must_use]
    pub fn of_kind(&self, api_version: &str, kind: &str) -> Option<Arc<Resource>> {
        let (group, version) = split(api_version);
        let is = |r: &&Arc<Resource>| r.group == group && r.version == version && r.kind == kind;
        self.resources.values().find(is).cloned()
    }

    /// Whether a group is that of custom resources alone.
    #[must_use]
    pub fn is_custom(&self, group: &str) -> bool {
        let mut all = self.resources.values().filter(|r| r.group == group);
        all.all(|r| r.custom)
    }

    /// The groups, the core group first.
    #[must_use]
    pub fn groups(&self) -> &[Group] {
        &self.groups
    }

    /// The resources of a group/version, by name.
    #[must_use]
    pub fn of(&self, group: &str, version: &str) -> Vec<Arc<Resource>> {
        let is = |r: &&Arc<Resource>| r.group == group && r.version == version;
        let mut found: Vec<Arc<Resource>> = self.resources.values().filter(is).cloned().collect();
        found.sort_by(|a, b| a.plural.cmp(&b.plural));
        found
    }

    /// Every resource, in the first version of its group that has it.
    pub fn preferred(&self) -> impl Iterator<Item = &Arc<Resource>> {
        self.resources.values().filter(|r| {
            let group = self.groups.iter().find(|g| g.name == r.group);
            let mut versions = group.into_iter().flat_map(|g| &g.versions);
            let first = versions.find(|v| self.get(&r.group, v, &r.plural).is_some());
            first == Some(&r.version)
        })
    }
}

/// Which version of a custom group comes first: stable ones, then `beta`, then `alpha`, each the newest first, then all others.
/// <https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definition-versioning/#version-priority>
pub(super) fn priority(version: &str) -> (u8, u64, u64, std::cmp::Reverse<&str>) {
    let read = || {
        let rest = version.strip_prefix('v')?;
        let end = rest
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(rest.len());
        let (major, rest) = rest.split_at(end);
        let (rank, minor) = match rest {
            "" => (3, "0"),
            rest => rest
                .strip_prefix("beta")
                .map(|minor| (2, minor))
                .or_else(|| Some((1, rest.strip_prefix("alpha")?)))?,
        };
        Some((rank, major.parse().ok()?, minor.parse().ok()?))
    };
    let (rank, major, minor) = read().unwrap_or_default();
    (rank, major, minor, std::cmp::Reverse(version))
}

/// What OLM's own server serves: the packages of catalogues.
fn packages() -> Resource {
    let (group, plural) = ("packages.operators.coreos.com", "packagemanifests");
    let column = |name: &str, format: &str, path: Option<&str>| Column {
        name: name.to_owned(),
        kind: "string".to_owned(),
        format: format.to_owned(),
        priority: 0,
        path: path.map(str::to_owned),
    };
    Resource {
        group: group.to_owned(),
        version: "v1".to_owned(),
        plural: plural.to_owned(),
        singular: "packagemanifest".to_owned(),
        short_names: Vec::new(),
        categories: Vec::new(),
        kind: "PackageManifest".to_owned(),
        namespaced: true,
        verbs: vec!["get".to_owned(), "list".to_owned()],
        hash: None,
        subresources: BTreeMap::new(),
        columns: vec![
            column("Name", "name", None),
            column("Catalog", "", Some(".status.catalogSourceDisplayName")),
            column("Age", "", None),
        ],
        built_in: None,
        custom: false,
        definition: None,
        place: place(group, plural),
    }
}

/// `apps/v1` as group and version.
#[must_use]
pub fn split(api_version: &str) -> (&str, &str) {
    api_version.split_once('/').unwrap_or(("", api_version))
}

fn read(group: String, version: &str, plural: &str, of: &Value) -> Resource {
    let subresources = of["subresources"].as_object().into_iter().flatten();
    let optional = |v: &Value| v.as_str().map(str::to_owned);
    let columns = of["columns"].as_array().into_iter().flatten();
    Resource {
        version: version.to_owned(),
        plural: plural.to_owned(),
        singular: text(&of["singularName"]),
        short_names: texts(&of["shortNames"]),
        categories: texts(&of["categories"]),
        kind: text(&of["kind"]),
        namespaced: of["namespaced"].as_bool().unwrap_or_default(),
        verbs: texts(&of["verbs"]),
        hash: optional(&of["storageVersionHash"]),
        subresources: subresources
            .map(|(name, sub)| {
                let sub = Subresource {
                    kind: text(&sub["kind"]),
                    group: optional(&sub["group"]),
                    version: optional(&sub["version"]),
                    verbs: texts(&sub["verbs"]),
                };
                (name.clone(), sub)
            })
            .collect(),
        columns: columns
            .map(|c| Column {
                name: text(&c[0]),
                kind: text(&c[1]),
                format: text(&c[2]),
                priority: c[3].as_i64().unwrap_or_default(),
                path: optional(&c[4]),
            })
            .collect(),
        built_in: None,
        custom: false,
        definition: None,
        place: place(&group, plural),
        group,
    }
}

/// Where objects of a resource are kept. Both groups of events show the same ones.
#[must_use]
pub fn place(group: &str, plural: &str) -> Place {
    match group {
        "" | "events.k8s.io" => Arc::from(plural),
        _ => Arc::from(format!("{plural}.{group}")),
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn texts(value: &Value) -> Vec<String> {
    let all = value.as_array().into_iter().flatten();
    all.filter_map(|v| v.as_str().map(str::to_owned)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_that_can_be_created_has_a_type() {
        let registry = Registry::kubernetes();
        for resource in registry.preferred().filter(|r| r.allows("create")) {
            assert!(resource.schema().is_some(), "{resource:?}");
        }
    }
}
