//! The structure of objects: fields, types, list kinds, merge keys, defaults.

pub mod amount;
pub mod decode;
pub mod json;
mod load;
pub mod quantity;
pub mod sources;
pub mod syntax;
mod times;
pub mod zero;

use std::{collections::BTreeMap, sync::Arc};

use serde_json::Value;

pub use load::Types;

/// The types of one source, which may refer to each other in circles.
#[derive(Debug, Default)]
pub struct Arena {
    nodes: Vec<Node>,
}

/// A type.
#[derive(Debug, Clone)]
pub struct Schema {
    arena: Arc<Arena>,
    id: usize,
}

/// What is known of a type.
#[derive(Debug, Clone)]
pub struct Node {
    /// The Go name of the type, where it has one: `DeploymentSpec`.
    pub name: Option<String>,
    /// Its form.
    pub shape: Shape,
}

/// The form of a type.
#[derive(Debug, Clone)]
pub enum Shape {
    /// Anything goes.
    Any,
    /// Fields.
    Object(Fields),
    /// A list.
    List(List),
    /// A single value.
    Scalar(Scalar),
}

/// Fields with names, or keys.
#[derive(Debug, Clone, Default)]
pub struct Fields {
    /// The named ones.
    known: BTreeMap<String, Field>,
    /// The type of all others.
    rest: Option<usize>,
    /// Whether unknown fields are kept.
    pub keeps_unknown: bool,
    /// Whether it has one owner as a whole.
    pub atomic: bool,
    /// Fields that have to be there.
    pub required: Vec<String>,
}

/// A named field.
#[derive(Debug, Clone)]
struct Field {
    id: usize,
    /// Its value where it is not given.
    default: Option<Value>,
}

/// A list.
#[derive(Debug, Clone)]
pub struct List {
    items: usize,
    /// How its items are told apart.
    pub kind: ListKind,
    /// The key by which a strategic merge patch merges; none where it replaces the list.
    pub merge_key: Option<String>,
    /// Whether a strategic merge patch merges.
    pub merges: bool,
}

/// How the items of a list are told apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListKind {
    /// Not at all: the list has one owner.
    Atomic,
    /// By their value.
    Set,
    /// By these fields.
    Map(Vec<String>),
}

/// A single value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scalar {
    /// Text.
    String,
    /// A time in RFC 3339.
    Time,
    /// Base64.
    Bytes,
    /// An integer of so many bits.
    Integer(u8),
    /// A number.
    Number,
    /// True or false.
    Boolean,
    /// An integer or text.
    IntOrString,
    /// `100m`, or a number.
    Quantity,
}

impl Schema {
    /// What is known of it.
    #[must_use]
    pub fn node(&self) -> &Node {
        &self.arena.nodes[self.id]
    }

    /// The type of a field or key.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<Self> {
        self.known_field(name).or_else(|| self.rest())
    }

    /// The type of a named field.
    #[must_use]
    pub fn known_field(&self, name: &str) -> Option<Self> {
        let field = self.as_object()?.known.get(name)?;
        Some(self.at(field.id))
    }

    /// The value of a named field where it is not given.
    #[must_use]
    pub fn default_of(&self, name: &str) -> Option<&Value> {
        self.as_object()?.known.get(name)?.default.as_ref()
    }

    /// The named fields.
    pub fn fields(&self) -> impl Iterator<Item = (&str, Self)> {
        let known = self.as_object().map(|fields| &fields.known);
        let all = known.into_iter().flatten();
        all.map(|(name, field)| (name.as_str(), self.at(field.id)))
    }

    /// The type of all keys that are not named fields.
    #[must_use]
    pub fn rest(&self) -> Option<Self> {
        match &self.node().shape {
            Shape::Object(fields) => fields.rest.map(|id| self.at(id)),
            _ => None,
        }
    }

    /// The type of a list's items.
    #[must_use]
    pub fn items(&self) -> Option<Self> {
        match &self.node().shape {
            Shape::List(list) => Some(self.at(list.items)),
            _ => None,
        }
    }

    /// As a list.
    #[must_use]
    pub fn as_list(&self) -> Option<&List> {
        match &self.node().shape {
            Shape::List(list) => Some(list),
            _ => None,
        }
    }

    /// As fields.
    #[must_use]
    pub fn as_object(&self) -> Option<&Fields> {
        match &self.node().shape {
            Shape::Object(fields) => Some(fields),
            _ => None,
        }
    }

    fn at(&self, id: usize) -> Self {
        Self {
            arena: Arc::clone(&self.arena),
            id,
        }
    }
}
