//! Masks credentials that stand where something else belongs, such as a path, so that no message repeats one.

use std::borrow::Cow;

use base64::Engine;

use crate::credentials::{Environment, process_environment};
use crate::domain::{ApiKey, AuthorizationHeader, Credential, MASK, STANDARD_ANY_PADDING, USUAL_KEY_LENGTH};

/// A shorter value of a variable is a word that a message may hold as well.
const LEAST_SECRET_BYTES: usize = 8;

/// Masks what looks like a credential, and what the variables `CODAT_API_KEY` and `CODAT_AUTH_HEADER` hold.
///
/// What looks like one: 40 or more letters and digits in a row, as Codat's keys have, and what stands encoded after `Basic`.
#[doc(hidden)]
pub fn mask_credentials(text: &str) -> String {
    mask_values(&mask_lookalikes(text.into()), &process_environment)
}

/// Whether a text holds what looks like a credential, or is the value of an `Authorization` header.
#[doc(hidden)]
pub fn holds_credential(text: &str) -> bool {
    AuthorizationHeader::read(text.trim()).is_ok() || matches!(mask_lookalikes(text.into()), Cow::Owned(_))
}

/// Masks what looks like a credential.
pub(crate) fn mask_lookalikes(text: Cow<'_, str>) -> Cow<'_, str> {
    let (mut shown, mut rest, mut is_after_basic) = (String::new(), &*text, false);
    while let Some(start) = rest.find(is_letter) {
        let (between, from_word) = rest.split_at(start);
        let is_encoded = is_after_basic && between.trim().is_empty();
        let ends = |c| !(is_letter(c) || is_encoded && matches!(c, '+' | '/' | '='));
        let (word, after) = from_word.split_at(from_word.find(ends).unwrap_or(from_word.len()));
        let is_masked = word.len() >= USUAL_KEY_LENGTH || (is_encoded && decodes(word));
        shown.extend([between, if is_masked { MASK } else { word }]);
        is_after_basic = word.eq_ignore_ascii_case("basic");
        rest = after;
    }
    shown += rest;
    if shown == *text { text } else { shown.into() }
}

/// Masks what the variables of a key hold.
pub(crate) fn mask_values(text: &str, environment: Environment<'_>) -> String {
    let values = ["CODAT_API_KEY", "CODAT_AUTH_HEADER"].into_iter().filter_map(environment);
    values.filter_map(|value| value.into_string().ok()).fold(text.to_owned(), |text, value| {
        let text = Credential::read(&value).map_or(text.clone(), |credential| mask_key(&text, credential.api_key()));
        // What cannot be a key may be one with a mistake.
        if value.len() >= LEAST_SECRET_BYTES { text.replace(&value, MASK) } else { text }
    })
}

/// Masks a key, unless it is short enough for a word.
pub(crate) fn mask_key(text: &str, key: &ApiKey) -> String {
    if key.expose_secret().len() >= LEAST_SECRET_BYTES { key.redact(text) } else { text.to_owned() }
}

fn is_letter(c: char) -> bool {
    c.is_ascii_alphanumeric()
}

fn decodes(word: &str) -> bool {
    let bytes = STANDARD_ANY_PADDING.decode(word);
    bytes.is_ok_and(|bytes| bytes.len() >= LEAST_SECRET_BYTES && bytes.iter().all(u8::is_ascii_graphic))
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

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
        ] {
            assert_eq!(mask_lookalikes(text.into()), shown);
        }
    }

    #[test]
    fn what_variables_hold_is_masked() {
        let variables = |key: &'static str, header: &'static str| {
            move |name: &str| -> Option<OsString> {
                match name {
                    "CODAT_API_KEY" => Some(key.into()),
                    name => (name == "CODAT_AUTH_HEADER").then(|| header.into()),
                }
            }
        };
        let masked = |text: &str| mask_values(text, &variables("MadeUpKey", "Basic T3RoZXJNYWRlVXA="));
        assert_eq!(masked("MadeUpKey TWFkZVVwS2V5"), "**** ****");
        assert_eq!(masked("/OtherMadeUp/ Basic T3RoZXJNYWRlVXA="), "/****/ Basic ****=");
        assert_eq!(mask_values("of an example", &variables("example", "a word")), "of an example");
        assert_eq!(mask_values("in \"Made up\" quotes", &variables("\"Made up\"", "")), "in **** quotes");
    }
}
