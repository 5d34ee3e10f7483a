//! Decodes parts of a text that look encoded, and scans the result. This finds keys that are encoded several times, and
//! keys of which only some characters are written as escape sequences.

mod blob;
mod class;
mod dump;
mod escape;
mod numbers;
mod wide;

use std::collections::BTreeMap;
use std::ops::Range;

use class::Classes;

use crate::Severity;
use crate::matcher::{Match, Matcher};
use crate::needles;

/// The number of encodings that are decoded, one inside the other. The matcher knows two more.
const MAX_DEPTH: usize = 3;
/// The number of decoded bytes for each byte of a text. Input that was made to be decoded over and over ends here.
const MAX_WORK: usize = 24;
/// The length of a sample, in bytes. If all bytes of a sample are characters of an encoding, the text around the sample
/// is decoded.
const SAMPLE: usize = 16;
/// The distance between the starts of two samples. Each line of an encoded text with 47 or more characters contains a
/// whole sample.
const STRIDE: usize = 32;

/// An occurrence of a key, in plain form or encoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Occurrence {
    pub(crate) range: Range<usize>,
    pub(crate) key: usize,
    pub(crate) encoding: String,
    pub(crate) severity: Severity,
}

/// A decoded part of a text.
struct Decoded<'a> {
    bytes: &'a [u8],
    /// Returns the position of the encoded form of a decoded byte. For the number of bytes, returns the end of the part.
    position: &'a dyn Fn(usize) -> usize,
    encoding: &'static str,
}

/// A part of a text that is being decoded.
#[derive(Default)]
struct Part {
    bytes: Vec<u8>,
    /// The position of the encoded form of each byte.
    positions: Vec<usize>,
}

impl Part {
    fn push(&mut self, byte: u8, position: usize) {
        self.bytes.push(byte);
        self.positions.push(position);
    }

    /// Passes the part to `visit`, unless it is too short for a key.
    fn visit(mut self, end: usize, encoding: &'static str, visit: &mut Visit<'_>) {
        if self.bytes.len() >= needles::MIN_LENGTH {
            self.positions.push(end);
            visit(Decoded { bytes: &self.bytes, position: &|at| self.positions[at], encoding });
        }
    }
}

/// A function that gets the decoded parts of a text.
type Visit<'a> = dyn FnMut(Decoded<'_>) + 'a;

/// Returns the occurrences of the keys in a text, in the order of their start. They do not overlap.
pub(crate) fn occurrences(matcher: &Matcher, text: &[u8]) -> Vec<Occurrence> {
    let mut work = MAX_WORK * text.len().max(4096);
    search(matcher, text, 0, &mut work).into_values().collect()
}

/// Occurrences by their start. They do not overlap.
type Occurrences = BTreeMap<usize, Occurrence>;

fn search(matcher: &Matcher, text: &[u8], depth: usize, work: &mut usize) -> Occurrences {
    let matches = matcher.matches(text).into_iter().map(Occurrence::from);
    let mut found: Occurrences = matches.map(|occurrence| (occurrence.range.start, occurrence)).collect();
    if depth < MAX_DEPTH {
        decode_parts(text, &mut |decoded| {
            let Some(left) = work.checked_sub(decoded.bytes.len()) else { return };
            *work = left;
            for inner in search(matcher, decoded.bytes, depth + 1, work).into_values() {
                insert(&mut found, decoded.outer(inner));
            }
        });
    }
    found
}

/// Inserts an occurrence. If it overlaps with another one, the same key was found before with fewer steps.
fn insert(found: &mut Occurrences, occurrence: Occurrence) {
    let Range { start, end } = occurrence.range;
    if found.range(..end).next_back().is_none_or(|(_, other)| other.range.end <= start) {
        found.insert(start, occurrence);
    }
}

/// Passes each part of a text that looks encoded to `visit`, decoded.
fn decode_parts(text: &[u8], visit: &mut Visit<'_>) {
    // For each decoder, the end of the last part that it has examined.
    let mut ends = [0; DECODERS.len()];
    for at in (0..(text.len() + 1).saturating_sub(SAMPLE)).step_by(STRIDE) {
        let classes = smallest(&text[at..at + SAMPLE]);
        if classes != 0 {
            for ((class, decode), end) in DECODERS.iter().zip(&mut ends) {
                if classes & class != 0 && *end <= at {
                    *end = decode(text, at, visit);
                }
            }
        }
    }
    wide::decode(text, visit);
}

/// Decodes the part of a text around a sample, passes it to the function, and returns its end.
type Decoder = fn(&[u8], usize, &mut Visit<'_>) -> usize;

const DECODERS: [(Classes, Decoder); 7] = [
    (class::HEXADECIMAL, |text, at, visit| blob::decode(&blob::HEXADECIMAL, text, at, visit)),
    (class::BASE32_UPPERCASE, |text, at, visit| blob::decode(&blob::BASE32_UPPERCASE, text, at, visit)),
    (class::BASE32_LOWERCASE, |text, at, visit| blob::decode(&blob::BASE32_LOWERCASE, text, at, visit)),
    (class::BASE64, |text, at, visit| blob::decode(&blob::BASE64, text, at, visit)),
    (class::ESCAPES, escape::decode),
    (class::NUMBERS, numbers::decode),
    (class::DUMP, dump::decode),
];

/// Returns the encodings of a sample, except those whose characters include those of another one.
#[inline]
fn smallest(sample: &[u8]) -> Classes {
    let mut classes = class::classes(sample);
    if classes & class::HEXADECIMAL != 0 {
        classes &= class::HEXADECIMAL | class::ESCAPES;
    }
    if classes & (class::BASE32_UPPERCASE | class::BASE32_LOWERCASE) != 0 {
        classes &= !class::BASE64;
    }
    // Indentation is not a list of numbers.
    if classes & class::NUMBERS != 0 && sample.iter().filter(|byte| byte.is_ascii_hexdigit()).count() < SAMPLE / 4 {
        classes &= !(class::NUMBERS | class::DUMP);
    }
    classes
}

impl Decoded<'_> {
    /// Converts an occurrence in the decoded part to an occurrence in the text.
    fn outer(&self, inner: Occurrence) -> Occurrence {
        Occurrence {
            range: (self.position)(inner.range.start)..(self.position)(inner.range.end),
            encoding: format!("{} › {}", self.encoding, inner.encoding),
            ..inner
        }
    }
}

/// Returns the positions before and after `at` between which all bytes can occur in an encoding.
fn extend(text: &[u8], at: usize, class: Classes) -> Range<usize> {
    let accepts = |byte| class::is_in(byte, class);
    let start = text[..at].iter().rposition(|byte| !accepts(*byte)).map_or(0, |before| before + 1);
    let end = text[at..].iter().position(|byte| !accepts(*byte)).map_or(text.len(), |length| at + length);
    start..end
}

impl From<Match> for Occurrence {
    fn from(found: Match) -> Self {
        Self { range: found.range, key: found.key, encoding: found.encoding.to_owned(), severity: found.severity }
    }
}
