//! UTF-16 and UTF-32: characters with one or three NUL bytes between them.

use super::{Part, Visit};

/// Decodes all such parts of a text.
pub(super) fn decode(text: &[u8], visit: &mut Visit<'_>) {
    let mut at = 0;
    while let Some(skipped) = memchr::memchr(0, &text[at..]) {
        at += skipped;
        let start = text[..=at].windows(2).rposition(is_narrow).map_or(0, |before| before + 1);
        let end = text[at..].windows(2).position(is_narrow).map_or(text.len(), |length| at + length + 1);
        let mut part = Part::default();
        (start..end).filter(|at| text[*at] != 0).for_each(|at| part.push(text[at], at));
        part.visit(end, "UTF-16", visit);
        at = end;
    }
}

/// Returns whether no NUL byte is between two characters.
fn is_narrow(pair: &[u8]) -> bool {
    pair[0] != 0 && pair[1] != 0
}
