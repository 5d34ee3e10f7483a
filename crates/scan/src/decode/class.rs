//! The characters of each encoding.

/// A set of encodings, one bit for each.
pub(super) type Classes = u8;

pub(super) const HEXADECIMAL: Classes = 1;
pub(super) const BASE32_UPPERCASE: Classes = 1 << 1;
pub(super) const BASE32_LOWERCASE: Classes = 1 << 2;
pub(super) const BASE64: Classes = 1 << 3;
pub(super) const ESCAPES: Classes = 1 << 4;
pub(super) const NUMBERS: Classes = 1 << 5;
pub(super) const DUMP: Classes = 1 << 6;

/// For each byte, the encodings in which it can occur.
static CLASSES: [Classes; 256] = {
    let mut classes = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        classes[byte] = classes_of(byte as u8);
        byte += 1;
    }
    classes
};

const fn classes_of(byte: u8) -> Classes {
    let mut classes = 0;
    if byte.is_ascii_hexdigit() {
        classes |= HEXADECIMAL | NUMBERS | DUMP;
    }
    match byte {
        b'2'..=b'7' => classes |= BASE32_UPPERCASE | BASE32_LOWERCASE,
        b'A'..=b'Z' => classes |= BASE32_UPPERCASE,
        b'a'..=b'z' => classes |= BASE32_LOWERCASE,
        _ => {}
    }
    match byte {
        b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'+' | b'/' | b'-' | b'_' | b'=' => classes |= BASE64 | ESCAPES,
        b'%' | b'\\' | b'&' | b'#' | b';' | b'{' | b'}' => classes |= ESCAPES,
        _ => {}
    }
    match byte {
        b' ' | b':' => classes |= NUMBERS | DUMP,
        b'\t' | b'\r' | b'\n' | b',' | b';' | b'-' | b'x' | b'X' => classes |= NUMBERS,
        _ => {}
    }
    classes
}

/// Returns whether a byte can occur in an encoding.
#[inline]
pub(super) fn is_in(byte: u8, class: Classes) -> bool {
    CLASSES[usize::from(byte)] & class != 0
}

/// Returns the encodings in which all bytes of a sample can occur.
#[inline]
pub(super) fn classes(sample: &[u8]) -> Classes {
    let of = |part: &[u8]| part.iter().fold(Classes::MAX, |classes, byte| classes & CLASSES[usize::from(*byte)]);
    // Most samples end here.
    match of(&sample[..8]) {
        0 => 0,
        classes => classes & of(&sample[8..]),
    }
}
