//! From `OpenAPI` documents to types.

use std::{collections::HashMap, sync::Arc};

use serde_json::{Map, Value};

use super::{Arena, Field, Fields, List, ListKind, Node, Scalar, Schema, Shape};

/// Named types of one document.
#[derive(Debug, Clone)]
pub struct Types {
    arena: Arc<Arena>,
    names: Arc<HashMap<String, usize>>,
}

impl Types {
    /// Reads the types of a document: name and schema.
    #[must_use]
    pub fn load(types: &Map<String, Value>) -> Self {
        let mut loader = Loader::new(types);
        for name in types.keys() {
            loader.named(name);
        }
        Self {
            arena: Arc::new(loader.arena),
            names: Arc::new(loader.names),
        }
    }

    /// A type by its full name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Schema> {
        self.names.get(name).map(|id| Schema {
            arena: Arc::clone(&self.arena),
            id: *id,
        })
    }
}

struct Loader<'a> {
    types: &'a Map<String, Value>,
    arena: Arena,
    names: HashMap<String, usize>,
}

fn scalar(kind: Scalar) -> Node {
    Node {
        name: None,
        shape: Shape::Scalar(kind),
    }
}

impl<'a> Loader<'a> {
    fn new(types: &'a Map<String, Value>) -> Self {
        Self {
            types,
            arena: Arena::default(),
            names: HashMap::new(),
        }
    }

    fn push(&mut self, node: Node) -> usize {
        self.arena.nodes.push(node);
        self.arena.nodes.len() - 1
    }

    /// A named type, loaded once.
    fn named(&mut self, name: &str) -> usize {
        if let Some(id) = self.names.get(name) {
            return *id;
        }
        // The place is taken before the fields are read: types refer to themselves.
        let id = self.push(Node {
            shape: Shape::Any,
            ..scalar(Scalar::String)
        });
        self.names.insert(name.to_owned(), id);
        let short = name.rsplit('.').next().map(str::to_owned);
        let mut node = match self.types.get(name) {
            Some(schema) => self.read(schema),
            None => return id,
        };
        match short.as_deref() {
            Some("Quantity") => node.shape = Shape::Scalar(Scalar::Quantity),
            // `"metadata"` of a client's choice: FieldsV1 is not looked into.
            Some("FieldsV1" | "RawExtension" | "JSON") => node.shape = Shape::Any,
            _ => {}
        }
        node.name = short;
        self.arena.nodes[id] = node;
        id
    }

    /// The node of a schema; one that only refers to a name is that name's.
    fn node(&mut self, schema: &Value) -> usize {
        match schema["$ref"].as_str() {
            Some(name) => self.named(name),
            None => {
                let node = self.read(schema);
                self.push(node)
            }
        }
    }

    fn read(&mut self, schema: &Value) -> Node {
        let truth = |key: &str| schema[key].as_bool().unwrap_or_default();
        let shape = if truth("x-kubernetes-int-or-string") || schema["format"] == "int-or-string" {
            Shape::Scalar(Scalar::IntOrString)
        } else {
            match schema["type"].as_str() {
                Some("object") => self.object(schema),
                Some("array") => self.list(schema),
                Some("string") => Shape::Scalar(match schema["format"].as_str() {
                    Some("date-time") => Scalar::Time,
                    Some("byte") => Scalar::Bytes,
                    _ => Scalar::String,
                }),
                Some("integer") => Shape::Scalar(Scalar::Integer(if schema["format"] == "int32" {
                    32
                } else {
                    64
                })),
                Some("number") => Shape::Scalar(Scalar::Number),
                Some("boolean") => Shape::Scalar(Scalar::Boolean),
                // Of what may be anything, maps are looked into.
                None if truth("x-kubernetes-preserve-unknown-fields") => self.object(schema),
                _ => Shape::Any,
            }
        };
        Node { name: None, shape }
    }

    fn object(&mut self, schema: &Value) -> Shape {
        let truth = |key: &str| schema[key].as_bool().unwrap_or_default();
        let properties = schema["properties"].as_object();
        let rest = schema["additionalProperties"].as_object();
        let free = truth("x-kubernetes-preserve-unknown-fields");
        if properties.is_none() && rest.is_none() && !free {
            return Shape::Any;
        }
        let known = properties
            .into_iter()
            .flatten()
            .map(|(name, child)| {
                let id = self.node(child);
                let default = child.get("default").cloned();
                (name.clone(), Field { id, default })
            })
            .collect();
        let rest = rest.map(|child| self.node(&Value::Object(child.clone())));
        let required = schema["required"].as_array().into_iter().flatten();
        Shape::Object(Fields {
            known,
            rest,
            keeps_unknown: free,
            atomic: schema["x-kubernetes-map-type"] == "atomic",
            required: required
                .filter_map(|r| r.as_str().map(str::to_owned))
                .collect(),
        })
    }

    fn list(&mut self, schema: &Value) -> Shape {
        let keys = schema["x-kubernetes-list-map-keys"].as_array();
        let keys = keys.into_iter().flatten();
        let kind = match schema["x-kubernetes-list-type"].as_str() {
            Some("set") => ListKind::Set,
            Some("map") => {
                ListKind::Map(keys.filter_map(|k| k.as_str().map(str::to_owned)).collect())
            }
            _ => ListKind::Atomic,
        };
        let strategy = schema["x-kubernetes-patch-strategy"]
            .as_str()
            .unwrap_or_default();
        let mut strategies = strategy.split(',');
        Shape::List(List {
            items: self.node(&schema["items"]),
            kind,
            merge_key: schema["x-kubernetes-patch-merge-key"]
                .as_str()
                .map(str::to_owned),
            merges: strategies.any(|s| s == "merge"),
        })
    }
}
