//! Decoding of text in UTF-8 or UTF-16 from files, pipes and responses.

use thiserror::Error as ThisError;
use zeroize::Zeroizing;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The error for bytes that [`decode`] cannot decode.
///
/// ```
/// use codat_keys::internal::{NotText, decode};
///
/// assert_eq!(*decode(b"\xff\xfek\0e\0y\0").unwrap(), "key");
/// assert_eq!(decode(b"k\0e\0y\0"), Err(NotText::Utf16));
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, ThisError)]
pub enum NotText {
    /// The bytes are UTF-16 without a byte order mark, or invalid UTF-16.
    #[error("is encoded as UTF-16")]
    Utf16,
    /// The bytes are neither UTF-8 nor UTF-16.
    #[error("is not encoded as UTF-8")]
    NotUtf8,
}

impl NotText {
    /// The hint for both variants of [`NotText`].
    pub const HINT: &str = "save it as UTF-8";
}

/// Decodes UTF-8 with or without a byte order mark, or UTF-16 with a byte order mark.
///
/// # Errors
/// [`NotText`] for any other encoding, including UTF-16 without a byte order mark.
pub fn decode(bytes: &[u8]) -> Result<Zeroizing<String>, NotText> {
    match bytes {
        [0xff, 0xfe, units @ ..] => utf16(units, u16::from_le_bytes),
        [0xfe, 0xff, units @ ..] => utf16(units, u16::from_be_bytes),
        _ if looks_like_utf16(bytes) => Err(NotText::Utf16),
        _ => {
            let text = std::str::from_utf8(without_byte_order_mark(bytes)).map_err(|_| NotText::NotUtf8)?;
            Ok(Zeroizing::new(text.to_owned()))
        }
    }
}

/// Removes the UTF-8 byte order mark. Some servers and editors send this mark, but JSON does not allow it.
pub(crate) fn without_byte_order_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes)
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Result<Zeroizing<String>, NotText> {
    let (units, rest) = bytes.as_chunks::<2>();
    if !rest.is_empty() {
        return Err(NotText::Utf16);
    }
    // Each UTF-16 code unit takes at most three bytes in UTF-8, so the buffer never grows. A growing buffer would leave
    // a copy of the key in memory.
    let mut text = Zeroizing::new(String::with_capacity(3 * units.len()));
    for character in char::decode_utf16(units.iter().copied().map(unit)) {
        text.push(character.map_err(|_| NotText::Utf16)?);
    }
    Ok(text)
}

/// Returns whether the bytes look like ASCII text in UTF-16 without a byte order mark.
fn looks_like_utf16(bytes: &[u8]) -> bool {
    let (pairs, _) = bytes.as_chunks::<2>();
    let is_zero = |place: usize| pairs.iter().all(|pair| pair[place] == 0 && pair[1 - place] != 0);
    !pairs.is_empty() && (is_zero(0) || is_zero(1))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn encoded(text: &str, unit: fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(unit).collect()
    }

    #[test]
    fn what_is_no_text_is_named() {
        for (bytes, what) in [
            (b"a\0b\0".as_slice(), NotText::Utf16),
            (b"\0a\0b", NotText::Utf16),
            (b"\xff\xfea", NotText::Utf16),
            (b"\xff\xfe\0\xd8", NotText::Utf16),
            (b"na\xefve", NotText::NotUtf8),
            (b"\xef\xbb\xbf\xff", NotText::NotUtf8),
        ] {
            assert_eq!(decode(bytes), Err(what), "{bytes:?}");
        }
        for (bytes, text) in [(b"".as_slice(), ""), (b"\xef\xbb\xbfa", "a"), (b"\xff\xfe", ""), (b"ab\0", "ab\0")] {
            assert_eq!(decode(bytes).unwrap().as_str(), text, "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn text_with_a_byte_order_mark_is_read_back(text in "\\PC{0,40}") {
            let marked = format!("\u{feff}{text}");
            for bytes in [
                marked.clone().into_bytes(),
                encoded(&marked, u16::to_le_bytes),
                encoded(&marked, u16::to_be_bytes),
            ] {
                prop_assert_eq!(&*decode(&bytes).unwrap(), &text);
            }
        }

        #[test]
        fn nothing_panics(bytes in prop::collection::vec(any::<u8>(), 0..20)) {
            let _ = decode(&bytes);
        }
    }
}
