//! Masking of credentials in text that should not contain a credential, such as a path. A user can pass a credential as
//! a path by mistake.

use super::api_key::ApiKey;
use super::authorization::AuthorizationHeader;
use super::credential::Credential;
use crate::environment::{Environment, process_environment};
use crate::lookalikes::{MASK, MIN_SECRET_BYTES, holds_lookalike, mask_lookalikes};

/// Masks text that looks like a credential. Also masks the values of `CODAT_API_KEY` and `CODAT_AUTH_HEADER`.
///
/// Two kinds of text look like a credential: 40 or more letters and digits in a row, as in Codat's API keys, and Base64
/// text after `Basic`.
pub fn mask_credentials(text: &str) -> String {
    mask_in(text, &process_environment)
}

/// Returns whether `text` is an `Authorization` header, or contains text that looks like a credential.
pub fn holds_credential(text: &str) -> bool {
    AuthorizationHeader::read(text.trim()).is_ok() || holds_lookalike(text)
}

fn mask_in(text: &str, environment: Environment<'_>) -> String {
    // The variables are masked first. Masking a part of a value first would hide the value from the search.
    mask_lookalikes(mask_values(text, environment).into()).into_owned()
}

/// Masks the values of `CODAT_API_KEY` and `CODAT_AUTH_HEADER` in a text.
pub(crate) fn mask_values(text: &str, environment: Environment<'_>) -> String {
    let values = ["CODAT_API_KEY", "CODAT_AUTH_HEADER"].into_iter().filter_map(environment);
    values.filter_map(|value| value.into_string().ok()).fold(text.to_owned(), |text, value| {
        let text = Credential::read(&value).map_or(text.clone(), |credential| mask_key(&text, credential.api_key()));
        // An invalid value is masked too, because it can be a mistyped API key.
        if value.len() >= MIN_SECRET_BYTES { text.replace(&value, MASK) } else { text }
    })
}

/// Masks an API key in a text. A short key is not masked, because it can be an ordinary word.
pub fn mask_key(text: &str, key: &ApiKey) -> String {
    if key.expose_secret().len() >= MIN_SECRET_BYTES { key.redact(text) } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use super::*;

    #[test]
    fn text_that_looks_like_a_credential_is_recognized() {
        let key = "MadeUpKeyForTheTests0123456789abcdefGhIj";
        for text in [key, &format!("of {key}"), " Basic ZXhhbXBsZQ==\n"] {
            assert!(holds_credential(text), "{text}");
        }
        assert!(!holds_credential("ci") && !holds_credential("MadeUpKey"));
        assert_eq!(mask_credentials(&format!("of {key}")), "of ****");
        let masked = |key: &str| mask_key("of MadeUpKey and MadeUpK", &ApiKey::parse(key).unwrap());
        assert_eq!([masked("MadeUpKe"), masked("MadeUpK")], ["of ****y and MadeUpK", "of MadeUpKey and MadeUpK"]);
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
        let part = "MadeUpKey.".to_owned() + &"MadeUpKey1".repeat(4);
        let part: &'static str = part.leak();
        assert_eq!(mask_in(&format!("cannot read {part}"), &variables(part, "")), "cannot read ****");
    }
}
