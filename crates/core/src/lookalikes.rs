//! Masking of text that looks like a credential.

use std::borrow::Cow;

use base64::Engine;
use base64::alphabet::STANDARD as ALPHABET;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// The text in place of a masked API key.
pub(crate) const MASK: &str = "****";

/// The length of the API keys in Codat's examples. Codat does not guarantee this length. This crate uses the length to
/// recognize text that looks like an API key.
pub(crate) const USUAL_KEY_LENGTH: usize = 40;

/// The minimum length in bytes of a secret that is masked. A shorter secret could be an ordinary word.
pub(crate) const MIN_SECRET_BYTES: usize = 8;

pub(crate) const STANDARD_ANY_PADDING: GeneralPurpose = GeneralPurpose::new(
    &ALPHABET,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Masks every sequence of 40 or more letters and digits. Also masks Base64 text after the word `Basic`, as in an
/// `Authorization` header.
pub(crate) fn mask_lookalikes(text: Cow<'_, str>) -> Cow<'_, str> {
    mask_words(text, |word| word.len() >= USUAL_KEY_LENGTH)
}

/// Returns whether a text contains a sequence of 40 or more letters and digits, or Base64 text after the word `Basic`.
///
/// The sequence must contain both upper-case and lower-case letters. Any other sequence could be a hash.
pub(crate) fn holds_lookalike(text: &str) -> bool {
    let is_mixed = |word: &str| word.contains(char::is_lowercase) && word.contains(char::is_uppercase);
    let masked = mask_words(text.into(), |word| word.len() >= USUAL_KEY_LENGTH && is_mixed(word));
    matches!(masked, Cow::Owned(_))
}

fn mask_words(text: Cow<'_, str>, is_key: impl Fn(&str) -> bool) -> Cow<'_, str> {
    let (mut shown, mut rest, mut is_after_basic) = (String::new(), &*text, false);
    while let Some(start) = rest.find(is_letter) {
        let (between, from_word) = rest.split_at(start);
        let is_encoded = is_after_basic && between.trim().is_empty();
        let ends = |c| !(is_letter(c) || is_encoded && matches!(c, '+' | '/' | '='));
        let (word, after) = from_word.split_at(from_word.find(ends).unwrap_or(from_word.len()));
        let is_masked = is_key(word) || (is_encoded && decodes(word));
        shown.extend([between, if is_masked { MASK } else { word }]);
        is_after_basic = word.eq_ignore_ascii_case("basic");
        rest = after;
    }
    shown += rest;
    if shown == *text { text } else { shown.into() }
}

fn is_letter(c: char) -> bool {
    c.is_ascii_alphanumeric()
}

fn decodes(word: &str) -> bool {
    let bytes = STANDARD_ANY_PADDING.decode(word);
    bytes.is_ok_and(|bytes| bytes.len() >= MIN_SECRET_BYTES && bytes.iter().all(u8::is_ascii_graphic))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "MadeUpKeyForTheTests0123456789abcdefGhIj";

    #[test]
    fn what_looks_like_a_credential_is_masked() {
        let header = format!("Basic {}", base64::engine::general_purpose::STANDARD.encode("MadeUpKey:/?"));
        for (text, shown) in [
            (format!("{KEY} cannot be read"), "**** cannot be read"),
            (format!("the folder /home/me/{KEY}.txt is"), "the folder /home/me/****.txt is"),
            (format!("-x{KEY}"), "-****"),
            (format!("`{header}`"), "`Basic ****`"),
            (format!("BASIC  {}", &header[6..]), "BASIC  ****"),
            ("Basic authentication needs Basic encoding".into(), "Basic authentication needs Basic encoding"),
            ("0192f0c1-2f6e-7cc3-98c4-dc0c0c07398f".into(), "0192f0c1-2f6e-7cc3-98c4-dc0c0c07398f"),
            (KEY[1..].to_owned(), &KEY[1..]),
            ("of TWFkZVVwS2V5".into(), "of TWFkZVVwS2V5"),
            ("Basic: TWFkZVVwS2V5".into(), "Basic: TWFkZVVwS2V5"),
            // Base64 of `abc`, and of control characters.
            ("Basic YWJj or Basic AAECAwQFBgcI".into(), "Basic YWJj or Basic AAECAwQFBgcI"),
        ] {
            assert_eq!(mask_lookalikes(text.into()), shown);
        }
    }

    #[test]
    fn a_key_in_a_name_has_letters_of_both_cases() {
        assert!(holds_lookalike(KEY) && holds_lookalike("Basic TWFkZVVwS2V5"));
        for text in [&KEY[1..], &KEY.to_lowercase(), &KEY.to_uppercase(), "MadeUp"] {
            assert!(!holds_lookalike(text), "{text}");
        }
    }
}
