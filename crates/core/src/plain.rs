//! Texts that somebody else wrote, as they may be shown.

/// The text without what could move a terminal's cursor, break a line, or turn or hide letters.
pub fn plain(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        let hides =
            matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
        if c.is_control() || hides { shown.extend(c.escape_unicode()) } else { shown.push(c) }
    }
    shown
}
