//! gzip without compression: a frame that every reader understands, around the text as it is.
//! <https://www.rfc-editor.org/rfc/rfc1952>

const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
/// The most that a stored block holds.
const BLOCK: usize = 0xffff;

/// Packs bytes.
#[must_use]
pub fn pack(bytes: &[u8]) -> Vec<u8> {
    let mut out = HEADER.to_vec();
    let mut blocks = bytes.chunks(BLOCK).peekable();
    if blocks.peek().is_none() {
        out.extend([1, 0, 0, 0xff, 0xff]);
    }
    while let Some(block) = blocks.next() {
        let length = u16::try_from(block.len()).unwrap_or(u16::MAX);
        out.push(u8::from(blocks.peek().is_none()));
        out.extend(length.to_le_bytes());
        out.extend((!length).to_le_bytes());
        out.extend(block);
    }
    out.extend(checksum(bytes).to_le_bytes());
    let length = u32::try_from(bytes.len() & 0xffff_ffff).unwrap_or_default();
    out.extend(length.to_le_bytes());
    out
}

/// Unpacks what was packed so; none for anything else.
#[must_use]
pub fn unpack(packed: &[u8]) -> Option<Vec<u8>> {
    let mut rest = packed.strip_prefix(&HEADER)?;
    let mut out = Vec::new();
    loop {
        let (head, body) = rest.split_at_checked(5)?;
        let length = usize::from(u16::from_le_bytes([head[1], head[2]]));
        let (block, after) = body.split_at_checked(length)?;
        out.extend(block);
        rest = after;
        match head[0] {
            0 => {}
            1 => break,
            _ => return None,
        }
    }
    (rest.get(..4)? == checksum(&out).to_le_bytes()).then_some(out)
}

/// CRC-32, bit by bit.
fn checksum(bytes: &[u8]) -> u32 {
    let step = |crc: u32| (crc >> 1) ^ (0xedb8_8320 & 0_u32.wrapping_sub(crc & 1));
    let all = bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| step(crc))
    });
    !all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_can_be_unpacked() {
        for text in ["", "a", &"0123456789".repeat(20_000)] {
            assert_eq!(unpack(&pack(text.as_bytes())).unwrap(), text.as_bytes());
        }
        // The well-known value of CRC-32.
        assert_eq!(checksum(b"123456789"), 0xcbf4_3926);
        let mut broken = pack(b"abc");
        broken[15] ^= 1;
        assert_eq!((unpack(&broken), unpack(b"abc")), (None, None));
    }
}
