//! The part of a line around a key, without the key.

use std::fmt::Write as _;
use std::ops::Range;

use crate::Key;
use crate::decode::Occurrence;
use crate::finding::is_unsafe;

/// The number of characters before and after the key.
const CONTEXT: usize = 40;
/// The number of bytes before and after the key that are examined. The text after a finding must be known up to here.
pub(crate) const MARGIN: usize = 4096;

/// Returns the part of the line around an occurrence, as text for a terminal. All occurrences are masked.
pub(crate) fn excerpt(keys: &[Key], text: &[u8], occurrences: &[Occurrence], index: usize) -> String {
    let line = line(text, &occurrences[index].range);
    let (mut before, mut after) = (String::new(), String::new());
    let mut at = line.start;
    for (other, occurrence) in occurrences.iter().enumerate() {
        let masked = masked(text, occurrence);
        if masked.end <= line.start || masked.start >= line.end {
            continue;
        }
        let part = if other <= index { &mut before } else { &mut after };
        push_clean(part, &text[at.min(masked.start)..masked.start]);
        let part = if other < index { part } else { &mut after };
        part.push_str(&keys[occurrence.key].masked());
        at = masked.end.min(line.end);
    }
    push_clean(&mut after, &text[at..line.end]);
    let hidden = before.chars().count().saturating_sub(CONTEXT);
    let before: String = before.chars().skip(hidden).collect();
    let shown = CONTEXT + keys[occurrences[index].key].masked().chars().count();
    before + &after.chars().take(shown).collect::<String>()
}

/// Returns a text, such as a path, in which all occurrences are masked. The text can contain control characters.
pub(crate) fn mask(keys: &[Key], text: &[u8], occurrences: &[Occurrence]) -> String {
    let (mut shown, mut at) = (String::new(), 0);
    for occurrence in occurrences {
        let masked = masked(text, occurrence);
        shown += &String::from_utf8_lossy(&text[at.min(masked.start)..masked.start]);
        shown += &keys[occurrence.key].masked();
        at = masked.end;
    }
    shown + &String::from_utf8_lossy(&text[at..])
}

/// Returns the line around a range, or the part of a long line that is examined.
fn line(text: &[u8], range: &Range<usize>) -> Range<usize> {
    let before = range.start.saturating_sub(MARGIN);
    let after = text.len().min(range.end + MARGIN);
    let start = memchr::memrchr(b'\n', &text[before..range.start]).map_or(before, |feed| before + feed + 1);
    let end = memchr::memchr(b'\n', &text[range.end..after]).map_or(after, |feed| range.end + feed);
    start..end
}

/// Returns the range that the mask replaces. The characters next to an encoded key can depend on the key as well.
fn masked(text: &[u8], occurrence: &Occurrence) -> Range<usize> {
    let Range { start, end } = occurrence.range.clone();
    if occurrence.encoding == "plain text" {
        return start..end;
    }
    let is_encoded = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_');
    let before = text[..start].iter().rev().take(3).take_while(is_encoded).count();
    let after = text[end..].iter().take(3).take_while(is_encoded).count();
    start - before..end + after
}

/// Appends a text whose control characters and marks of direction are escaped.
fn push_clean(line: &mut String, text: &[u8]) {
    for character in String::from_utf8_lossy(text).chars() {
        if is_unsafe(character) && character != '\t' {
            let _ = write!(line, "{}", character.escape_unicode());
        } else {
            line.push(character);
        }
    }
}
