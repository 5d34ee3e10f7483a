//! Sanitizing for a terminal: no control and no format character comes out, as Unicode's own categories say.

#![no_main]

use codat_keys::internal::sanitize;
use libfuzzer_sys::fuzz_target;
use unicode_properties::{GeneralCategory, UnicodeGeneralCategory};

fuzz_target!(|input: &str| {
    let shown = sanitize(input);
    let mut before = ' ';
    for c in shown.chars() {
        let category = c.general_category();
        let acts = matches!(
            category,
            GeneralCategory::Control
                | GeneralCategory::Format
                | GeneralCategory::LineSeparator
                | GeneralCategory::ParagraphSeparator
        );
        assert!(!acts || joins(before, c) || is_visible(c), "{c:?} in {shown:?} ({category:?})");
        before = c;
    }
    if input.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ') {
        assert_eq!(shown, input);
    }
});

/// Emoji and some scripts are written with joiners between their letters.
fn joins(before: char, c: char) -> bool {
    matches!(c, '\u{200c}' | '\u{200d}') && !before.is_ascii()
}

/// The signs of Arabic, Syriac and Kaithi that enclose the digits after them are drawn, though Unicode counts them as formats.
fn is_visible(c: char) -> bool {
    matches!(c, '\u{600}'..='\u{605}' | '\u{6dd}' | '\u{70f}' | '\u{890}'..='\u{891}' | '\u{8e2}' | '\u{110bd}' | '\u{110cd}')
}
