//! The character encodings of response bodies.

use std::borrow::Cow;

use crate::escapes::Symbol;

/// A character encoding: UTF-8, UTF-16 or UTF-32. The fields are the number of bytes in a code unit, and the order of
/// these bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Encoding {
    width: usize,
    is_big_endian: bool,
}

impl Encoding {
    pub(crate) const UTF_8: Self = Self { width: 1, is_big_endian: false };

    /// UTF-32 and UTF-16, each in both byte orders.
    pub(crate) const WIDE: [Self; 4] = [
        Self { width: 4, is_big_endian: false },
        Self { width: 4, is_big_endian: true },
        Self { width: 2, is_big_endian: false },
        Self { width: 2, is_big_endian: true },
    ];

    pub(crate) fn decode(self, bytes: &[u8]) -> Cow<'_, str> {
        match std::str::from_utf8(bytes) {
            Ok(text) if self.width == 1 => text.into(),
            _ => self.characters(bytes).map(|(c, _)| c).collect::<String>().into(),
        }
    }

    /// Iterates over the decoded characters and their byte ranges. In UTF-8, an invalid byte is decoded as Latin-1. In
    /// UTF-16 and UTF-32, an invalid code unit becomes U+FFFD.
    pub(crate) fn characters(self, bytes: &[u8]) -> impl Iterator<Item = Symbol> {
        let mut at = 0;
        std::iter::from_fn(move || {
            let (c, length) = self.first(&bytes[at..])?;
            at += length;
            Some((c, at - length..at))
        })
    }

    /// Encodes ASCII text in this encoding.
    pub(crate) fn encode_ascii(self, text: &str) -> Vec<u8> {
        let mut encoded = vec![0; self.width * text.len()];
        let place = if self.is_big_endian { self.width - 1 } else { 0 };
        for (unit, byte) in encoded.chunks_mut(self.width).zip(text.bytes()) {
            unit[place] = byte;
        }
        encoded
    }

    /// Returns the first decoded character and its length in bytes.
    fn first(self, bytes: &[u8]) -> Option<(char, usize)> {
        let byte = char::from(*bytes.first()?);
        let c = match self.width {
            1 if byte.is_ascii() => Some(byte),
            1 => bytes[..bytes.len().min(4)].utf8_chunks().next().and_then(|chunk| chunk.valid().chars().next()),
            2 => {
                let units = (0..=2).step_by(2).map_while(|at| self.unit(bytes, at)?.try_into().ok());
                char::decode_utf16(units).next().map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER))
            }
            _ => self.unit(bytes, 0).map(|unit| char::from_u32(unit).unwrap_or(char::REPLACEMENT_CHARACTER)),
        };
        Some(match (c, self.width) {
            (None, _) => (byte, 1),
            (Some(c), 1) => (c, c.len_utf8()),
            (Some(c), 2) => (c, 2 * c.len_utf16()),
            (Some(c), width) => (c, width),
        })
    }

    fn unit(self, bytes: &[u8], at: usize) -> Option<u32> {
        let unit = bytes.get(at..at + self.width)?.iter().copied().map(u32::from);
        let join = |unit, byte| unit * 256 + byte;
        Some(if self.is_big_endian { unit.fold(0, join) } else { unit.rev().fold(0, join) })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn all() -> impl Iterator<Item = Encoding> {
        Encoding::WIDE.into_iter().chain([Encoding::UTF_8])
    }

    #[test]
    fn what_is_no_character_is_read_as_one() {
        let [utf_32, _, utf_16, utf_16_be] = Encoding::WIDE;
        for (encoding, bytes, text) in [
            (Encoding::UTF_8, b"a\xe9\xe2\x80\x8b\xe2\x80b".as_slice(), "a\u{e9}\u{200b}\u{e2}\u{80}b"),
            (utf_16, b"a\0\0\xd8\x3d\xd8\0\xdeb", "a\u{fffd}\u{1f600}b"),
            (utf_16_be, b"\0a\xd8\x3d", "a\u{fffd}"),
            (utf_32, b"a\0\0\0\0\0\x11\0b\0", "a\u{fffd}b\0"),
        ] {
            assert_eq!(encoding.decode(bytes), text, "{encoding:?}");
        }
    }

    proptest! {
        #[test]
        fn text_is_read_back(text in any::<String>(), ascii in "[ -~]{0,20}") {
            let bytes = |wide: fn(u32) -> Vec<u8>| text.chars().flat_map(|c| wide(c.into())).collect::<Vec<u8>>();
            let units = |unit: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(unit).collect::<Vec<u8>>();
            let encoded = [
                bytes(|c| c.to_le_bytes().into()),
                bytes(|c| c.to_be_bytes().into()),
                units(u16::to_le_bytes),
                units(u16::to_be_bytes),
                text.clone().into_bytes(),
            ];
            for (encoding, bytes) in all().zip(encoded) {
                prop_assert_eq!(encoding.decode(&bytes), text.as_str());
                let bytes = encoding.encode_ascii(&ascii);
                prop_assert_eq!(encoding.decode(&bytes), ascii.as_str());
            }
        }

        #[test]
        fn every_byte_is_a_part_of_one_character(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            for encoding in all() {
                let mut end = 0;
                for (_, place) in encoding.characters(&bytes) {
                    prop_assert!(place.start == end && place.end > end);
                    end = place.end;
                }
                prop_assert_eq!(end, bytes.len());
            }
        }
    }
}
