//! Texts that somebody else wrote, as they may be shown.

/// The text without what could move a terminal's cursor, break a line, or turn or hide letters.
pub fn plain(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut before = ' ';
    for c in text.chars() {
        let joins = matches!(c, '\u{200c}' | '\u{200d}' | '\u{fe0f}') && !before.is_ascii() && !is_unseen(before);
        if c.is_control() || (is_unseen(c) && !joins) {
            shown.extend(c.escape_unicode())
        } else {
            shown.push(c)
        }
        before = c;
    }
    shown
}

/// What Unicode lets a program ignore, marks of direction, ends of lines and blanks that are no spaces. Emoji and some scripts
/// are written with joiners, which are such characters, too.
pub(crate) fn is_unseen(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_seen_is_written_out() {
        for (text, shown) in [
            ("invoice-processor", "invoice-processor"),
            ("a\u{7}\u{1b}[2J\n", "a\\u{7}\\u{1b}[2J\\u{a}"),
            ("abc\u{202e}txt", "abc\\u{202e}txt"),
            ("pay\u{200d}roll", "pay\\u{200d}roll"),
            ("a\u{ad}b\u{3164}\u{2800}", "a\\u{ad}b\\u{3164}\\u{2800}"),
            ("\u{e0041}", "\\u{e0041}"),
            ("👩\u{200d}👧 ❤\u{fe0f} نمی\u{200c}خواهم", "👩\u{200d}👧 ❤\u{fe0f} نمی\u{200c}خواهم"),
            ("👩\u{200d}\u{200d}", "👩\u{200d}\\u{200d}"),
            ("é ü ß 株式会社", "é ü ß 株式会社"),
        ] {
            assert_eq!(plain(text), shown);
        }
    }
}
