//! gzip, in which the operator keeps a configuration.
//! <https://www.rfc-editor.org/rfc/rfc1952>

use std::io::{Read as _, Write as _};

use flate2::{Compression, read::GzDecoder, write::GzEncoder};

/// The most that a packed text may be, in bytes: a small one can stand for gigabytes.
const LONGEST: u64 = 16 << 20;

/// Packs bytes.
#[must_use]
pub fn pack(bytes: &[u8]) -> Vec<u8> {
    let mut out = GzEncoder::new(Vec::new(), Compression::default());
    // A vector takes everything.
    let _ = out.write_all(bytes);
    out.finish().unwrap_or_default()
}

/// Unpacks bytes; none for what is not packed so, and for what would be too long.
#[must_use]
pub fn unpack(packed: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let mut from = GzDecoder::new(packed).take(LONGEST + 1);
    from.read_to_end(&mut out).ok()?;
    (u64::try_from(out.len()).ok()? <= LONGEST).then_some(out)
}

#[cfg(test)]
mod tests {
    use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};

    use super::*;

    #[test]
    fn what_is_packed_can_be_unpacked() {
        for text in ["", "a", &"0123456789".repeat(20_000)] {
            assert_eq!(unpack(&pack(text.as_bytes())).unwrap(), text.as_bytes());
        }
        let mut broken = pack(b"abc");
        broken[15] ^= 1;
        assert_eq!((unpack(&broken), unpack(b"abc")), (None, None));
    }

    #[test]
    fn what_others_have_packed_can_be_unpacked() {
        // As Go's compress/gzip writes it.
        let packed = BASE64
            .decode("H4sIAAAAAAAA/0rPyU9KzLHiUlAoTi5KLEiNz8wrSS0qS8yxUjA2KEYIl2TmpuaXllgpGIJFU8sSc0oTSzLz89A0QJUn5+elZaYXWylEx3IBAgAA//8dzohgYwAAAA==")
            .unwrap();
        let text = String::from_utf8(unpack(&packed).unwrap()).unwrap();
        assert!(text.starts_with("global:"), "{text}");
    }

    #[test]
    fn a_small_text_that_stands_for_a_huge_one_is_refused() {
        let long = usize::try_from(LONGEST).unwrap();
        assert!(unpack(&pack(&vec![0; long])).is_some());
        assert_eq!(unpack(&pack(&vec![0; long + 1])), None);
    }
}
