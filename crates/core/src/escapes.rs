//! Decoding of escapes in text. Each decoded character comes with its range in the source text.

use std::ops::Range;

use crate::sanitize::is_unseen;

/// The length in bytes of `NegativeVeryThinSpace;`: the longest entity name in [`named`], and a semicolon.
const MAX_ENTITY_BYTES: usize = 22;

/// A decoded character and its range in the source text. For an escaped character, the range covers the whole escape.
pub(crate) type Symbol = (char, Range<usize>);

/// Iterates over the characters of a text without decoding escapes. Skips white space, control characters and invisible
/// characters such as soft hyphens.
pub(crate) fn verbatim(text: &str) -> impl Iterator<Item = Symbol> {
    text.char_indices().filter(|(_, c)| !is_ignorable(*c)).map(|(at, c)| (c, at..at + c.len_utf8()))
}

/// Iterates over the characters of a text, and decodes the escapes of URLs, JSON, programming languages and HTML. Also
/// decodes repeated escapes such as `%254D`. Skips white space, control characters and invisible characters.
pub(crate) fn unescaped(text: &str) -> impl Iterator<Item = Symbol> {
    let mut at = 0;
    let next = std::iter::from_fn(move || {
        let rest = &text[at..];
        let first = rest.chars().next()?;
        let escape = match first {
            '%' => percent(rest),
            '\\' => backslash(rest),
            '&' => entity(rest),
            _ => None,
        };
        let (c, length) = escape.unwrap_or((first, first.len_utf8()));
        at += length;
        Some((c, at - length..at))
    });
    next.filter(|(c, _)| !is_ignorable(*c))
}

/// Iterates over the characters in the content of a JSON string, with decoded escapes. Accepts invalid escapes.
pub(crate) fn json_unescaped(content: &str) -> impl Iterator<Item = Symbol> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let rest = &content[at..];
        let first = rest.chars().next()?;
        let (c, length) = rest.strip_prefix('\\').and_then(json_escape).unwrap_or((first, first.len_utf8()));
        at += length;
        Some((c, at - length..at))
    })
}

/// Converts ranges in a decoded text to ranges in the source text. `symbols` are the decoded characters. The ranges
/// must be in order, without overlaps, and not empty.
pub(crate) fn to_source<'a>(
    symbols: impl Iterator<Item = Symbol>,
    ranges: impl IntoIterator<Item = &'a mut Range<usize>>,
) {
    let mut at = 0;
    let placed = symbols.map(|(c, source)| {
        at += c.len_utf8();
        (at, source)
    });
    let mut placed = placed.peekable();
    for range in ranges {
        while placed.next_if(|(end, _)| *end <= range.start).is_some() {}
        let covered = std::iter::from_fn(|| placed.next_if(|(end, _)| *end <= range.end).map(|(_, source)| source));
        *range = covered.reduce(|first, last| first.start..last.end).expect("no range is empty");
    }
}

#[inline]
fn is_ignorable(c: char) -> bool {
    // A shortcut, because most text is ASCII.
    if c.is_ascii() {
        return c == ' ' || c.is_ascii_control();
    }
    c.is_whitespace() || c.is_control() || is_unseen(c)
}

/// Decodes a percent-escape such as `%4D` or `%254D`. Returns the character and the length of the escape.
fn percent(text: &str) -> Option<(char, usize)> {
    let mut digits = &text[1..];
    while let Some(inner) = digits.strip_prefix("25").filter(|inner| hex(inner, 2).is_some()) {
        digits = inner;
    }
    // A byte that is not ASCII is part of a multibyte character. Only invisible multibyte characters can occur inside a
    // key. The byte therefore becomes a space, and `unescaped` skips spaces.
    let c = hex(digits, 2).map(|c| if c.is_ascii() { c } else { ' ' })?;
    Some((c, text.len() - digits.len() + 2))
}

/// Decodes the escape at the start of `text`: `\u004d`, `\u{4d}`, `\x4d`, `\n` or `\/`. Several backslashes in a row
/// count as one, because repeated escaping doubles backslashes. Returns the character and the length of the escape.
fn backslash(text: &str) -> Option<(char, usize)> {
    let rest = text.trim_start_matches('\\');
    let run = text.len() - rest.len();
    let braced = || {
        let code = rest.strip_prefix("u{")?;
        let digits = code.bytes().take(7).position(|byte| byte == b'}')?;
        hex(code, digits).map(|c| (c, digits))
    };
    Some(match rest.as_bytes().first() {
        Some(b'u') if let Some((c, length)) = utf16(rest) => (c, run + length),
        Some(b'u') if let Some((c, digits)) = braced() => (c, run + digits + 3),
        Some(b'x') if let Some(c) = hex(&rest[1..], 2) => (c, run + 3),
        Some(b'n' | b'r' | b't' | b'b' | b'f' | b'v' | b'0') => (' ', run + 1),
        Some(c @ (b'/' | b'"' | b'\'')) => (char::from(*c), run + 1),
        // Consumes all backslashes in one step, so that decoding takes linear time.
        _ => ('\\', run),
    })
}

/// Decodes the text after a backslash in a JSON string. Returns the character and the length of the escape, including
/// the backslash.
fn json_escape(text: &str) -> Option<(char, usize)> {
    let c = match text.chars().next()? {
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'b' => '\u{8}',
        'f' => '\u{c}',
        'u' => return utf16(text).map(|(c, length)| (c, length + 1)),
        c => c,
    };
    Some((c, 1 + c.len_utf8()))
}

/// Decodes the text after the first backslash of an escape: `u004d`, or a surrogate pair such as `ud83d\ude00`. An
/// unpaired surrogate becomes U+FFFD. Returns the character and the length of the decoded text.
fn utf16(text: &str) -> Option<(char, usize)> {
    let unit = |text: &str| hex_digits(text.strip_prefix('u')?, 4).and_then(|unit| u16::try_from(unit).ok());
    let (first, next) = (unit(text)?, text[5..].trim_start_matches('\\'));
    let c = char::decode_utf16([Some(first), unit(next)].into_iter().flatten()).next()?;
    let c = c.unwrap_or(char::REPLACEMENT_CHARACTER);
    Some((c, if c.len_utf16() == 1 { 5 } else { text.len() - next.len() + 5 }))
}

/// Decodes `&#77;`, `&#x4d;`, `&lt;` and repeated escapes such as `&amp;#77;`. Returns the character and the length of
/// the escape.
fn entity(text: &str) -> Option<(char, usize)> {
    let mut name = &text[1..];
    while let Some(inner) = name.strip_prefix("amp;") {
        name = inner;
    }
    let length = |rest: &str| text.len() - rest.len();
    if let Some(number) = name.strip_prefix('#') {
        let (digits, radix) = number.strip_prefix(['x', 'X']).map_or((number, 10), |digits| (digits, 16));
        let rest = digits.trim_start_matches(|c: char| c.is_digit(radix));
        let code = u32::from_str_radix(&digits[..digits.len() - rest.len()], radix).ok();
        return code.and_then(char::from_u32).map(|c| (c, length(rest.strip_prefix(';').unwrap_or(rest))));
    }
    let end = name.bytes().take(MAX_ENTITY_BYTES).position(|byte| byte == b';');
    let named = end.and_then(|end| Some((named(&name[..end])?, length(&name[end + 1..]))));
    named.or(Some(('&', length(name))))
}

/// Returns the character of an HTML entity. Recognizes only the entities of invisible characters and of characters that
/// can occur in an API key. Returns a space for an invisible character, because [`unescaped`] skips spaces.
fn named(name: &str) -> Option<char> {
    Some(match name {
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        "plus" => '+',
        "sol" => '/',
        "equals" => '=',
        "shy"
        | "nbsp"
        | "NonBreakingSpace"
        | "NoBreak"
        | "ZeroWidthSpace"
        | "zwj"
        | "zwnj"
        | "lrm"
        | "rlm"
        | "Tab"
        | "NewLine"
        | "ensp"
        | "emsp"
        | "emsp13"
        | "emsp14"
        | "numsp"
        | "puncsp"
        | "thinsp"
        | "ThinSpace"
        | "hairsp"
        | "VeryThinSpace"
        | "MediumSpace"
        | "ThickSpace"
        | "NegativeVeryThinSpace"
        | "NegativeThinSpace"
        | "NegativeMediumSpace"
        | "NegativeThickSpace"
        | "ApplyFunction"
        | "af"
        | "InvisibleTimes"
        | "it"
        | "InvisibleComma"
        | "ic" => ' ',
        _ => return None,
    })
}

/// Parses the first `digits` characters of a text as the hexadecimal code of a character.
fn hex(text: &str, digits: usize) -> Option<char> {
    hex_digits(text, digits).and_then(char::from_u32)
}

fn hex_digits(text: &str, digits: usize) -> Option<u32> {
    let code = text.get(..digits).filter(|code| code.bytes().all(|byte| byte.is_ascii_hexdigit()))?;
    u32::from_str_radix(code, 16).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> String {
        unescaped(text).map(|(c, _)| c).collect()
    }

    #[test]
    fn escapes_are_decoded() {
        for (text, decoded) in [
            ("M%4d%4D%254d%25254D%zz%", "MMMMM%zz%"),
            ("M M\tM\u{a0}M\u{2003}M\u{85}M\u{9f}M\u{ad}M", "MMMMMMMM"),
            ("&lt;&gt;&quot;&apos;&amp;&plus;&sol;&equals;&amp;amp;lt;&x", "<>\"'&+/=<&x"),
            (r"\u004d\\u004D\u{4d}\x4d\n\/\q\", r"MMMM/\q\"),
            ("&#77;&#x4D;&#X4d;&#077&amp;#77;&amp;amp;&lt;&copy;&#;", "MMMMM&<&copy;&#;"),
            ("a&NegativeVeryThinSpace;b&amp;ZeroWidthSpace;c&NoBreak;d&plus;&nbsp", "abcd+&nbsp"),
            ("a b\u{200b}c\u{ad}d\u{feff}e\u{2060}f\r\ng\0%20%E2%80%8B&shy;\\u200bh\\vi\\udb40\\udc01j", "abcdefghij"),
            ("%2", "%2"),
            ("&#99999999999;\\u{}", "&#99999999999;\\u{}"),
            (r"\ud83d\ude00\\ud83d\\ude00\ud83d\u0041\ude00", "\u{1f600}\u{1f600}\u{fffd}A\u{fffd}"),
        ] {
            assert_eq!(read(text), decoded, "{text:?}");
        }
    }

    #[test]
    fn json_strings_are_decoded_once() {
        let decoded: String = json_unescaped(r#"a\u004d\"\\u004d\n\q\ud83d\ude00\ud800\"#).map(|(c, _)| c).collect();
        assert_eq!(decoded, "aM\"\\u004d\nq\u{1f600}\u{fffd}\\");
    }

    proptest! {
        #[test]
        fn json_strings_are_read_back(text in any::<String>()) {
            let json = serde_json::Value::from(text.as_str()).to_string();
            let symbols = || json_unescaped(&json[1..json.len() - 1]);
            prop_assert_eq!(symbols().map(|(c, _)| c).collect::<String>(), text.as_str());
            let mut ranges: Vec<_> = text.char_indices().map(|(at, c)| at..at + c.len_utf8()).collect();
            to_source(symbols(), &mut ranges);
            prop_assert!(ranges.into_iter().eq(symbols().map(|(_, source)| source)));
        }

        #[test]
        fn every_place_is_within_the_text_and_after_the_one_before(text in "([%\\\\&#;ux{}0-9a-fé\u{200b} ]|amp;|25){0,40}") {
            let mut before = 0;
            for (_, place) in unescaped(&text) {
                prop_assert!(before <= place.start && text.get(place.clone()).is_some(), "{place:?}");
                before = place.end;
            }
        }
    }
}
