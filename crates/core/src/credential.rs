//! What a given text is: a raw key, a header, or a mistake. The rules stand in the order in which they are tried.

use base64::Engine;
use base64::alphabet::STANDARD as ALPHABET;
use base64::engine::general_purpose::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use thiserror::Error as ThisError;
use zeroize::Zeroizing;

use crate::auth::AuthorizationHeader;
use crate::error::{Error, ErrorKind};
use crate::secret::ApiKey;

/// Published examples of Codat's keys have this many letters and digits. It is not promised, so it only serves to
/// recognise a key where it stands in a wrong place.
const USUAL_KEY_LENGTH: usize = 40;

const STANDARD_ANY_PADDING: GeneralPurpose = GeneralPurpose::new(
    &ALPHABET,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Either form in which an application may store what it authenticates with.
///
/// ```
/// use codat_keys::Credential;
///
/// let stored = Credential::parse("Basic ZXhhbXBsZQ==")?;
/// assert_eq!(stored.api_key().expose_secret(), "example");
/// # Ok::<(), codat_keys::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credential {
    /// A raw key.
    ApiKey(ApiKey),
    /// A whole header's value.
    Header(AuthorizationHeader),
}

impl Credential {
    /// Finds out which form a text has.
    ///
    /// # Errors
    /// `InvalidCredential`, with the mistake and its repair, as [`ApiKey::parse`] and [`AuthorizationHeader::parse`].
    pub fn parse(text: &str) -> Result<Self, Error> {
        Self::parse_from("the credential", text)
    }

    /// The same, with what to call its place in an error: `what the vault returned`.
    ///
    /// # Errors
    /// As [`Credential::parse`].
    pub fn parse_from(place: &str, text: &str) -> Result<Self, Error> {
        Self::read(text).map_err(|mistake| mistake.in_place(place))
    }

    /// The same for what a file, standard input or a command's output holds: exactly one line break at its end is
    /// dropped first, as editors and `echo` leave one.
    ///
    /// # Errors
    /// As [`Credential::parse`].
    pub fn parse_line(text: &str) -> Result<Self, Error> {
        Self::parse(without_line_break(text))
    }

    /// The key, whichever form it was stored in.
    pub fn api_key(&self) -> &ApiKey {
        match self {
            Self::ApiKey(key) => key,
            Self::Header(header) => header.api_key(),
        }
    }

    /// The header to send, whichever form was stored.
    pub fn header(&self) -> AuthorizationHeader {
        AuthorizationHeader::from(self.api_key())
    }

    pub(crate) fn read(text: &str) -> Result<Self, Mistake> {
        check_characters(text)?;
        if starts_with(text, "authorization:") {
            return Err(Mistake::HeaderName);
        }
        if starts_with(text, "bearer ") {
            return Err(Mistake::Bearer);
        }
        if starts_with(text, "basic ") {
            return decode_header(&text["basic ".len()..]).map(Self::Header);
        }
        check_spaces(text)?;
        if encodes_usual_key(text) {
            return Err(Mistake::NoScheme);
        }
        if text.ends_with(':') {
            return Err(Mistake::Colon);
        }
        Ok(Self::ApiKey(ApiKey::from_checked(text)))
    }
}

pub(crate) fn check_characters(text: &str) -> Result<(), Mistake> {
    // What keys are made of, as a rule: each answer of Codat's holds up to ten.
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Ok(());
    }
    let quoted = |end: Option<char>| matches!(end, Some('"' | '\'' | '`'));
    match text {
        "" => Err(Mistake::Empty),
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

pub(crate) fn without_line_break(text: &str) -> &str {
    let Some(line) = text.strip_suffix('\n') else { return text };
    line.strip_suffix('\r').unwrap_or(line)
}

fn decode_header(encoded: &str) -> Result<AuthorizationHeader, Mistake> {
    if encoded.starts_with(' ') {
        return Err(Mistake::HeaderSpaces);
    }
    let bytes = Zeroizing::new(STANDARD.decode(encoded).map_err(|_| match STANDARD_ANY_PADDING.decode(encoded) {
        Ok(_) => Mistake::HeaderUnpadded,
        Err(_) => Mistake::HeaderNotBase64,
    })?);
    let key = match std::str::from_utf8(&bytes) {
        Ok(text) if check_characters(text).and_then(|()| check_spaces(text)).is_ok() => text,
        _ => return Err(Mistake::HeaderNotEncoded),
    };
    if key.ends_with(':') {
        return Err(Mistake::HeaderColon);
    }
    if encodes_usual_key(key) {
        return Err(Mistake::HeaderTwice);
    }
    Ok(AuthorizationHeader::from(&ApiKey::from_checked(key)))
}

fn encodes_usual_key(text: &str) -> bool {
    STANDARD_ANY_PADDING
        .decode(text)
        .map(Zeroizing::new)
        .is_ok_and(|bytes| bytes.len() == USUAL_KEY_LENGTH && bytes.iter().all(u8::is_ascii_alphanumeric))
}

fn starts_with(text: &str, prefix: &str) -> bool {
    text.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

/// What is wrong with a credential. The text says what was found (never the value), [`Mistake::hint`] how to mend it.
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
    #[error("holds a character that is not ASCII")]
    NonAscii,
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

    /// The error for a credential that came from `place`: a variable, a file, an argument.
    pub(crate) fn in_place(self, place: &str) -> Error {
        Error::new(ErrorKind::InvalidCredential, format!("{place} {self}")).hint_is(self.hint())
    }
}
