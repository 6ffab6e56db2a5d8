//! From JSON to bytes. What has another type than its field is left out: objects were looked at when they came.

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use jiff::Timestamp;
use serde_json::{Map, Value};

use super::{
    messages::{Field, Kind, Message, Messages, Shape},
    wire::Writer,
};

/// The fields of a message, the last one first.
pub(super) fn message(writer: &mut Writer, message: &Message, value: &Value) {
    if let Value::Object(map) = value {
        fields(writer, message, map);
    }
}

fn fields(writer: &mut Writer, message: &Message, map: &Map<String, Value>) {
    for field in message.fields.iter().rev() {
        if field.name.is_empty() {
            if let Kind::Message(id) = field.kind {
                writer.message(field.number, |w| fields(w, Message::at(id), map));
            }
            continue;
        }
        let Some(found) = map.get(&field.name) else {
            continue;
        };
        match (field.shape, found) {
            (Shape::List, Value::Array(items)) => {
                for item in items.iter().rev() {
                    one(writer, field.number, field.kind, item);
                }
            }
            (Shape::Map, Value::Object(entries)) => keyed(writer, field, entries),
            (Shape::One | Shape::Pointer, found) => one(writer, field.number, field.kind, found),
            _ => {}
        }
    }
}

fn keyed(writer: &mut Writer, field: &Field, entries: &Map<String, Value>) {
    const KEY: u32 = 1;
    const VALUE: u32 = 2;
    for (key, value) in entries.iter().rev() {
        writer.message(field.number, |w| {
            one(w, VALUE, field.kind, value);
            w.text(KEY, key);
        });
    }
}

fn one(writer: &mut Writer, number: u32, kind: Kind, value: &Value) {
    match (kind, value) {
        (Kind::Text, Value::String(text)) => writer.text(number, text),
        (Kind::Bytes, Value::String(text)) => {
            if let Ok(bytes) = BASE64.decode(text) {
                writer.message(number, |w| w.bytes(&bytes));
            }
        }
        (Kind::Boolean, Value::Bool(is)) => writer.number(number, u64::from(*is)),
        (Kind::Int32 | Kind::Int64, Value::Number(n)) => {
            if let Some(n) = n.as_i64() {
                writer.number(number, n.cast_unsigned());
            }
        }
        (Kind::Double, Value::Number(n)) => {
            if let Some(n) = n.as_f64() {
                writer.double(number, n);
            }
        }
        (Kind::Time | Kind::MicroTime, Value::String(text)) => time(writer, number, kind, text),
        (Kind::Quantity, Value::String(text)) => writer.message(number, |w| w.text(1, text)),
        (Kind::Quantity, Value::Number(n)) => {
            writer.message(number, |w| w.text(1, &n.to_string()));
        }
        (Kind::IntOrString, value) => int_or_string(writer, number, value),
        (Kind::Json, value) => {
            writer.message(number, |w| w.text(1, &value.to_string()));
        }
        (Kind::Texts, Value::Array(items)) => writer.message(number, |w| texts(w, 1, items)),
        (Kind::SchemaOrBoolean | Kind::SchemaOrList | Kind::SchemaOrTexts, value) => {
            writer.message(number, |w| schema_or(w, kind, value));
        }
        (Kind::Message(id), Value::Object(map)) => {
            writer.message(number, |w| fields(w, Message::at(id), map));
        }
        _ => {}
    }
}

fn time(writer: &mut Writer, number: u32, kind: Kind, text: &str) {
    const SECONDS: u32 = 1;
    const NANOS: u32 = 2;
    let Ok(time) = text.parse::<Timestamp>() else {
        return;
    };
    writer.message(number, |w| {
        let micros = if kind == Kind::MicroTime {
            time.as_microsecond().rem_euclid(1_000_000)
        } else {
            0
        };
        w.number(NANOS, (micros * 1000).cast_unsigned());
        let seconds = time.as_microsecond().div_euclid(1_000_000);
        w.number(SECONDS, seconds.cast_unsigned());
    });
}

fn int_or_string(writer: &mut Writer, number: u32, value: &Value) {
    const TYPE: u32 = 1;
    const INT: u32 = 2;
    const TEXT: u32 = 3;
    writer.message(number, |w| {
        let int = value.as_i64();
        w.text(TEXT, value.as_str().unwrap_or_default());
        w.number(INT, int.unwrap_or_default().cast_unsigned());
        w.number(TYPE, u64::from(int.is_none()));
    });
}

fn texts(writer: &mut Writer, number: u32, items: &[Value]) {
    for item in items.iter().rev() {
        writer.text(number, item.as_str().unwrap_or_default());
    }
}

/// The types that are a schema or something else.
/// <https://github.com/kubernetes/apiextensions-apiserver/blob/master/pkg/apis/apiextensions/v1/generated.proto>
fn schema_or(writer: &mut Writer, kind: Kind, value: &Value) {
    let Some(schema) = Messages::schema() else {
        return;
    };
    match (kind, value) {
        (Kind::SchemaOrBoolean, Value::Bool(allows)) => writer.number(1, u64::from(*allows)),
        (Kind::SchemaOrBoolean, value) => {
            writer.message(2, |w| message(w, schema, value));
            writer.number(1, 1);
        }
        (Kind::SchemaOrList, Value::Array(items)) => {
            for item in items.iter().rev() {
                writer.message(2, |w| message(w, schema, item));
            }
        }
        (Kind::SchemaOrTexts, Value::Array(items)) => texts(writer, 2, items),
        (_, value) => writer.message(1, |w| message(w, schema, value)),
    }
}
