//! The protobuf form of built-in kinds, in which programs rather than people speak to an API server.
//! <https://kubernetes.io/docs/reference/using-api/api-concepts/#protobuf-encoding>

mod decode;
mod encode;
mod messages;
mod wire;

use std::sync::Arc;

use serde_json::Value;
use thiserror::Error;

use self::{
    messages::{Message, Messages},
    wire::{Reader, Writer},
};

/// The media type.
pub const MEDIA_TYPE: &str = "application/vnd.kubernetes.protobuf";

/// What every object begins with.
const MAGIC: &[u8] = b"k8s\0";

/// How deep messages may lie in each other.
const DEEPEST: u32 = 100;

/// Fields of the envelope: what is in it, and the object.
/// <https://github.com/kubernetes/apimachinery/blob/master/pkg/runtime/generated.proto> (`Unknown`, `TypeMeta`)
mod envelope {
    pub(super) const TYPE: u32 = 1;
    pub(super) const RAW: u32 = 2;
    pub(super) const ENCODING: u32 = 3;
    pub(super) const MEDIA: u32 = 4;
    pub(super) const API_VERSION: u32 = 1;
    pub(super) const KIND: u32 = 2;
}

/// Fields of a list, which all kinds' lists share.
mod list {
    pub(super) const METADATA: u32 = 1;
    pub(super) const ITEMS: u32 = 2;
}

/// Bytes that are no object.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Malformed {
    /// They end in the middle of something.
    #[error("unexpected EOF")]
    Ends,
    /// A number that is too long.
    #[error("proto: integer overflow")]
    Overflow,
    /// A form of field that there is not.
    #[error("proto: illegal wireType {0}")]
    Wire(u8),
    /// A field in another form than its own.
    #[error("proto: wrong wireType = {0} for field {1}")]
    Field(u8, String),
    /// Messages in messages without end.
    #[error("proto: nested too deeply")]
    Deep,
    /// A time of no year, or JSON in a field that holds JSON and does not parse.
    #[error("{0}")]
    Content(String),
    /// They don't begin as objects do.
    #[error(
        "provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]"
    )]
    NoMagic,
    /// A kind that there is not.
    #[error(
        "no kind \"{kind}\" is registered for version \"{version}\" in scheme \"pkg/runtime/scheme.go:110\""
    )]
    Unknown {
        /// The version.
        version: String,
        /// The kind.
        kind: String,
    },
}

/// What bytes say that they are.
#[derive(Debug, Default)]
pub struct Envelope<'a> {
    /// The version of the object; empty where the sender leaves it to the request.
    pub version: String,
    /// The kind of the object; empty likewise.
    pub kind: String,
    raw: &'a [u8],
}

impl<'a> Envelope<'a> {
    /// Opens what a client sent.
    pub fn open(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let rest = bytes.strip_prefix(MAGIC).ok_or(Malformed::NoMagic)?;
        let mut found = Self::default();
        let mut reader = Reader::new(rest);
        while let Some((number, wire)) = reader.tag()? {
            match number {
                envelope::TYPE => found.read_type(reader.message(wire, "TypeMeta")?)?,
                envelope::RAW => found.raw = reader.message(wire, "Raw")?.rest(),
                _ => reader.skip(wire)?,
            }
        }
        Ok(found)
    }

    fn read_type(&mut self, mut reader: Reader<'_>) -> Result<(), Malformed> {
        while let Some((number, wire)) = reader.tag()? {
            match number {
                envelope::API_VERSION => self.version = reader.text(wire, "APIVersion")?,
                envelope::KIND => self.kind = reader.text(wire, "Kind")?,
                _ => reader.skip(wire)?,
            }
        }
        Ok(())
    }

    /// The object in it; of a kind that it does not name it is the one that is expected.
    pub fn object(&self, version: &str, kind: &str) -> Result<Value, Malformed> {
        self.object_in(version, kind, 0)
    }

    fn object_in(&self, version: &str, kind: &str, depth: u32) -> Result<Value, Malformed> {
        let or = |given: &str, expected: &str| -> String {
            (if given.is_empty() { expected } else { given }).to_owned()
        };
        let (version, kind) = (or(&self.version, version), or(&self.kind, kind));
        let Some(message) = Messages::of(&version, &kind) else {
            return Err(Malformed::Unknown { version, kind });
        };
        let mut object = serde_json::Map::new();
        decode::message(Reader::new(self.raw), message, &mut object, depth)?;
        object.insert("apiVersion".to_owned(), Value::from(version));
        object.insert("kind".to_owned(), Value::from(kind));
        Ok(Value::Object(object))
    }
}

/// Whether objects of a kind have this form.
#[must_use]
pub fn knows(version: &str, kind: &str) -> bool {
    Messages::of(version, kind).is_some()
}

/// An object of a kind; none where the kind has no such form.
#[must_use]
pub fn object(version: &str, kind: &str, object: &Value) -> Option<Vec<u8>> {
    let message = Messages::of(version, kind)?;
    let mut writer = Writer::default();
    enveloped(&mut writer, (version, kind), |w| {
        encode::message(w, message, object);
    });
    Some(writer.finish())
}

/// A list of objects.
#[must_use]
pub fn list(
    version: &str,
    kind: &str,
    metadata: &Value,
    items: impl DoubleEndedIterator<Item = Arc<Value>>,
) -> Option<Vec<u8>> {
    let item = Messages::of(version, kind.strip_suffix("List")?)?;
    let meta = Messages::of(version, kind)?.child(list::METADATA)?;
    let mut writer = Writer::default();
    enveloped(&mut writer, (version, kind), |w| {
        for object in items.rev() {
            w.message(list::ITEMS, |w| encode::message(w, item, &object));
        }
        w.message(list::METADATA, |w| encode::message(w, meta, metadata));
    });
    Some(writer.finish())
}

/// An event of a watch, with its length before it.
#[must_use]
pub fn event(change: &str, version: &str, kind: &str, object: &Value) -> Option<Vec<u8>> {
    const TYPE: u32 = 1;
    const OBJECT: u32 = 2;
    const RAW: u32 = 1;
    let message: &Message = Messages::of(version, kind)?;
    let mut writer = Writer::default();
    writer.message(OBJECT, |w| {
        w.message(RAW, |w| {
            enveloped(w, (version, kind), |w| {
                encode::message(w, message, object);
            });
        });
    });
    writer.text(TYPE, change);
    let length = u32::try_from(writer.len()).ok()?;
    writer.bytes(&length.to_be_bytes());
    Some(writer.finish())
}

/// Wraps an object. As everything is, it is written from its end on.
fn enveloped(writer: &mut Writer, (version, kind): (&str, &str), object: impl FnOnce(&mut Writer)) {
    writer.text(envelope::MEDIA, "");
    writer.text(envelope::ENCODING, "");
    writer.message(envelope::RAW, object);
    writer.message(envelope::TYPE, |w| {
        w.text(envelope::KIND, kind);
        w.text(envelope::API_VERSION, version);
    });
    writer.bytes(MAGIC);
}

#[cfg(test)]
mod tests;
