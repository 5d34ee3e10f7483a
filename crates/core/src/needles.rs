//! A search for API keys in text. The search also finds encoded forms of a key, such as Base64, because a server can
//! repeat a key in an encoded form.

use std::borrow::Cow;
use std::ops::Range;

use aho_corasick::automaton::Automaton;
use aho_corasick::nfa::contiguous::NFA;
use aho_corasick::{Anchored, MatchKind};
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;

use crate::escapes::{Symbol, to_source, unescaped, verbatim};
use crate::lookalikes::MASK;

/// The minimum length in bytes of an API key that is searched for in every encoded form. For a shorter key, only the
/// key itself and the Base64 encoding of the key without other bytes are searched for. The other forms of a short key
/// could occur in any text by chance.
const LEAST_KEY_BYTES: usize = 8;

/// The byte that stands for every non-ASCII character in the search. No form of an API key contains this byte.
const OTHER: u8 = 0xff;

/// A searcher for a set of API keys. The search finds each key itself, and the encodings of the key in Base64 and
/// hexadecimal. The search ignores case, because a server may repeat a key in lower case.
pub(crate) struct Needles {
    automaton: NFA,
    /// The length of the shortest search pattern: a key or an encoded form of a key. `longest` is the length of the
    /// longest search pattern.
    shortest: usize,
    longest: usize,
}

impl Needles {
    pub(crate) fn of<'a>(keys: impl IntoIterator<Item = &'a str>) -> Self {
        let needles: Vec<String> = keys.into_iter().flat_map(forms).collect();
        let lengths = || needles.iter().map(String::len);
        let (shortest, longest) = (lengths().min().unwrap_or(usize::MAX), lengths().max().unwrap_or(0));
        let automaton = NFA::builder()
            .match_kind(MatchKind::Standard)
            .ascii_case_insensitive(true)
            .prefilter(false)
            .build(&needles);
        let automaton = automaton.expect("the keys of a list are far smaller than what an automaton can hold");
        Self { automaton, shortest, longest }
    }

    /// Replaces each of the searched keys in a text with asterisks. The time is proportional to the length of the text,
    /// for any number of keys.
    pub(crate) fn redact<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let places = self.places(text);
        if places.is_empty() {
            return Cow::Borrowed(text);
        }
        let (mut redacted, mut end) = (String::with_capacity(text.len()), 0);
        for place in places {
            redacted += &text[end..place.start];
            redacted += MASK;
            end = place.end;
        }
        Cow::Owned(redacted + &text[end..])
    }

    pub(crate) fn occur_in(&self, text: &str) -> bool {
        !self.places(text).is_empty()
    }

    /// Returns the ranges in which keys occur in a text, in order and without overlaps.
    pub(crate) fn places(&self, text: &str) -> Vec<Range<usize>> {
        if text.len() < self.shortest {
            return Vec::new();
        }
        let mut places = self.search(verbatim(text));
        // The text is searched both as it is and with its escapes decoded. For example, `%4d` can be an escape, or a
        // percent sign before a key that begins with `4d`.
        if text.contains(['%', '\\', '&']) {
            places.extend(self.search(unescaped(text)));
            places.extend(self.search_nested(text));
            places.sort_by_key(|place| place.start);
        }
        places.dedup_by(|next, place| {
            let overlaps = next.start < place.end;
            if overlaps {
                place.end = place.end.max(next.end);
            }
            overlaps
        });
        places
    }

    /// Returns the ranges in which keys occur after the escapes in a text are decoded twice. For example, JSON escapes
    /// can themselves be percent-encoded.
    fn search_nested(&self, text: &str) -> Vec<Range<usize>> {
        let inner: String = unescaped(text).map(|(c, _)| c).collect();
        let mut places = self.search(unescaped(&inner));
        to_source(unescaped(text), &mut places);
        places
    }

    /// Returns the ranges in which keys occur in a text, in ascending order. Merges overlapping ranges. `symbols`
    /// contains the decoded characters of the text, each with its range in the text.
    fn search(&self, symbols: impl Iterator<Item = Symbol>) -> Vec<Range<usize>> {
        let mut places: Vec<Range<usize>> = Vec::new();
        // A ring buffer with the start offsets of the latest characters. It has space for the longest form of a key.
        let mut starts = vec![0; self.longest];
        let mut state = self.automaton.start_state(Anchored::No).expect("a search may begin anywhere");
        for (at, (c, place)) in symbols.enumerate() {
            starts[at % self.longest] = place.start;
            let byte = if c.is_ascii() { c as u8 } else { OTHER };
            state = self.automaton.next_state(Anchored::No, state, byte);
            if !self.automaton.is_match(state) {
                continue;
            }
            // The first pattern of an automaton state is the longest form of a key that ends at this character.
            let length = self.automaton.pattern_len(self.automaton.match_pattern(state, 0));
            let mut found = starts[(at + 1 - length) % self.longest]..place.end;
            while let Some(before) = places.pop_if(|before| before.end > found.start) {
                found.start = found.start.min(before.start);
            }
            places.push(found);
        }
        places
    }
}

/// Returns the texts to search for: a key itself, and its encodings in hexadecimal and Base64.
fn forms(key: &str) -> Vec<String> {
    let (mut forms, mut base64) = (vec![key.to_owned()], vec![STANDARD_NO_PAD.encode(key)]);
    if key.len() >= LEAST_KEY_BYTES {
        forms.push(key.bytes().map(|byte| format!("{byte:02x}")).collect());
        base64.extend((0..3).map(|before| base64_core(key, before)));
        // A key can contain text that looks like an escape, and the search decodes escapes. The decoded key is
        // therefore also a form.
        forms
            .extend(Some(unescaped(key).map(|(c, _)| c).collect()).filter(|key: &String| key.len() >= LEAST_KEY_BYTES));
    }
    let url_safe = |form: &String| form.replace('+', "-").replace('/', "_");
    forms.extend(base64.iter().map(url_safe));
    forms.extend(base64);
    forms.sort();
    forms.dedup();
    forms
}

/// Returns the Base64 characters that depend only on a key, and not on the bytes before and after the key. Base64
/// encodes groups of three bytes. `before` is the number of bytes that precede the key in the group where the key
/// begins: 0, 1 or 2.
fn base64_core(key: &str, before: usize) -> String {
    let encoded = STANDARD_NO_PAD.encode(["\0".repeat(before).as_str(), key].concat());
    let (start, end) = ((8 * before).div_ceil(6), 8 * (before + key.len()) / 6);
    encoded[start..end].to_owned()
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use base64::engine::general_purpose::{STANDARD, URL_SAFE, URL_SAFE_NO_PAD};
    use proptest::prelude::*;

    use super::*;
    use crate::domain::ApiKey;

    const KEY: &str = "MadeUpKeyOfTheNeedles0000000000000000042";

    fn needles(keys: &[&str]) -> Needles {
        Needles::of(keys.iter().copied())
    }

    /// Returns a text with every character escaped by `escape`.
    fn each(text: &str, mut escape: impl FnMut(u32) -> String) -> String {
        text.chars().map(|c| escape(c.into())).collect()
    }

    /// Returns a key in each form that SECURITY.md lists. Some forms escape only the characters whose element of
    /// `mix` is true. Some Base64 forms encode the key together with `before` or `after`, the texts around the key.
    fn written(key: &str, mix: &[bool], before: &str, after: &str) -> Vec<String> {
        let mixed = |escape: fn(u32) -> String| {
            let mut mix = mix.iter().cycle();
            each(key, |c| if *mix.next().unwrap() { escape(c) } else { char::from_u32(c).unwrap().into() })
        };
        let split = |with: &str| {
            let (start, end) = key.split_at(key.len() / 2);
            format!("{start}{with}{end}")
        };
        let mut written = vec![
            key.to_owned(),
            STANDARD.encode(key),
            STANDARD_NO_PAD.encode(key),
            URL_SAFE.encode(key),
            URL_SAFE_NO_PAD.encode(key),
            STANDARD.encode(format!("{key}:")),
            STANDARD.encode(format!(":{key}")),
            STANDARD.encode(format!("{before}:{key}")),
            URL_SAFE.encode(format!("{key}:{after}")),
            each(key, |c| format!("{c:02x}")),
            each(key, |c| format!("{c:02X}")),
            key.to_ascii_lowercase(),
            STANDARD_NO_PAD.encode(key).to_ascii_uppercase(),
            each(key, |c| format!("%{c:02x}")),
            each(key, |c| format!("%{c:02X}")),
            each(key, |c| format!("%25{c:02X}")),
            each(key, |c| format!("\\u{c:04x}")),
            each(key, |c| format!("&#{c};")),
            each(key, |c| format!("&#x{c:x};")),
            mixed(|c| format!("%{c:02X}")),
            mixed(|c| format!("\\u{c:04X}")),
            mixed(|c| format!("&#{c};")),
            each(
                &STANDARD.encode(key),
                |c| if c < 65 { format!("%{c:02X}") } else { char::from_u32(c).unwrap().into() },
            ),
            serde_json::Value::from(key).to_string(),
            each(key, |c| format!("\\\\u{c:04x}")),
            each(key, |c| format!("%5Cu{c:04x}")),
            each(key, |c| format!("%26%23{c}%3B")),
            each(key, |c| format!("\\u0025{c:02x}")),
            each(key, |c| format!("\\u0026#{c};")),
            each(key, |c| format!("&#37;{c:02X}")),
            each(key, |c| format!("&#92;u{c:04x}")),
            each(key, |c| format!("&amp;#{c};")),
        ];
        written.extend(
            [
                " ",
                "\n",
                "\r\n  ",
                "\t",
                "\u{ad}",
                "\u{200b}",
                "\u{feff}",
                "\u{2060}",
                "\\n",
                "%20",
                "&shy;",
                "&ZeroWidthSpace;",
                "\\v",
                "\\udb40\\udc01",
            ]
            .map(split),
        );
        written
    }

    #[test]
    fn a_key_is_masked_in_each_form() {
        let needles = needles(&["MadeUpKeyAnother", KEY]);
        for (number, form) in written(KEY, &[true, false], "user", "password").iter().enumerate() {
            for text in [format!("<{form}>"), format!("100%{form}\\"), format!("&{form}&")] {
                let redacted = needles.redact(&text);
                assert!(redacted.contains(MASK), "{number}: {text}");
                assert!(redacted.len() < text.len() - 30 && !redacted.contains(&form[4..12]), "{number}: {redacted}");
            }
        }
    }

    #[test]
    fn what_stands_around_a_key_stays() {
        let needles = needles(&[KEY, "MadeUpKey", "key"]);
        let header = STANDARD.encode(KEY);
        for (text, redacted) in [
            (format!("no {KEY}, and {KEY}!"), "no ****, and ****!".to_owned()),
            (format!("{KEY}{KEY}"), "********".to_owned()),
            (format!("Basic {header} \u{202e}"), "Basic ****== \u{202e}".to_owned()),
            (format!("x\u{200b}{KEY}\u{200b}é"), "x\u{200b}****\u{200b}é".to_owned()),
            ("%4dadeUpKe%79&nbsp;%".to_owned(), "****&nbsp;%".to_owned()),
            ("a key, and k ey".to_owned(), "a ****, and ****".to_owned()),
            ("6b6579 MadeUpKe 4b".to_owned(), "6b6579 MadeUpKe 4b".to_owned()),
        ] {
            assert_eq!(needles.redact(&text), redacted, "{text}");
        }
        assert_eq!(Needles::of([]).redact(KEY), KEY);
    }

    /// The hexadecimal digits of a key are masked even after the start of an escape, such as `%`. SECURITY.md states an
    /// exception: if one of the digits after such a start is itself escaped, the digits are not masked.
    #[test]
    fn hexadecimal_digits_are_masked_behind_the_start_of_an_escape() {
        let needles = needles(&[KEY]);
        let hex = each(KEY, |c| format!("{c:02x}"));
        let escaped = format!("{}%{:02x}{}", &hex[..10], hex.as_bytes()[10], &hex[11..]);
        for start in ["%", "\\x", "\\u"] {
            assert_eq!(needles.redact(&format!("e {start}{hex}")), format!("e {start}{MASK}"));
            assert!(!needles.occur_in(&format!("e {start}{escaped}")), "SECURITY.md says that this is not masked");
        }
        for start in ["", "&#x", "% "] {
            assert_eq!(needles.redact(&format!("e {start}{escaped}")), format!("e {start}{MASK}"));
        }
    }

    #[test]
    fn an_escaped_key_that_contains_an_escape_is_masked() {
        let key = "MadeUpKey%41Needles";
        for text in [key, "\\u004dadeUpKey%41Needles"] {
            assert_eq!(needles(&[key]).redact(text), "****", "{text}");
        }
    }

    #[test]
    fn keys_that_overlap_are_masked_together() {
        let needles = needles(&["MadeUpKeyAAAA", "AAAABBBBCCCC", "BBBBCCCC"]);
        assert_eq!(needles.redact("<MadeUpKeyAAAABBBBCCCC>"), "<****>");
        assert_eq!(needles.redact(&"AAAABBBBCCCC".repeat(3)), "************");
    }

    #[test]
    fn a_thousand_keys_take_one_pass() {
        let keys: Vec<String> = (0..1_000).map(|number| format!("MadeUpKey{number:031}")).collect();
        let needles = needles(&keys.iter().map(String::as_str).collect::<Vec<_>>());
        let page = keys.iter().fold(String::new(), |mut page, key| {
            let _ = writeln!(page, "<li>{key}</li>");
            page
        });
        assert_eq!(needles.redact(&page), "<li>****</li>\n".repeat(1_000));
    }

    proptest! {
        #[test]
        fn no_key_comes_through_in_any_form(
            keys in prop::collection::vec("[A-Za-z0-9]{16,48}", 1..4),
            texts in prop::collection::vec("[a-z <>/\"%é\u{200b}.]{0,20}", 2),
            mix in prop::collection::vec(any::<bool>(), 1..8),
        ) {
            let needles = needles(&keys.iter().map(String::as_str).collect::<Vec<_>>());
            for key in &keys {
                for form in written(key, &mix, &texts[0], &texts[1]) {
                    let text = format!("{} {form} {}", texts[0], texts[1]);
                    let redacted = needles.redact(&text);
                    prop_assert!(redacted.contains(MASK), "{}", text);
                    prop_assert!(!needles.occur_in(&redacted), "{}", redacted);
                }
            }
        }

        #[test]
        fn a_key_of_any_characters_is_masked(key in "[!-~]{12,60}", text in "[ a-z]{0,9}") {
            let Ok(_) = ApiKey::verbatim(&key) else { return Ok(()) };
            let needles = needles(&[&key]);
            let forms = [
                key.clone(),
                STANDARD.encode(&key),
                URL_SAFE.encode(format!("{key}:")),
                STANDARD.encode(format!("{text}{key}")),
                each(&key, |c| format!("{c:02x}")),
                each(&key, |c| format!("%{c:02X}")),
                each(&key, |c| format!("\\u{c:04x}")),
                each(&key, |c| format!("&#{c};")),
            ];
            for form in forms {
                let text = format!("{text} {form} {text}");
                prop_assert!(needles.occur_in(&text), "{}", text);
            }
        }

        #[test]
        fn a_text_without_a_key_stays_as_it_is(text in any::<String>()) {
            prop_assert_eq!(needles(&[KEY]).redact(&text), text.as_str());
        }
    }
}
