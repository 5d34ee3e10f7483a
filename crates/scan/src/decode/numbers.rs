//! Lists of character codes, such as `122, 116` and `0x7a, 0x74` and `7a:74`.

use std::ops::Range;

use super::{Part, Visit, class, extend};

/// The smallest number of codes that are decoded.
const MIN_CODES: usize = 24;

/// A way to write a code.
struct Form {
    encoding: &'static str,
    radix: u32,
    /// Returns the digits of a word in this form.
    digits: fn(&str) -> Option<&str>,
}

const FORMS: [Form; 4] = [
    Form {
        encoding: "hexadecimal array",
        radix: 16,
        digits: |word| word.strip_prefix("0x").or_else(|| word.strip_prefix("0X")),
    },
    Form { encoding: "hexadecimal", radix: 16, digits: |word| (word.len() == 2).then_some(word) },
    Form { encoding: "octal codes", radix: 8, digits: |word| (word.len() >= 3).then_some(word) },
    Form { encoding: "decimal codes", radix: 10, digits: |word| Some(word) },
];

/// Decodes the list around a sample in each form. Returns its end.
pub(super) fn decode(text: &[u8], at: usize, visit: &mut Visit<'_>) -> usize {
    let range = extend(text, at, class::NUMBERS);
    let end = range.end;
    let words: Vec<(usize, &str)> = words(text, range);
    for form in FORMS {
        let codes = words.iter().map(|(at, word)| {
            let code = (form.digits)(word).and_then(|digits| u8::from_str_radix(digits, form.radix).ok())?;
            Some((*at, *at + word.len(), code))
        });
        // Other words can be before and after the list.
        for list in codes.collect::<Vec<_>>().split(Option::is_none).filter(|list| list.len() >= MIN_CODES) {
            let mut part = Part::default();
            let mut end = 0;
            for (start, word_end, code) in list.iter().flatten() {
                part.push(*code, *start);
                end = *word_end;
            }
            part.visit(end, form.encoding, visit);
        }
    }
    end
}

/// Returns the words in a range, with their positions.
fn words(text: &[u8], range: Range<usize>) -> Vec<(usize, &str)> {
    let mut words = Vec::new();
    let mut start = range.start;
    for at in range.start..=range.end {
        if at == range.end || !text[at].is_ascii_alphanumeric() {
            if let Some(word) = std::str::from_utf8(&text[start..at]).ok().filter(|word| !word.is_empty()) {
                words.push((start, word));
            }
            start = at + 1;
        }
    }
    words
}
