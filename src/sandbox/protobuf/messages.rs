//! Which fields the messages have: their numbers, types, and names in JSON.

use std::{collections::HashMap, sync::LazyLock};

use serde_json::{Map, Value};

use crate::sandbox::schema::sources;

static MESSAGES: LazyLock<Messages> = LazyLock::new(|| {
    // As `tests/rig/protobuf.py` wrote them down.
    let written = serde_json::from_str(include_str!("../schema/protobuf.json"));
    Messages::load(&written.unwrap_or_default())
});

/// Where the types of metadata, statuses and options are.
const META: &str = "io.k8s.apimachinery.pkg.apis.meta.v1";
/// The type that the schemas of CRDs are made of.
const SCHEMA: &str = "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaProps";
/// Kinds that no document names.
const UNNAMED: [(&str, &str); 9] = [
    // The oldest of all name no version.
    ("", "APIResourceList"),
    ("", "APIVersions"),
    ("v1", "APIGroup"),
    ("v1", "APIGroupList"),
    ("v1", "APIResourceList"),
    ("v1", "APIVersions"),
    ("v1", "Status"),
    ("meta.k8s.io/v1", "PartialObjectMetadata"),
    ("meta.k8s.io/v1", "PartialObjectMetadataList"),
];

/// All messages, which refer to each other.
#[derive(Debug, Default)]
pub(super) struct Messages {
    all: Vec<Message>,
    /// Those of kinds, by version and kind.
    kinds: HashMap<String, HashMap<String, usize>>,
}

/// A message.
#[derive(Debug, Default)]
pub(super) struct Message {
    /// By their numbers.
    pub(super) fields: Vec<Field>,
}

/// A field.
#[derive(Debug)]
pub(super) struct Field {
    pub(super) number: u32,
    /// Its name in JSON; empty for one whose fields are those of the object itself.
    pub(super) name: String,
    pub(super) shape: Shape,
    pub(super) kind: Kind,
    /// Whether JSON leaves it out where it is zero.
    pub(super) optional: bool,
}

/// How often a field is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// Once; not being there is being zero.
    One,
    /// Once or not.
    Pointer,
    /// In any number.
    List,
    /// Under keys.
    Map,
}

/// What a field holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Bytes,
    Boolean,
    Int32,
    Int64,
    Double,
    /// Seconds, and nanoseconds that are not used.
    Time,
    /// Seconds, and nanoseconds that are whole microseconds.
    MicroTime,
    /// Text in a message.
    Quantity,
    IntOrString,
    /// JSON as it is, in a message.
    Json,
    /// Texts in a message.
    Texts,
    /// True, false, or a schema.
    SchemaOrBoolean,
    /// One schema, or several.
    SchemaOrList,
    /// A schema, or texts.
    SchemaOrTexts,
    Message(usize),
}

impl Messages {
    /// The message of a kind.
    pub(super) fn of(version: &str, kind: &str) -> Option<&'static Message> {
        MESSAGES.all.get(*MESSAGES.kinds.get(version)?.get(kind)?)
    }

    /// The message of which schemas are made.
    pub(super) fn schema() -> Option<&'static Message> {
        Self::of("", SCHEMA)
    }

    fn load(written: &Map<String, Value>) -> Self {
        let mut names = HashMap::new();
        let packages = written
            .iter()
            .filter_map(|(package, of)| Some((package, of.as_object()?)));
        for (package, of) in packages.clone() {
            for name in of.keys() {
                names.insert(format!("{package}.{name}"), names.len());
            }
        }
        let mut messages = Self::default();
        for (package, of) in packages {
            for fields in of.values() {
                let texts = fields.as_array().into_iter().flatten();
                let read = |text: &Value| field(text.as_str()?, package, &names);
                let fields = texts.filter_map(read).collect();
                messages.all.push(Message { fields });
            }
        }
        messages.name_kinds(&names);
        messages
    }

    /// Which kinds the messages are of, as the documents of the types say.
    fn name_kinds(&mut self, names: &HashMap<String, usize>) {
        let mut add = |version: &str, kind: &str, name: &str| {
            if let Some(id) = names.get(name) {
                let of = self.kinds.entry(version.to_owned()).or_default();
                of.insert(kind.to_owned(), *id);
            }
        };
        for (name, schema) in &sources::sources().types {
            let kinds = schema["x-kubernetes-group-version-kind"].as_array();
            for kind in kinds.into_iter().flatten() {
                let text = |key: &str| kind[key].as_str().unwrap_or_default();
                let version = match (text("group"), text("version")) {
                    ("", version) => version.to_owned(),
                    (group, version) => format!("{group}/{version}"),
                };
                add(&version, text("kind"), name);
            }
        }
        for (version, kind) in UNNAMED {
            add(version, kind, &format!("{META}.{kind}"));
        }
        add("", SCHEMA, SCHEMA);
    }
}

impl Message {
    /// The message of a field.
    pub(super) fn child(&self, number: u32) -> Option<&'static Self> {
        match self.field(number)?.kind {
            Kind::Message(id) => Some(Self::at(id)),
            _ => None,
        }
    }

    /// A field by its number.
    pub(super) fn field(&self, number: u32) -> Option<&Field> {
        let found = self.fields.binary_search_by_key(&number, |f| f.number);
        found.ok().map(|i| &self.fields[i])
    }

    /// The message that a field refers to.
    pub(super) fn at(id: usize) -> &'static Self {
        &MESSAGES.all[id]
    }
}

/// `2 []Container containers`, `4 *int64 terminationGracePeriodSeconds?`, `2 VolumeSource =`.
fn field(text: &str, package: &str, names: &HashMap<String, usize>) -> Option<Field> {
    let mut parts = text.split(' ');
    let (number, kind, name) = (parts.next()?, parts.next()?, parts.next()?);
    let prefixes = [
        ("*", Shape::Pointer),
        ("[]", Shape::List),
        ("map:", Shape::Map),
    ];
    let shaped = prefixes
        .iter()
        .find_map(|(prefix, shape)| Some((*shape, kind.strip_prefix(prefix)?)));
    let (shape, kind) = shaped.unwrap_or((Shape::One, kind));
    let kind = match kind {
        "string" => Kind::Text,
        "bytes" => Kind::Bytes,
        "bool" => Kind::Boolean,
        "int32" => Kind::Int32,
        "int64" => Kind::Int64,
        "double" => Kind::Double,
        "time" => Kind::Time,
        "microtime" => Kind::MicroTime,
        "quantity" => Kind::Quantity,
        "intorstring" => Kind::IntOrString,
        "json" => Kind::Json,
        "strings" => Kind::Texts,
        "orbool" => Kind::SchemaOrBoolean,
        "orarray" => Kind::SchemaOrList,
        "orstrings" => Kind::SchemaOrTexts,
        name => {
            let own = names.get(&format!("{package}.{name}"));
            Kind::Message(*own.or_else(|| names.get(name))?)
        }
    };
    let bare = name.trim_end_matches('?');
    Some(Field {
        number: number.parse().ok()?,
        name: bare.trim_start_matches('=').to_owned(),
        shape,
        kind,
        optional: name.ends_with('?'),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_that_is_served_has_a_message_and_every_field_is_understood() {
        let written: Map<String, Value> =
            serde_json::from_str(include_str!("../schema/protobuf.json")).unwrap();
        let told: usize = written
            .values()
            .flat_map(|of| of.as_object().unwrap().values())
            .map(|fields| fields.as_array().unwrap().len())
            .sum();
        let read: usize = MESSAGES.all.iter().map(|m| m.fields.len()).sum();
        assert_eq!(told, read);
        let registry = crate::sandbox::registry::Registry::kubernetes();
        for resource in registry.preferred() {
            let version = resource.api_version();
            assert!(
                Messages::of(&version, &resource.kind).is_some(),
                "{resource:?}"
            );
        }
    }
}
