//! Base64, Base32 and hexadecimal text.

use std::ops::Range;

use super::class::{self, Classes};
use super::{Decoded, SAMPLE, Visit, extend};

/// The shortest text that is decoded. A key that is encoded twice is longer.
const MIN_LENGTH: usize = 64;
/// The number of other bytes between two lines: a line feed with indentation, or `" + "`.
const MAX_GAP: usize = 16;

/// An encoding whose characters each stand for some bits.
pub(super) struct Alphabet {
    encoding: &'static str,
    class: Classes,
    bits: usize,
    /// The number of characters after which the characters and the bytes are aligned again.
    period: usize,
    value: fn(u8) -> u8,
}

pub(super) static HEXADECIMAL: Alphabet =
    Alphabet { encoding: "hexadecimal", class: class::HEXADECIMAL, bits: 4, period: 2, value: hexadecimal };
pub(super) static BASE32_UPPERCASE: Alphabet =
    Alphabet { encoding: "Base32", class: class::BASE32_UPPERCASE, bits: 5, period: 8, value: base32 };
pub(super) static BASE32_LOWERCASE: Alphabet =
    Alphabet { encoding: "Base32", class: class::BASE32_LOWERCASE, bits: 5, period: 8, value: base32 };
pub(super) static BASE64: Alphabet =
    Alphabet { encoding: "Base64", class: class::BASE64, bits: 6, period: 4, value: base64 };

/// Decodes the text around a sample, which can be in several lines.
pub(super) fn decode(alphabet: &Alphabet, text: &[u8], at: usize, visit: &mut Visit<'_>) -> usize {
    let lines = lines(text, at, alphabet.class);
    let end = lines.last().map_or(at, |line| line.end);
    if lines.iter().map(ExactSizeIterator::len).sum::<usize>() < MIN_LENGTH {
        return end;
    }
    let characters = lines.into_iter().flatten().filter(|at| text[*at] != b'=');
    let (mut positions, values): (Vec<usize>, Vec<u8>) = characters.map(|at| (at, (alphabet.value)(text[at]))).unzip();
    positions.push(end);
    // Other text can be in front of the encoded text.
    for skip in 0..alphabet.period.min(values.len()) {
        visit(Decoded {
            bytes: &unpack(&values[skip..], alphabet.bits),
            position: &|byte| positions[(skip + (8 * byte).div_ceil(alphabet.bits)).min(values.len())],
            encoding: alphabet.encoding,
        });
    }
    end
}

/// Returns the lines around `at`.
fn lines(text: &[u8], at: usize, class: Classes) -> Vec<Range<usize>> {
    let mut line = extend(text, at, class);
    let mut lines = Vec::new();
    loop {
        lines.push(line.clone());
        let Some(gap) = (0..=MAX_GAP).find(|gap| is_sample(text, line.end + gap, class)) else {
            return lines;
        };
        // In JSON, the letter of `\n` is not part of the next line.
        let start = line.end + gap;
        let start = start + usize::from(text[start - 1] == b'\\' && matches!(text[start], b'n' | b'r' | b't'));
        line = start..extend(text, start, class).end;
    }
}

/// Joins the bits of the values to bytes.
fn unpack(values: &[u8], bits: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(values.len() * bits / 8);
    let (mut buffer, mut filled) = (0u32, 0);
    for value in values {
        buffer = buffer << bits | u32::from(*value);
        filled += bits;
        if filled >= 8 {
            filled -= 8;
            bytes.push((buffer >> filled) as u8);
        }
    }
    bytes
}

fn hexadecimal(byte: u8) -> u8 {
    (byte as char).to_digit(16).unwrap_or_default() as u8
}

fn base32(byte: u8) -> u8 {
    match byte {
        b'2'..=b'7' => byte - b'2' + 26,
        letter => letter.to_ascii_uppercase() - b'A',
    }
}

fn base64(byte: u8) -> u8 {
    match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' | b'-' => 62,
        _ => 63,
    }
}

/// Returns whether the bytes at a position are a sample of an encoding.
fn is_sample(text: &[u8], at: usize, class: Classes) -> bool {
    text.get(at..at + SAMPLE).is_some_and(|sample| class::classes(sample) & class != 0)
}
