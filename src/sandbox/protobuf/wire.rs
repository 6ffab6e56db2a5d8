//! The wire form: numbered fields, each a varint, eight or four bytes, or bytes with their length.
//! <https://protobuf.dev/programming-guides/encoding/>

use super::Malformed;

/// A varint.
pub(super) const VARINT: u8 = 0;
/// Eight bytes.
pub(super) const EIGHT: u8 = 1;
/// A length, and so many bytes.
pub(super) const LENGTH: u8 = 2;
/// Four bytes.
const FOUR: u8 = 5;

/// Bytes that are read field by field.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reader<'a> {
    left: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { left: bytes }
    }

    /// Everything that is left.
    pub(super) fn rest(self) -> &'a [u8] {
        self.left
    }

    pub(super) fn is_empty(self) -> bool {
        self.left.is_empty()
    }

    /// The number and form of the next field; none at the end.
    pub(super) fn tag(&mut self) -> Result<Option<(u32, u8)>, Malformed> {
        if self.left.is_empty() {
            return Ok(None);
        }
        let tag = self.varint()?;
        let number = u32::try_from(tag >> 3).map_err(|_| Malformed::Overflow)?;
        Ok(Some((number, (tag & 7) as u8)))
    }

    pub(super) fn varint(&mut self) -> Result<u64, Malformed> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let (byte, rest) = self.left.split_first().ok_or(Malformed::Ends)?;
            self.left = rest;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(Malformed::Overflow)
    }

    fn take(&mut self, length: u64) -> Result<&'a [u8], Malformed> {
        let length = usize::try_from(length).map_err(|_| Malformed::Ends)?;
        let (taken, rest) = self.left.split_at_checked(length).ok_or(Malformed::Ends)?;
        self.left = rest;
        Ok(taken)
    }

    /// The bytes of a field that has a length.
    pub(super) fn message(&mut self, wire: u8, field: &str) -> Result<Self, Malformed> {
        if wire != LENGTH {
            return Err(wrong(wire, field));
        }
        let length = self.varint()?;
        self.take(length).map(Self::new)
    }

    /// The text of a field; what is no UTF-8 in it is replaced.
    pub(super) fn text(&mut self, wire: u8, field: &str) -> Result<String, Malformed> {
        let bytes = self.message(wire, field)?.left;
        Ok(String::from_utf8_lossy(bytes).into_owned())
    }

    /// The number of a field that is a varint.
    pub(super) fn number(&mut self, wire: u8, field: &str) -> Result<u64, Malformed> {
        if wire != VARINT {
            return Err(wrong(wire, field));
        }
        self.varint()
    }

    /// The number of a field that is a double.
    pub(super) fn double(&mut self, wire: u8, field: &str) -> Result<f64, Malformed> {
        if wire != EIGHT {
            return Err(wrong(wire, field));
        }
        let bytes = self.take(8)?;
        Ok(bytes.try_into().map_or(0.0, f64::from_le_bytes))
    }

    /// Leaves out a field that the message does not have.
    pub(super) fn skip(&mut self, wire: u8) -> Result<(), Malformed> {
        match wire {
            VARINT => self.varint().map(drop),
            EIGHT => self.take(8).map(drop),
            LENGTH => {
                let length = self.varint()?;
                self.take(length).map(drop)
            }
            FOUR => self.take(4).map(drop),
            other => Err(Malformed::Wire(other)),
        }
    }
}

/// As Go's fields are named: they begin with a capital.
fn wrong(wire: u8, field: &str) -> Malformed {
    let mut letters = field.chars();
    let first = letters.next().map(|c| c.to_ascii_uppercase());
    Malformed::Field(wire, first.into_iter().chain(letters).collect())
}

/// What is written, from its end to its beginning: a message's length stands before it, and is known after it.
#[derive(Debug, Default)]
pub(super) struct Writer {
    reversed: Vec<u8>,
}

impl Writer {
    /// What was written.
    pub(super) fn finish(mut self) -> Vec<u8> {
        self.reversed.reverse();
        self.reversed
    }

    pub(super) fn len(&self) -> usize {
        self.reversed.len()
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        self.reversed.extend(bytes.iter().rev());
    }

    fn varint(&mut self, mut value: u64) {
        let (mut bytes, mut length) = ([0; 10], 0);
        loop {
            let last = value < 0x80;
            bytes[length] = (value & 0x7f) as u8 | if last { 0 } else { 0x80 };
            length += 1;
            if last {
                break;
            }
            value >>= 7;
        }
        self.bytes(&bytes[..length]);
    }

    fn tag(&mut self, number: u32, wire: u8) {
        self.varint(u64::from(number) << 3 | u64::from(wire));
    }

    /// A field with a length, which `content` writes.
    pub(super) fn message(&mut self, number: u32, content: impl FnOnce(&mut Self)) {
        let end = self.len();
        content(self);
        self.varint((self.len() - end) as u64);
        self.tag(number, LENGTH);
    }

    pub(super) fn text(&mut self, number: u32, text: &str) {
        self.message(number, |w| w.bytes(text.as_bytes()));
    }

    pub(super) fn number(&mut self, number: u32, value: u64) {
        self.varint(value);
        self.tag(number, VARINT);
    }

    pub(super) fn double(&mut self, number: u32, value: f64) {
        self.bytes(&value.to_le_bytes());
        self.tag(number, EIGHT);
    }
}
