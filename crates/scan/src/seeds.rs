//! Finds out which needles can occur at a position from the next eight letters and digits.

use std::collections::HashMap;

use crate::needles::Needle;

/// The number of letters and digits in a seed.
pub(crate) const SEED: usize = 8;
/// The number of letters and digits that the filter checks.
pub(crate) const PREFIX: usize = 4;
/// The number of bits of the filter. It fits into the second-level cache.
const FILTER_BITS: u32 = 20;

/// A needle and the offset of the seed in it.
#[derive(Clone, Copy)]
pub(crate) struct Candidate {
    pub(crate) needle: u32,
    pub(crate) offset: u32,
}

/// The seeds of all needles.
pub(crate) struct Seeds {
    /// A bit for each hash of the first characters of a seed. At most positions of a text, the bit is not set.
    filter: Vec<u64>,
    candidates: HashMap<u64, Vec<Candidate>>,
    /// The distance between two positions of a text at which the matcher reads a seed.
    pub(crate) stride: usize,
}

impl Seeds {
    /// Stores the first seeds of each needle, one for each byte of the stride and one more. The matcher reads one of these
    /// seeds in each occurrence of the needle.
    pub(crate) fn new(needles: &[Needle]) -> Self {
        let shortest = needles.iter().map(|needle| needle.text.len()).min().unwrap_or(SEED);
        // One position less than a needle has: the matcher reads the seed after the first character if this character
        // looks like the letter of an escape sequence.
        let stride = (shortest - SEED).clamp(1, 64);
        let mut seeds = Self { filter: vec![0; 1 << (FILTER_BITS - 6)], candidates: HashMap::new(), stride };
        for (needle, index) in needles.iter().zip(0..) {
            for (seed, offset) in needle.text.windows(SEED).zip(0..=stride as u32) {
                let seed = fold(u64::from_le_bytes(seed.try_into().expect("eight bytes")));
                seeds.candidates.entry(seed).or_default().push(Candidate { needle: index, offset });
                let hash = hash(seed as u32);
                seeds.filter[hash >> 6] |= 1 << (hash & 63);
            }
        }
        seeds
    }

    /// Returns whether a needle can have a seed with these first characters.
    #[inline]
    pub(crate) fn may_contain(&self, prefix: u32) -> bool {
        let hash = hash(prefix);
        self.filter[hash >> 6] >> (hash & 63) & 1 != 0
    }

    /// Returns the needles that contain this seed.
    pub(crate) fn get(&self, seed: u64) -> &[Candidate] {
        self.candidates.get(&seed).map_or(&[], Vec::as_slice)
    }
}

/// Makes the letters lowercase. Digits stay as they are.
#[inline]
pub(crate) fn fold(seed: u64) -> u64 {
    seed | 0x2020_2020_2020_2020
}

#[inline]
fn hash(prefix: u32) -> usize {
    (prefix.wrapping_mul(0x9e37_79b9) >> (32 - FILTER_BITS)) as usize
}
