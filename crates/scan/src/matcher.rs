//! Finds needles in a text without looking at every byte.
//!
//! A needle consists of letters and digits, and the matcher ignores all other bytes of the text. At every 32nd byte, or
//! so, it reads the next eight letters and digits, the seed. An occurrence of a needle covers at least one of these
//! positions, because other bytes only make the occurrence longer. If a needle contains the seed, the matcher compares
//! the text around the seed with the needle.
//!
//! The letters of the escape sequences `\n`, `\r` and `\t` are ignored as well. So a needle is found in a JSON string
//! with line breaks.

use std::ops::Range;

use crate::needles::{self, Needle};
use crate::seeds::{self, Candidate, PREFIX, SEED, Seeds};
use crate::{Key, Severity};

/// The number of ignored bytes that can be between two characters of a needle.
const MAX_GAP: usize = 4096;

pub(crate) struct Matcher {
    needles: Vec<Needle>,
    seeds: Seeds,
}

/// An occurrence of a needle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Match {
    pub(crate) range: Range<usize>,
    pub(crate) key: usize,
    pub(crate) encoding: &'static str,
    pub(crate) severity: Severity,
}

impl Matcher {
    pub(crate) fn new(keys: &[Key]) -> Self {
        let needles: Vec<Needle> =
            keys.iter().enumerate().flat_map(|(index, key)| needles::needles(index, key)).collect();
        Self { seeds: Seeds::new(&needles), needles }
    }

    /// Returns the occurrences of the needles, in the order of their start. They do not overlap.
    pub(crate) fn matches(&self, text: &[u8]) -> Vec<Match> {
        let mut matches: Vec<Match> = Vec::new();
        let mut at = 0;
        while let Some((prefix, first)) = prefix(text, at) {
            if self.seeds.may_contain(prefix) {
                self.compare_at(text, first, &mut matches);
            }
            // All positions up to `first` have the same seed.
            at = (at + self.seeds.stride).max(first + 1);
        }
        matches
    }

    /// Adds the occurrence that contains the seed at `first`, if there is one.
    #[cold]
    fn compare_at(&self, text: &[u8], first: usize, matches: &mut Vec<Match>) {
        let Some((seed, first)) = read::<SEED>(text, first) else { return };
        for candidate in self.seeds.get(seed) {
            if let Some(range) = self.compare(text, first, *candidate) {
                let Needle { key, encoding, severity, .. } = self.needles[candidate.needle as usize];
                // Overlaps occur only with keys that contain each other, and with keys that repeat themselves.
                if matches.last().is_none_or(|last| last.range.end <= range.start) {
                    matches.push(Match { range, key, encoding, severity });
                }
            }
        }
    }

    /// Compares the text around a seed with a needle. The seed is at `candidate.offset` of the needle.
    fn compare(&self, text: &[u8], first: usize, candidate: Candidate) -> Option<Range<usize>> {
        let needle = &self.needles[candidate.needle as usize];
        let (before, after) = needle.text.split_at(candidate.offset as usize);
        let equal =
            |byte: u8, expected: u8| byte == expected || needle.ignore_case && byte.to_ascii_lowercase() == expected;
        let mut end = first;
        for expected in after {
            let at = next(text, end)?;
            if !equal(text[at], *expected) {
                return None;
            }
            end = at + 1;
        }
        let mut start = first;
        for (index, expected) in before.iter().enumerate().rev() {
            let at = previous(text, start, (index == 0).then_some(*expected))?;
            if !equal(text[at], *expected) {
                return None;
            }
            start = at;
        }
        Some(start..end)
    }
}

/// Returns the position of the first letter or digit at or after `at`.
fn next(text: &[u8], at: usize) -> Option<usize> {
    (at..text.len().min(at + MAX_GAP)).find(|at| is_relevant(text, *at))
}

/// Returns the position of the last letter or digit before `end`. `first` is the first character of the needle if this
/// character is expected. It is found also after a backslash, which then does not belong to the occurrence.
fn previous(text: &[u8], end: usize, first: Option<u8>) -> Option<usize> {
    (end.saturating_sub(MAX_GAP)..end).rev().find(|at| is_relevant(text, *at) || first == Some(text[*at]))
}

#[inline]
fn is_relevant(text: &[u8], at: usize) -> bool {
    text[at].is_ascii_alphanumeric() && !is_escape(text, at)
}

/// Returns whether the byte is the letter of `\n`, `\r` or `\t`.
#[inline]
fn is_escape(text: &[u8], at: usize) -> bool {
    matches!(text[at], b'n' | b'r' | b't') && at > 0 && text[at - 1] == b'\\'
}

/// Returns the first characters of the seed at or after `at`, folded, and the position of the first one.
#[inline]
fn prefix(text: &[u8], at: usize) -> Option<(u32, usize)> {
    if let Some(bytes) = text.get(at..at + 16) {
        let bytes = u128::from_le_bytes(bytes.try_into().expect("sixteen bytes"));
        let (low, high) = (bytes as u64, (bytes >> 64) as u64);
        let mut mask = one_bit_a_byte(alphanumeric(low)) | one_bit_a_byte(alphanumeric(high)) << 8;
        // Escape sequences are rare, and left to the slow path.
        let is_escaped = has_backslash(low) || has_backslash(high) || at > 0 && text[at - 1] == b'\\';
        if mask.count_ones() as usize >= PREFIX && !is_escaped {
            let first = mask.trailing_zeros();
            let mut prefix = 0;
            for index in 0..PREFIX {
                let byte = text[at + mask.trailing_zeros() as usize];
                prefix |= u32::from(byte) << (8 * index);
                mask &= mask - 1;
            }
            return Some((prefix | 0x2020_2020, at + first as usize));
        }
    }
    read::<PREFIX>(text, at).map(|(prefix, first)| (prefix as u32, first))
}

/// Moves the high bits of the eight bytes of a word to its lowest bits.
#[inline]
fn one_bit_a_byte(high_bits: u64) -> u64 {
    (high_bits >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56
}

/// Returns the next letters and digits at or after `at`, folded, and the position of the first one.
fn read<const COUNT: usize>(text: &[u8], at: usize) -> Option<(u64, usize)> {
    let (mut characters, mut count, mut first) = (0, 0, at);
    for (index, byte) in text.iter().enumerate().skip(at) {
        if byte.is_ascii_alphanumeric() && !is_escape(text, index) {
            if count == 0 {
                first = index;
            }
            characters |= u64::from(*byte) << (8 * count);
            count += 1;
            if count == COUNT {
                return Some((seeds::fold(characters), first));
            }
        }
    }
    None
}

#[inline]
fn has_backslash(word: u64) -> bool {
    let equal = word ^ 0x5c5c_5c5c_5c5c_5c5c;
    equal.wrapping_sub(0x0101_0101_0101_0101) & !equal & HIGH_BITS != 0
}

const HIGH_BITS: u64 = 0x8080_8080_8080_8080;

/// Returns a word with the high bit of each byte that is a letter or a digit.
#[inline]
fn alphanumeric(word: u64) -> u64 {
    // With the high bits cleared, an addition does not carry into the next byte.
    let (low, folded) = (word & !HIGH_BITS, seeds::fold(word) & !HIGH_BITS);
    let at_least = |word: u64, byte: u8| word + u64::from(0x80 - byte) * 0x0101_0101_0101_0101;
    let digits = at_least(low, b'0') & !at_least(low, b'9' + 1);
    let letters = at_least(folded, b'a') & !at_least(folded, b'z' + 1);
    (digits | letters) & !word & HIGH_BITS
}
