//! Escape sequences of URLs, programming languages, HTML and mail.

use std::ops::{Range, RangeInclusive};

use super::{Part, Visit, class, extend};

/// Decodes the text around a sample. Returns its end.
pub(super) fn decode(text: &[u8], at: usize, visit: &mut Visit<'_>) -> usize {
    let range = extend(text, at, class::ESCAPES);
    let end = range.end;
    if text[range.clone()].iter().any(|byte| matches!(byte, b'%' | b'\\' | b'&' | b'=')) {
        let part = unescape(text, range.clone());
        if part.bytes.len() < range.len() {
            part.visit(end, "escape sequences", visit);
        }
    }
    end
}

fn unescape(text: &[u8], range: Range<usize>) -> Part {
    let mut part = Part::default();
    let mut at = range.start;
    while at < range.end {
        let (byte, length) = sequence(&text[at..range.end]).unwrap_or((text[at], 1));
        part.push(byte, at);
        at += length;
    }
    part
}

/// Returns the character of the escape sequence at the start of a text, and the length of the sequence.
fn sequence(text: &[u8]) -> Option<(u8, usize)> {
    match text {
        [b'%' | b'=', rest @ ..] => digits(rest, 16, 2..=2, 1),
        [b'\\', b'x', b'{', rest @ ..] | [b'\\', b'u', b'{', rest @ ..] => braces(rest),
        [b'\\', b'x', rest @ ..] => digits(rest, 16, 2..=2, 2),
        [b'\\', b'u', rest @ ..] => digits(rest, 16, 4..=4, 2),
        [b'\\', b'U', rest @ ..] => digits(rest, 16, 8..=8, 2),
        [b'\\', rest @ ..] => digits(rest, 8, 3..=4, 1),
        [b'&', b'#', b'x' | b'X', rest @ ..] => entity(rest, 16, 3),
        [b'&', b'#', rest @ ..] => entity(rest, 10, 2),
        _ => None,
    }
}

fn braces(rest: &[u8]) -> Option<(u8, usize)> {
    let (byte, length) = digits(rest, 16, 1..=6, 3)?;
    (rest.get(length - 3) == Some(&b'}')).then_some((byte, length + 1))
}

fn entity(rest: &[u8], radix: u32, prefix: usize) -> Option<(u8, usize)> {
    let (byte, length) = digits(rest, radix, 1..=7, prefix)?;
    Some((byte, length + usize::from(rest.get(length - prefix) == Some(&b';'))))
}

/// Reads as many digits as there are in `count`, and returns the character and the length with the prefix.
fn digits(text: &[u8], radix: u32, count: RangeInclusive<usize>, prefix: usize) -> Option<(u8, usize)> {
    let digits = text.iter().take(*count.end()).take_while(|byte| (**byte as char).is_digit(radix)).count();
    // An octal code of three digits can be followed by a digit. A code of four digits begins with a zero.
    let digits = if radix == 8 && digits == 4 && text[0] != b'0' { 3 } else { digits };
    if !count.contains(&digits) {
        return None;
    }
    let value = u32::from_str_radix(std::str::from_utf8(&text[..digits]).ok()?, radix).ok()?;
    Some((u8::try_from(value).ok()?, prefix + digits))
}
