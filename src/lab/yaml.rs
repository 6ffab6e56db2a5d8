//! YAML as a tree that remembers where each value stands.

use std::fmt;

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use serde_yaml::Spanned;

use super::problem::{Place, Problem};

/// The largest file that is read, in bytes.
const LARGEST: usize = 1 << 20;

/// A value and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Node {
    /// Where.
    pub(crate) place: Place,
    /// What.
    pub(crate) value: Tree,
}

/// The kinds of values.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Tree {
    /// Null, a boolean, a number or a string.
    Scalar(Value),
    /// A list.
    List(Vec<Node>),
    /// A mapping, in the order of the file.
    Map(Vec<(Spot, Node)>),
}

/// A key and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Spot {
    /// Where.
    pub(crate) place: Place,
    /// The key.
    pub(crate) key: String,
}

impl Node {
    /// Reads one document.
    pub(crate) fn parse(text: &str) -> Result<Self, Problem> {
        if text.len() > LARGEST {
            return Err(Problem::at(
                Place::default(),
                format!("the file is larger than {LARGEST} bytes"),
            ));
        }
        let read: Spanned<Raw> = serde_yaml::from_str(text).map_err(|e| {
            let place = e.location().map(Place::from).unwrap_or_default();
            Problem::at(place, first_line(&e.to_string()))
        })?;
        Ok(node(read))
    }

    /// The place of the first scalar that is this text.
    pub(crate) fn find(&self, text: &str) -> Option<Place> {
        match &self.value {
            Tree::Scalar(value) => (value == text).then_some(self.place),
            Tree::List(items) => items.iter().find_map(|item| item.find(text)),
            Tree::Map(fields) => fields.iter().find_map(|(_, node)| node.find(text)),
        }
    }

    /// The value without its places.
    pub(crate) fn json(&self) -> Value {
        match &self.value {
            Tree::Scalar(value) => value.clone(),
            Tree::List(items) => Value::Array(items.iter().map(Self::json).collect()),
            Tree::Map(fields) => fields
                .iter()
                .map(|(k, v)| (k.key.clone(), v.json()))
                .collect(),
        }
    }

    /// What the value is, for "expected a string, found a list".
    pub(crate) fn kind(&self) -> &'static str {
        match &self.value {
            Tree::Scalar(Value::Null) => "nothing",
            Tree::Scalar(Value::Bool(_)) => "a boolean",
            Tree::Scalar(Value::Number(_)) => "a number",
            Tree::Scalar(_) => "a string",
            Tree::List(_) => "a list",
            Tree::Map(_) => "a mapping",
        }
    }
}

/// The parser's messages go on with an excerpt of their own, which `Problem` draws better.
fn first_line(message: &str) -> String {
    let line = message.lines().next().unwrap_or_default();
    line.strip_prefix("error: ").unwrap_or(line).to_owned()
}

/// As serde sees it: every value is wrapped in its span.
enum Raw {
    Scalar(Value),
    List(Vec<Spanned<Raw>>),
    Map(Vec<(Spanned<String>, Spanned<Raw>)>),
}

fn node(raw: Spanned<Raw>) -> Node {
    let place = Place::from(raw.referenced);
    let value = match raw.value {
        Raw::Scalar(value) => Tree::Scalar(value),
        Raw::List(items) => Tree::List(items.into_iter().map(node).collect()),
        Raw::Map(fields) => Tree::Map(
            fields
                .into_iter()
                .map(|(k, v)| {
                    (
                        Spot {
                            place: Place::from(k.referenced),
                            key: k.value,
                        },
                        node(v),
                    )
                })
                .collect(),
        ),
    };
    Node { place, value }
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RawVisitor)
    }
}

struct RawVisitor;

impl<'de> Visitor<'de> for RawVisitor {
    type Value = Raw;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a YAML value")
    }

    fn visit_bool<E: de::Error>(self, v: bool) -> Result<Raw, E> {
        Ok(Raw::Scalar(v.into()))
    }

    fn visit_i64<E: de::Error>(self, v: i64) -> Result<Raw, E> {
        Ok(Raw::Scalar(v.into()))
    }

    fn visit_u64<E: de::Error>(self, v: u64) -> Result<Raw, E> {
        Ok(Raw::Scalar(v.into()))
    }

    fn visit_f64<E: de::Error>(self, v: f64) -> Result<Raw, E> {
        Ok(Raw::Scalar(v.into()))
    }

    fn visit_str<E: de::Error>(self, v: &str) -> Result<Raw, E> {
        Ok(Raw::Scalar(v.into()))
    }

    fn visit_unit<E: de::Error>(self) -> Result<Raw, E> {
        Ok(Raw::Scalar(Value::Null))
    }

    fn visit_none<E: de::Error>(self) -> Result<Raw, E> {
        self.visit_unit()
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Raw, D::Error> {
        Raw::deserialize(deserializer)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Raw, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Raw::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Raw, A::Error> {
        let mut fields = Vec::new();
        while let Some(field) = map.next_entry()? {
            fields.push(field);
        }
        Ok(Raw::Map(fields))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn values_know_where_they_stand() {
        let tree = Node::parse("a: 1\nb:\n  - x\n  - {c: true}\n").unwrap();
        assert_eq!(
            tree.json(),
            serde_json::json!({"a": 1, "b": ["x", {"c": true}]})
        );
        let Tree::Map(fields) = &tree.value else {
            panic!("a mapping")
        };
        let Tree::List(items) = &fields[1].1.value else {
            panic!("a list")
        };
        assert_eq!((items[1].place.line, items[1].place.column), (4, 5));
        assert_eq!((fields[1].0.place.line, fields[1].0.place.column), (2, 1));
    }

    #[test]
    fn broken_yaml_is_a_problem_with_its_place() {
        let problem = Node::parse("a: 1\na: 2\n").unwrap_err();
        assert_eq!(problem.place.line, 2);
        assert!(Node::parse("a: [1\n").is_err());
    }

    #[test]
    fn a_bomb_of_anchors_is_refused() {
        let mut text = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
        for i in 1..9 {
            let items = vec![format!("*a{}", i - 1); 10].join(", ");
            text = format!("{text}a{i}: &a{i} [{items}]\n");
        }
        assert!(Node::parse(&text).is_err());
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_a_panic(text in "[ -~\\n]{0,200}") {
            let _ = Node::parse(&text);
        }
    }
}
