//! The mistakes in invalid credentials, with hints to correct them.

use thiserror::Error as ThisError;

use crate::error::{Error, ErrorKind};
use crate::text::NotText;

/// A mistake in a credential. `Display` describes the mistake without the credential. [`Mistake::hint`] says how to
/// correct the mistake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ThisError)]
pub(crate) enum Mistake {
    #[error("is empty")]
    Empty,
    #[error("ends in a line break")]
    LineBreak,
    #[error("has white space around it")]
    SurroundingSpace,
    #[error("has quotes around it")]
    Quotes,
    #[error("holds a control character")]
    Control,
    #[error("begins with a byte order mark")]
    ByteOrderMark,
    #[error("holds a character that is not ASCII")]
    NonAscii,
    #[error("{0}")]
    NotText(#[from] NotText),
    #[error("holds JSON, not the key alone")]
    Json,
    #[error("holds an assignment like `CODAT_API_KEY=...`, not the key alone")]
    Assignment,
    #[error("holds YAML, not the key alone")]
    Yaml,
    #[error("holds PEM, which is no API key")]
    Pem,
    #[error("is a masked key, as this program shows it")]
    Masked,
    #[error("is a reference to a secret, which nothing has replaced by its value")]
    Reference,
    #[error("holds a space")]
    Space,
    #[error("begins with the header's name, `Authorization:`")]
    HeaderName,
    #[error("is a `Bearer` token")]
    Bearer,
    #[error("has more than one space after `Basic`")]
    HeaderSpaces,
    #[error("has `Basic` before text that lacks its Base64 padding")]
    HeaderUnpadded,
    #[error("has `Basic` before text that is not Base64")]
    HeaderNotBase64,
    #[error("has `Basic` before text that does not decode to a key")]
    HeaderNotEncoded,
    #[error("encodes the key with a colon behind it")]
    HeaderColon,
    #[error("encodes the key twice")]
    HeaderTwice,
    #[error("is an encoded key without `Basic ` before it")]
    NoScheme,
    #[error("ends in a colon")]
    Colon,
    #[error("is a whole header, where a raw key belongs")]
    HeaderForKey,
    #[error("is a raw key, where a whole header belongs")]
    KeyForHeader,
}

impl Mistake {
    pub(crate) fn hint(self) -> &'static str {
        match self {
            Self::Empty => "copy the key from the page Developers > API keys of Codat's Portal",
            Self::LineBreak => "remove the line break at the end; `printf %s` writes none",
            Self::SurroundingSpace => "remove the spaces before and after it",
            Self::Quotes => "remove the quotes; a .env file or a YAML value may have kept them",
            Self::ByteOrderMark => "remove it: save the text as UTF-8 without a byte order mark",
            Self::NotText(_) => NotText::HINT,
            Self::Json => "extract the member that holds the key, for example with `jq -r .apiKey`",
            Self::Assignment => {
                "give only the value after the `=`, without quotes; or let your shell read the file: `set -a; . ./FILE`"
            }
            Self::Yaml => "extract the member that holds the key, for example with `yq -r .apiKey`",
            Self::Pem => "this is a certificate or a private key: name the file that holds the API key",
            Self::Masked => "copy the key itself, for example with `codat-keys show ID --out FILE`",
            Self::Reference => "let the program that knows the reference replace it: a shell, `op run`, a template",
            Self::Control | Self::NonAscii => "copy it again: a key is made of visible ASCII characters",
            Self::Space => "a raw key holds no space: give the key alone, or a whole header `Basic ...`",
            Self::HeaderName => "give the value alone, from `Basic` on",
            Self::Bearer => "Codat uses Basic: give the raw key and let this library encode it",
            Self::HeaderSpaces => "leave exactly one space between `Basic` and the encoded key",
            Self::HeaderUnpadded => "keep the `=` signs at its end, or give the raw key instead",
            Self::HeaderNotBase64 | Self::HeaderNotEncoded => {
                "the key must be Base64-encoded after `Basic `; give the raw key alone and let this library encode it"
            }
            Self::HeaderColon => {
                "encode the key alone: the basic-auth helper of an HTTP library adds a colon; or give the raw key instead"
            }
            Self::HeaderTwice => "encode the key once, or give the raw key and let this library encode it",
            Self::NoScheme => "write `Basic ` before it and give it as the header, or give the raw key instead",
            Self::Colon => "remove the colon: Codat's header encodes the key alone",
            Self::HeaderForKey => "put a header in CODAT_AUTH_HEADER (in code: `auth_header`)",
            Self::KeyForHeader => "put a raw key in CODAT_API_KEY (in code: `api_key`)",
        }
    }

    /// Returns the error for this mistake. The message begins with `place`: the name of the variable, file or argument
    /// that contains the credential.
    pub(crate) fn in_place(self, place: &str) -> Error {
        Error::new(ErrorKind::InvalidCredential, format!("{place} {self}")).with_hint(self.hint())
    }
}

pub(crate) fn check_characters(text: &str) -> Result<(), Mistake> {
    // Most API keys are alphanumeric, and each listed key is checked. This shortcut saves time.
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Ok(());
    }
    let quoted = |end: Option<char>| matches!(end, Some('"' | '\'' | '`'));
    match text {
        "" => Err(Mistake::Empty),
        _ if text.starts_with('\u{feff}') => Err(Mistake::ByteOrderMark),
        _ if text.ends_with(['\n', '\r']) => Err(Mistake::LineBreak),
        _ if text.trim() != text => Err(Mistake::SurroundingSpace),
        _ if quoted(text.chars().next()) || quoted(text.chars().next_back()) => Err(Mistake::Quotes),
        _ if text.chars().any(char::is_control) => Err(Mistake::Control),
        _ if !text.is_ascii() => Err(Mistake::NonAscii),
        _ => Ok(()),
    }
}

pub(crate) fn check_spaces(text: &str) -> Result<(), Mistake> {
    if text.contains(' ') { Err(Mistake::Space) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hint_says_how_to_correct_the_mistake() {
        for (mistake, correction) in [
            (Mistake::LineBreak, "remove the line break"),
            (Mistake::Json, "jq -r .apiKey"),
            (Mistake::HeaderForKey, "CODAT_AUTH_HEADER"),
            (Mistake::KeyForHeader, "CODAT_API_KEY"),
        ] {
            assert!(mistake.hint().contains(correction), "{mistake}");
        }
    }
}
