//! Hex dumps, as the programs `xxd` and `hexdump -C` print them.

use super::{Part, Visit};

/// The number of bytes in a row of a hex dump.
const ROW: usize = 16;

/// Decodes the rows from the line of a sample on. Returns their end, or `at` if there is none.
pub(super) fn decode(text: &[u8], at: usize, visit: &mut Visit<'_>) -> usize {
    let start = memchr::memrchr(b'\n', &text[..at]).map_or(0, |feed| feed + 1);
    let mut line = start..line_end(text, start);
    let mut part = Part::default();
    let mut end = at;
    while row(text, line.clone(), &mut part) {
        end = line.end;
        let start = (line.end + 1).min(text.len());
        line = start..line_end(text, start);
    }
    part.visit(end, "hex dump", visit);
    end
}

fn line_end(text: &[u8], start: usize) -> usize {
    memchr::memchr(b'\n', &text[start..]).map_or(text.len(), |length| start + length)
}

/// Decodes a row: an offset, up to sixteen bytes in groups, and text.
fn row(text: &[u8], line: std::ops::Range<usize>, part: &mut Part) -> bool {
    let start = line.start;
    let mut words = text[line].split(|byte| *byte == b' ').scan(start, |at, word| {
        let start = *at;
        *at += word.len() + 1;
        Some((start, word))
    });
    let mut words = words.by_ref().filter(|(_, word)| !word.is_empty());
    let Some((_, offset)) = words.next() else { return false };
    let offset = offset.strip_suffix(b":").unwrap_or(offset);
    if !(4..=16).contains(&offset.len()) || !offset.iter().all(u8::is_ascii_hexdigit) {
        return false;
    }
    let before = part.bytes.len();
    for (at, word) in words {
        let is_group = word.len() % 2 == 0 && word.len() <= 16 && word.iter().all(u8::is_ascii_hexdigit);
        if !is_group || part.bytes.len() + word.len() / 2 > before + ROW {
            break;
        }
        for (index, pair) in word.chunks(2).enumerate() {
            let pair = std::str::from_utf8(pair).unwrap_or_default();
            part.push(u8::from_str_radix(pair, 16).unwrap_or_default(), at + 2 * index);
        }
    }
    part.bytes.len() > before
}
