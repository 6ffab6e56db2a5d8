//! Both ways together.

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use fastrand::Rng;
use proptest::prelude::*;
use serde_json::{Map, json};

use super::{
    messages::{Field, Kind, Message, Shape},
    *,
};
use crate::sandbox::registry::Registry;

/// Every kind that is served.
fn kinds() -> Vec<(String, String)> {
    let registry = Registry::kubernetes();
    let mut all: Vec<_> = registry
        .preferred()
        .map(|r| (r.api_version(), r.kind.clone()))
        .collect();
    all.push(("v1".to_owned(), "DeleteOptions".to_owned()));
    all.sort();
    all
}

/// Some object of a message, as Go would write it.
fn some(message: &Message, rng: &mut Rng, depth: u32) -> Map<String, Value> {
    let mut object = Map::new();
    for field in &message.fields {
        if let (true, Kind::Message(id)) = (field.name.is_empty(), field.kind) {
            object.extend(some(Message::at(id), rng, depth));
        } else if depth < 6 && rng.u32(..2 + depth) == 0 {
            object.insert(field.name.clone(), value(field, rng, depth));
        }
    }
    object
}

fn value(field: &Field, rng: &mut Rng, depth: u32) -> Value {
    let mut one = || single(field.kind, rng, depth);
    match field.shape {
        Shape::One | Shape::Pointer => one(),
        Shape::List => json!([one(), one()]),
        Shape::Map => json!({"a": one(), "b/c": one()}),
    }
}

fn single(kind: Kind, rng: &mut Rng, depth: u32) -> Value {
    let schema = |rng: &mut Rng| json!(some(Messages::schema().unwrap(), rng, depth + 2));
    match kind {
        Kind::Text => json!(format!("ü{}", rng.u8(..))),
        Kind::Bytes => json!(BASE64.encode([rng.u8(..), rng.u8(..)])),
        Kind::Boolean => json!(true),
        Kind::Int32 => json!(rng.i32(1..) * if rng.bool() { 1 } else { -1 }),
        Kind::Int64 => json!(rng.i64(1..)),
        Kind::Double => json!(f64::from(rng.u32(1..)) / 8.0),
        Kind::Time => json!(format!("2026-11-24T10:11:{:02}Z", rng.u8(..60))),
        Kind::MicroTime => json!(format!("2026-11-24T10:11:12.{:06}Z", rng.u32(..1_000_000))),
        Kind::Quantity => json!(format!("{}Mi", rng.u8(..))),
        Kind::IntOrString if rng.bool() => json!("25%"),
        Kind::IntOrString => json!(rng.i32(0..)),
        Kind::Json => json!({"f:a": {".": {}}, "n": [1, 2.5, "x", null]}),
        Kind::Texts => json!(["a", "b"]),
        Kind::SchemaOrBoolean if rng.bool() => json!(rng.bool()),
        Kind::SchemaOrList if rng.bool() => json!([schema(rng)]),
        Kind::SchemaOrTexts if rng.bool() => json!(["a"]),
        Kind::SchemaOrBoolean | Kind::SchemaOrList | Kind::SchemaOrTexts => schema(rng),
        Kind::Message(id) => json!(some(Message::at(id), rng, depth + 1)),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn an_object_comes_back_as_it_was(seed in any::<u64>()) {
        let mut rng = Rng::with_seed(seed);
        for (version, kind) in kinds() {
            let mut map = some(Messages::of(&version, &kind).unwrap(), &mut rng, 0);
            map.insert("apiVersion".to_owned(), json!(version));
            map.insert("kind".to_owned(), json!(kind));
            let before = Value::Object(map);
            let bytes = object(&version, &kind, &before).unwrap();
            let after = Envelope::open(&bytes).unwrap().object("", "").unwrap();
            prop_assert_eq!(&after, &before);
            // What is cut off or changed is refused or read as something else, and no more.
            let cut = &bytes[..rng.usize(..bytes.len())];
            let _ = Envelope::open(cut).map(|e| e.object("", ""));
            let mut changed = bytes.clone();
            let at = rng.usize(..bytes.len());
            changed[at] = rng.u8(..);
            let _ = Envelope::open(&changed).map(|e| e.object(&version, &kind));
        }
    }

    #[test]
    fn no_bytes_are_too_much(bytes in prop::collection::vec(any::<u8>(), 0..200), kind in 0..30_usize) {
        let all = kinds();
        let (version, kind) = &all[kind % all.len()];
        let mut writer = Writer::default();
        writer.message(envelope::RAW, |w| w.bytes(&bytes));
        let sent = [MAGIC, &writer.finish()].concat();
        let _ = Envelope::open(&sent).map(|e| e.object(version, kind));
        let _ = Envelope::open(&bytes);
    }
}

#[test]
fn what_go_writes_is_read() {
    // What kubectl sends for `create namespace a`: with the fields that Go writes even where they are empty.
    let sent = b"k8s\0\n\x0f\n\x02v1\x12\tNamespace\x12\x17\n\x11\n\x01a\x12\0\x1a\0\"\0*\x002\08\0B\0\x12\0\x1a\0\x1a\0\"\0";
    let read = Envelope::open(sent).unwrap().object("", "").unwrap();
    assert_eq!(
        read,
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "a"}, "spec": {}, "status": {}})
    );
}

#[test]
fn what_lies_too_deep_is_refused() {
    fn nested(writer: &mut Writer, left: u32) {
        // `not` of a schema.
        if left > 0 {
            writer.message(28, |w| nested(w, left - 1));
        }
    }
    let mut writer = Writer::default();
    nested(&mut writer, 200);
    let mut object = Map::new();
    let bytes = writer.finish();
    let schema = Messages::schema().unwrap();
    let read = decode::message(Reader::new(&bytes), schema, &mut object, 0);
    assert_eq!(read, Err(Malformed::Deep));
}

#[test]
fn a_list_and_an_event_hold_whole_objects() {
    let pod = Arc::new(json!({"metadata": {"name": "a"}, "spec": {"containers": [{"name": "c"}]}}));
    let bytes = list(
        "v1",
        "PodList",
        &json!({"resourceVersion": "7"}),
        [pod.clone(), pod.clone()].into_iter(),
    );
    let read = Envelope::open(&bytes.unwrap())
        .unwrap()
        .object("", "")
        .unwrap();
    assert_eq!(read["metadata"], json!({"resourceVersion": "7"}));
    assert_eq!(read["items"], json!([*pod, *pod]));
    let bytes = event("ADDED", "v1", "Pod", &pod).unwrap();
    let (length, frame) = bytes.split_at(4);
    assert_eq!(
        usize::try_from(u32::from_be_bytes(length.try_into().unwrap())).unwrap(),
        frame.len()
    );
    assert!(frame.starts_with(b"\n\x05ADDED\x12"));
}
