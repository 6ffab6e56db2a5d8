//! JSON as clients send it: what is wrong with it in the words of Go's reader, and what stands in it twice.
//! <https://github.com/golang/go/blob/master/src/encoding/json/scanner.go>

use std::{cell::RefCell, fmt};

use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::syntax;

/// What was read.
#[derive(Debug, Default, PartialEq)]
pub struct Read {
    /// The value. Of a field that stands there twice, what stands there last; objects are put together.
    pub value: Value,
    /// The paths of fields that stand there twice.
    pub twice: Vec<String>,
}

/// Reads JSON, or says why it is none.
pub fn read(text: &str) -> Result<Read, String> {
    let twice = RefCell::new(Vec::new());
    let seed = Seed {
        path: String::new(),
        twice: &twice,
    };
    let mut reader = serde_json::Deserializer::from_str(text);
    let read = seed
        .deserialize(&mut reader)
        .and_then(|value| reader.end().map(|()| value));
    match read {
        Ok(value) => Ok(Read {
            value,
            twice: twice.into_inner(),
        }),
        Err(error) => Err(syntax::problem(text.as_bytes()).unwrap_or_else(|| error.to_string())),
    }
}

/// A value to be read, and where it stands.
struct Seed<'a> {
    path: String,
    twice: &'a RefCell<Vec<String>>,
}

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Value, D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut all = Vec::new();
        loop {
            let seed = Seed {
                path: format!("{}[{}]", self.path, all.len()),
                twice: self.twice,
            };
            match items.next_element_seed(seed)? {
                Some(item) => all.push(item),
                None => return Ok(all.into()),
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Value, A::Error> {
        let mut all = Map::new();
        while let Some(key) = fields.next_key::<String>()? {
            let path = if self.path.is_empty() {
                key.clone()
            } else {
                format!("{}.{key}", self.path)
            };
            if all.contains_key(&key) {
                self.twice.borrow_mut().push(path.clone());
            }
            let seed = Seed {
                path,
                twice: self.twice,
            };
            let value = fields.next_value_seed(seed)?;
            put(&mut all, key, value);
        }
        Ok(all.into())
    }
}

/// Sets a field. Go reads an object into what is there already.
fn put(all: &mut Map<String, Value>, key: String, value: Value) {
    match (all.get_mut(&key), value) {
        (Some(Value::Object(before)), Value::Object(after)) => {
            for (key, value) in after {
                put(before, key, value);
            }
        }
        (_, value) => {
            all.insert(key, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_stands_there_twice_is_told_and_put_together() {
        let found = read(r#"{"a": {"x": 1}, "b": [{"c": 1, "c": 2}], "a": {"y": 2}}"#).unwrap();
        assert_eq!(found.twice, ["b[0].c", "a"]);
        assert_eq!(found.value, json!({"a": {"x": 1, "y": 2}, "b": [{"c": 2}]}));
    }
}
