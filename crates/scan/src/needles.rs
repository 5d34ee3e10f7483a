//! The texts to search for: each encoding of each key, without the characters that are not letters or digits.
//!
//! The matcher ignores all characters except letters and digits. So one text covers an encoding with and without line
//! breaks, quotes, commas and escape characters. For example, `7a74` covers `7a74`, `%7a%74` and `7a:74`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use zeroize::Zeroizing;

use crate::{Key, Severity};

/// The smallest length of a text that is searched for. Shorter texts occur in files by chance.
pub(crate) const MIN_LENGTH: usize = 16;

/// A text to search for.
pub(crate) struct Needle {
    /// Letters and digits. If `ignore_case` is set, the letters are lowercase.
    pub(crate) text: Zeroizing<Vec<u8>>,
    pub(crate) ignore_case: bool,
    /// The index of the key.
    pub(crate) key: usize,
    pub(crate) encoding: &'static str,
    pub(crate) severity: Severity,
}

/// Returns the needles of a key.
pub(crate) fn needles(index: usize, key: &Key) -> Vec<Needle> {
    let key_value = key.value();
    let mut needles = Needles { key: index, list: Vec::new() };
    needles.add(key_value, "plain text", Severity::High);
    let base64: Vec<_> = (0..3).map(|offset| base64_core(key_value, offset)).collect();
    for text in &base64 {
        needles.add(text, "Base64", Severity::High);
        needles.base64(text, ["Base64 › Base64", "Base64 › UTF-16 › Base64"]);
    }
    needles.base64(key_value, ["Base64", "Base64 › UTF-16"]);
    needles.codes(key_value, &PLAIN);
    needles.base32(key_value, "Base32");
    for text in &base64 {
        needles.codes(text, &OF_BASE64);
        needles.base32(text, "Base32 › Base64");
    }
    for (text, reversed, rot13) in
        [(key_value, "reversed", "ROT13"), (&base64[0], "reversed Base64", "ROT13 of Base64")]
    {
        needles.add(&text.iter().rev().copied().collect::<Vec<_>>(), reversed, Severity::Low);
        needles.add(&text.iter().map(|byte| rotate_by_13(*byte)).collect::<Vec<_>>(), rot13, Severity::Low);
    }
    needles.list
}

/// A function that encodes one byte, and the name of the encoding.
type Code = (fn(u8) -> String, &'static str);

const HEXADECIMAL: fn(u8) -> String = |byte| format!("{byte:02x}");
const ESCAPE: fn(u8) -> String = |byte| format!("x{byte:02x}");
const C_ARRAY: fn(u8) -> String = |byte| format!("0x{byte:02x}");
const UNICODE: fn(u8) -> String = |byte| format!("u{byte:04x}");
const UNICODE_BRACES: fn(u8) -> String = |byte| format!("u{byte:x}");
const UNICODE_LONG: fn(u8) -> String = |byte| format!("u{byte:08x}");
const PERCENT_TWICE: fn(u8) -> String = |byte| format!("25{byte:02x}");
const DECIMAL: fn(u8) -> String = |byte| byte.to_string();
const OCTAL: fn(u8) -> String = |byte| format!("{byte:03o}");
const OCTAL_LONG: fn(u8) -> String = |byte| format!("{byte:04o}");

const PLAIN: [Code; 10] = [
    (HEXADECIMAL, "hexadecimal"),
    (ESCAPE, "hexadecimal escapes"),
    (C_ARRAY, "hexadecimal array"),
    (UNICODE, "Unicode escapes"),
    (UNICODE_BRACES, "Unicode escapes"),
    (UNICODE_LONG, "Unicode escapes"),
    (PERCENT_TWICE, "percent-encoding, twice"),
    (DECIMAL, "decimal codes"),
    (OCTAL, "octal codes"),
    (OCTAL_LONG, "octal codes"),
];
const OF_BASE64: [Code; 10] = [
    (HEXADECIMAL, "hexadecimal › Base64"),
    (ESCAPE, "hexadecimal escapes › Base64"),
    (C_ARRAY, "hexadecimal array › Base64"),
    (UNICODE, "Unicode escapes › Base64"),
    (UNICODE_BRACES, "Unicode escapes › Base64"),
    (UNICODE_LONG, "Unicode escapes › Base64"),
    (PERCENT_TWICE, "percent-encoding, twice › Base64"),
    (DECIMAL, "decimal codes › Base64"),
    (OCTAL, "octal codes › Base64"),
    (OCTAL_LONG, "octal codes › Base64"),
];

struct Needles {
    key: usize,
    list: Vec<Needle>,
}

impl Needles {
    fn add(&mut self, text: &[u8], encoding: &'static str, severity: Severity) {
        self.push(text, encoding, severity, false);
    }

    fn push(&mut self, text: &[u8], encoding: &'static str, severity: Severity, ignore_case: bool) {
        let letters_and_digits = text.iter().filter(|byte| byte.is_ascii_alphanumeric());
        let text: Zeroizing<Vec<u8>> = Zeroizing::new(
            letters_and_digits.map(|byte| if ignore_case { byte.to_ascii_lowercase() } else { *byte }).collect(),
        );
        if text.len() >= MIN_LENGTH && !self.list.iter().any(|needle| needle.text == text) {
            self.list.push(Needle { text, ignore_case, key: self.key, encoding, severity });
        }
    }

    /// Adds the Base64 of a text, and the Base64 of its UTF-16.
    fn base64(&mut self, text: &[u8], [plain, utf16]: [&'static str; 2]) {
        // The little-endian form without its last byte, which is NUL. After a NUL byte, it is the big-endian form.
        let wide: Vec<u8> = text.iter().flat_map(|byte| [*byte, 0]).take(2 * text.len() - 1).collect();
        for offset in 0..3 {
            self.add(&base64_core(text, offset), plain, Severity::High);
            self.add(&base64_core(&wide, offset), utf16, Severity::High);
        }
    }

    fn codes(&mut self, text: &[u8], codes: &[Code]) {
        for (code, encoding) in codes {
            let encoded: String = text.iter().map(|byte| code(*byte)).collect();
            self.push(encoded.as_bytes(), encoding, Severity::High, true);
        }
    }

    fn base32(&mut self, text: &[u8], encoding: &'static str) {
        for offset in 0..5 {
            self.push(&base32_core(text, offset), encoding, Severity::High, true);
        }
    }
}

/// Encodes a longer text, in which `text` follows `offset` other bytes, as Base64. Returns the characters that do not
/// depend on the other bytes.
fn base64_core(text: &[u8], offset: usize) -> Vec<u8> {
    let longer = [&vec![0; offset], text].concat();
    let encoded = STANDARD_NO_PAD.encode(&longer);
    encoded.as_bytes()[(8 * offset).div_ceil(6)..8 * longer.len() / 6].to_vec()
}

/// Does the same as [`base64_core`], but with Base32.
fn base32_core(text: &[u8], offset: usize) -> Vec<u8> {
    let longer = [&vec![0; offset], text].concat();
    let bit = |at: usize| longer[at / 8] >> (7 - at % 8) & 1;
    let character = |at: usize| {
        b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"[(0..5).fold(0, |value, i| value << 1 | bit(5 * at + i)) as usize]
    };
    ((8 * offset).div_ceil(5)..8 * longer.len() / 5).map(character).collect()
}

fn rotate_by_13(byte: u8) -> u8 {
    match byte {
        b'a'..=b'm' | b'A'..=b'M' => byte + 13,
        b'n'..=b'z' | b'N'..=b'Z' => byte - 13,
        _ => byte,
    }
}
