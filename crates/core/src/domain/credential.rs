//! Parsing of credentials: raw API keys and `Authorization` headers.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::api_key::ApiKey;
use super::authorization::AuthorizationHeader;
use super::container::container;
use super::mistake::{Mistake, check_characters, check_spaces};
use crate::error::Error;
use crate::lookalikes::{STANDARD_ANY_PADDING, USUAL_KEY_LENGTH};
use crate::text::decode;

/// A credential in one of two forms: a raw API key or a whole `Authorization` header.
///
/// The enum is exhaustive, because Codat documents no other form.
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
    /// A raw API key.
    ApiKey(ApiKey),
    /// The value of an `Authorization` header.
    Header(AuthorizationHeader),
}

impl Credential {
    /// Parses a credential: a raw API key, or the value of an `Authorization` header.
    ///
    /// # Errors
    /// `InvalidCredential`, as for [`ApiKey::parse`] and [`AuthorizationHeader::parse`].
    pub fn parse(text: &str) -> Result<Self, Error> {
        Self::parse_from("the credential", text)
    }

    /// Parses a credential. Error messages begin with `place`, a description of the text such as `what the vault
    /// returned`.
    ///
    /// # Errors
    /// As [`Credential::parse`].
    pub fn parse_from(place: &str, text: &str) -> Result<Self, Error> {
        Self::read(text).map_err(|mistake| mistake.in_place(place))
    }

    /// Parses text from a file, from standard input or from the output of a command. Ignores a byte order mark at the
    /// start and one line break at the end.
    ///
    /// # Errors
    /// As [`Credential::parse`].
    pub fn parse_line(text: &str) -> Result<Self, Error> {
        Self::parse_bytes(text.as_bytes())
    }

    /// Decodes bytes, and parses the text with the rules of [`Credential::parse_line`]. The bytes must be UTF-8, or
    /// UTF-16 with a byte order mark.
    ///
    /// # Errors
    /// As [`Credential::parse`]. Also `InvalidCredential` for bytes in another encoding.
    pub fn parse_bytes(bytes: &[u8]) -> Result<Self, Error> {
        Self::read_bytes(bytes).map_err(|mistake| mistake.in_place("the credential"))
    }

    /// Returns the API key of the credential.
    pub fn api_key(&self) -> &ApiKey {
        match self {
            Self::ApiKey(key) => key,
            Self::Header(header) => header.api_key(),
        }
    }

    /// Returns the credential as an `Authorization` header.
    pub fn header(&self) -> AuthorizationHeader {
        AuthorizationHeader::from(self.api_key())
    }

    /// Parses text from a file, from standard input or from the output of a command.
    pub(crate) fn read_bytes(bytes: &[u8]) -> Result<Self, Mistake> {
        Self::read(without_line_break(&decode(bytes)?))
    }

    pub(crate) fn read(text: &str) -> Result<Self, Mistake> {
        if let Some(mistake) = container(text) {
            return Err(mistake);
        }
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

impl ApiKey {
    /// Parses a raw API key.
    ///
    /// # Errors
    /// `InvalidCredential` if the text is not a raw API key. Examples are empty text, white space, quotes, control or
    /// non-ASCII characters, a whole header, a `Bearer` token, an encoded key, and a key with a colon at its end. The
    /// message names the mistake, and the hint says how to correct it.
    pub fn parse(text: &str) -> Result<Self, Error> {
        Self::read(text).map_err(|mistake| mistake.in_place("the API key"))
    }

    pub(crate) fn read(text: &str) -> Result<Self, Mistake> {
        match Credential::read(text)? {
            Credential::ApiKey(key) => Ok(key),
            Credential::Header(_) => Err(Mistake::HeaderForKey),
        }
    }
}

impl AuthorizationHeader {
    /// Parses the value of an `Authorization` header in the form that Codat's Portal shows. `Basic` can be in upper or
    /// lower case.
    ///
    /// # Errors
    /// `InvalidCredential` if the text is not the value of a header for Codat. Examples are a raw API key,
    /// `Authorization:` at the start, a `Bearer` token, invalid Base64, and a key that was encoded twice or with a
    /// colon. The message names the mistake, and the hint says how to correct it.
    pub fn parse(text: &str) -> Result<Self, Error> {
        Self::read(text).map_err(|mistake| mistake.in_place("the authorization header"))
    }

    pub(crate) fn read(text: &str) -> Result<Self, Mistake> {
        match Credential::read(text)? {
            Credential::Header(header) => Ok(header),
            Credential::ApiKey(_) => Err(Mistake::KeyForHeader),
        }
    }
}

fn without_line_break(text: &str) -> &str {
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
