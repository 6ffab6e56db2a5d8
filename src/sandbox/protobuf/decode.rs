//! From bytes to JSON, as Go writes the same object as JSON.

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{
    DEEPEST, Envelope, MAGIC, Malformed,
    messages::{Field, Kind, Message, Messages, Shape},
    wire::{LENGTH, Reader},
};

/// Reads the fields of a message into an object. Fields that the message does not have are left out.
pub(super) fn message(
    mut reader: Reader<'_>,
    message: &Message,
    object: &mut Map<String, Value>,
    depth: u32,
) -> Result<(), Malformed> {
    if depth > DEEPEST {
        return Err(Malformed::Deep);
    }
    while let Some((number, wire)) = reader.tag()? {
        match message.field(number) {
            Some(of) => field(&mut reader, wire, of, object, depth)?,
            None => reader.skip(wire)?,
        }
    }
    Ok(())
}

fn field(
    reader: &mut Reader<'_>,
    wire: u8,
    field: &Field,
    object: &mut Map<String, Value>,
    depth: u32,
) -> Result<(), Malformed> {
    let name = &field.name;
    match (field.shape, field.kind) {
        (Shape::One | Shape::Pointer, Kind::Message(id)) => {
            let inner = reader.message(wire, name)?;
            if name.is_empty() {
                return message(inner, Message::at(id), object, depth + 1);
            }
            // One that is sent in two parts is both.
            let found = object.entry(name.as_str()).or_insert_with(|| json!({}));
            match found {
                Value::Object(map) => message(inner, Message::at(id), map, depth + 1),
                _ => Ok(()),
            }
        }
        (Shape::One | Shape::Pointer, kind) => {
            let value = one(reader, wire, name, kind, depth)?;
            let left_out =
                value.is_null() || (field.shape == Shape::One && field.optional && is_zero(&value));
            if left_out {
                object.remove(name);
            } else {
                object.insert(name.clone(), value);
            }
            Ok(())
        }
        (Shape::List, kind) => {
            let packed = matches!(kind, Kind::Int32 | Kind::Int64 | Kind::Boolean);
            let found = object.entry(name.as_str()).or_insert_with(|| json!([]));
            let Value::Array(items) = found else {
                return Ok(());
            };
            if packed && wire == LENGTH {
                let mut inner = reader.message(wire, name)?;
                while !inner.is_empty() {
                    items.push(one(&mut inner, 0, name, kind, depth)?);
                }
            } else {
                items.push(one(reader, wire, name, kind, depth)?);
            }
            Ok(())
        }
        (Shape::Map, kind) => {
            let (key, value) = entry(reader.message(wire, name)?, name, kind, depth)?;
            let found = object.entry(name.as_str()).or_insert_with(|| json!({}));
            if let Value::Object(map) = found {
                map.insert(key, value);
            }
            Ok(())
        }
    }
}

fn entry(
    mut reader: Reader<'_>,
    name: &str,
    kind: Kind,
    depth: u32,
) -> Result<(String, Value), Malformed> {
    const KEY: u32 = 1;
    const VALUE: u32 = 2;
    let mut found = (String::new(), zero(kind));
    while let Some((number, wire)) = reader.tag()? {
        match number {
            KEY => found.0 = reader.text(wire, name)?,
            VALUE => found.1 = one(&mut reader, wire, name, kind, depth)?,
            _ => reader.skip(wire)?,
        }
    }
    Ok(found)
}

/// The value of an entry that gives none.
fn zero(kind: Kind) -> Value {
    match kind {
        Kind::Text | Kind::Bytes => json!(""),
        Kind::Quantity => json!("0"),
        Kind::Int32 | Kind::Int64 | Kind::Double | Kind::IntOrString => json!(0),
        Kind::Boolean => json!(false),
        Kind::Texts => json!([]),
        Kind::Message(_) => json!({}),
        _ => Value::Null,
    }
}

fn is_zero(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(is) => !is,
        Value::Number(n) => n.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(_) => false,
    }
}

fn one(
    reader: &mut Reader<'_>,
    wire: u8,
    name: &str,
    kind: Kind,
    depth: u32,
) -> Result<Value, Malformed> {
    Ok(match kind {
        Kind::Text => Value::from(reader.text(wire, name)?),
        Kind::Bytes => Value::from(BASE64.encode(reader.message(wire, name)?.rest())),
        Kind::Boolean => Value::from(reader.number(wire, name)? != 0),
        // An int32 is as many bits of the varint.
        #[expect(clippy::cast_possible_truncation)]
        Kind::Int32 => Value::from(reader.number(wire, name)? as i32),
        Kind::Int64 => Value::from(reader.number(wire, name)?.cast_signed()),
        Kind::Double => Value::from(reader.double(wire, name)?),
        Kind::Time | Kind::MicroTime => time(reader.message(wire, name)?, kind)?,
        Kind::Quantity => Value::from(held(reader.message(wire, name)?, name)?),
        Kind::IntOrString => int_or_string(reader.message(wire, name)?)?,
        Kind::Json => free(reader.message(wire, name)?, name, depth)?,
        Kind::Texts => {
            let mut inner = reader.message(wire, name)?;
            let mut items = Vec::new();
            while let Some((number, wire)) = inner.tag()? {
                match number {
                    1 => items.push(Value::from(inner.text(wire, name)?)),
                    _ => inner.skip(wire)?,
                }
            }
            Value::Array(items)
        }
        Kind::SchemaOrBoolean | Kind::SchemaOrList | Kind::SchemaOrTexts => {
            schema_or(reader.message(wire, name)?, name, kind, depth)?
        }
        Kind::Message(id) => {
            let mut map = Map::new();
            let inner = reader.message(wire, name)?;
            message(inner, Message::at(id), &mut map, depth + 1)?;
            Value::Object(map)
        }
    })
}

/// The text that is all that a message holds.
fn held(mut reader: Reader<'_>, name: &str) -> Result<String, Malformed> {
    let mut text = String::new();
    while let Some((number, wire)) = reader.tag()? {
        match number {
            1 => text = reader.text(wire, name)?,
            _ => reader.skip(wire)?,
        }
    }
    Ok(text)
}

/// A time; the zero time is none.
fn time(mut reader: Reader<'_>, kind: Kind) -> Result<Value, Malformed> {
    let (mut seconds, mut nanos) = (0, 0);
    while let Some((number, wire)) = reader.tag()? {
        match number {
            1 => seconds = reader.number(wire, "Seconds")?.cast_signed(),
            2 => nanos = reader.number(wire, "Nanos")?.cast_signed(),
            _ => reader.skip(wire)?,
        }
    }
    if (seconds, nanos) == (0, 0) {
        return Ok(Value::Null);
    }
    let nanos = i32::try_from(nanos).unwrap_or_default();
    let time =
        Timestamp::new(seconds, if kind == Kind::MicroTime { nanos } else { 0 }).map_err(|_| {
            Malformed::Content("Time.MarshalJSON: year outside of range [0,9999]".to_owned())
        })?;
    Ok(Value::from(if kind == Kind::MicroTime {
        format!("{time:.6}")
    } else {
        time.to_string()
    }))
}

fn int_or_string(mut reader: Reader<'_>) -> Result<Value, Malformed> {
    let (mut is_text, mut int, mut text) = (false, 0, String::new());
    while let Some((number, wire)) = reader.tag()? {
        match number {
            1 => is_text = reader.number(wire, "Type")? != 0,
            2 => int = reader.number(wire, "IntVal")?.cast_signed(),
            3 => text = reader.text(wire, "StrVal")?,
            _ => reader.skip(wire)?,
        }
    }
    Ok(if is_text {
        Value::from(text)
    } else {
        Value::from(int)
    })
}

/// An object of any kind: JSON, or again in this form.
fn free(reader: Reader<'_>, name: &str, depth: u32) -> Result<Value, Malformed> {
    let mut reader = reader;
    let mut bytes: &[u8] = &[];
    while let Some((number, wire)) = reader.tag()? {
        match number {
            1 => bytes = reader.message(wire, name)?.rest(),
            _ => reader.skip(wire)?,
        }
    }
    if bytes.is_empty() {
        return Ok(Value::Null);
    }
    if bytes.starts_with(MAGIC) {
        return Envelope::open(bytes)?.object_in("", "", depth + 1);
    }
    serde_json::from_slice(bytes).map_err(|e| Malformed::Content(e.to_string()))
}

fn schema_or(
    mut reader: Reader<'_>,
    name: &str,
    kind: Kind,
    depth: u32,
) -> Result<Value, Malformed> {
    let Some(schema) = Messages::schema() else {
        return Ok(Value::Null);
    };
    let (mut allows, mut one, mut several) = (false, None, Vec::new());
    while let Some((number, wire)) = reader.tag()? {
        match (kind, number) {
            (Kind::SchemaOrBoolean, 1) => allows = reader.number(wire, "Allows")? != 0,
            (Kind::SchemaOrTexts, 2) => several.push(Value::from(reader.text(wire, name)?)),
            (_, 1 | 2) => {
                let mut map = Map::new();
                message(reader.message(wire, name)?, schema, &mut map, depth + 1)?;
                if kind == Kind::SchemaOrList && number == 2 {
                    several.push(Value::Object(map));
                } else {
                    one = Some(Value::Object(map));
                }
            }
            _ => reader.skip(wire)?,
        }
    }
    Ok(match (kind, one) {
        (_, Some(schema)) if several.is_empty() => schema,
        (Kind::SchemaOrBoolean, _) => Value::from(allows),
        _ => Value::Array(several),
    })
}
