//! The details of an API key, with its id and its name.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::api_key::ApiKey;
use super::misplaced::holds_credential;
use super::path::{bare_segments, is_bare};
use super::untrusted::Untrusted;
use crate::error::{Error, ErrorKind};

/// The start of 2017 as a Unix timestamp. Codat was founded in 2017, so an earlier creation date is wrong.
const FIRST_SECOND: i64 = 1_483_228_800;

/// The tolerated difference between Codat's clock and the clock of this machine.
pub(crate) const CLOCK_SKEW: Duration = Duration::from_secs(5 * 60);

const MAX_ID_BYTES: usize = 200;
const MAX_NAME_UNITS: usize = 50;

/// The characters that are percent-encoded in a path segment: all except the unreserved characters of RFC 3986.
pub(crate) const NOT_IN_A_SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The id of an API key. Codat uses UUIDs today, but this library accepts other ids too.
///
/// ```
/// use codat_keys::KeyId;
///
/// let id: KeyId = "0498e921-9b53-4396-a412-4f2f5983b0a2".parse()?; // as `KeyId::parse` and `KeyId::try_from`
/// assert_eq!(id.as_str(), "0498e921-9b53-4396-a412-4f2f5983b0a2");
/// assert!(KeyId::parse("../companies/x").is_err());
/// # Ok::<(), codat_keys::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyId(Untrusted);

impl KeyId {
    /// Parses the id of an API key. Accepts only text that is safe in a segment of a URL path.
    ///
    /// # Errors
    /// `InvalidInput` for empty text, more than 200 bytes, control characters, and text that contains `..`, `/`, `\` or
    /// `%`. Also for text that a gateway can read as an empty segment or as `.`: text with only dots and white space,
    /// either in total or before the first `;`, `?` or `#`.
    pub fn parse(text: &str) -> Result<Self, Error> {
        Self::checked(Untrusted::given(text))
    }

    /// Returns the id as Codat sent it. The id can contain any text, even an API key. `Display` masks API keys in the
    /// id.
    pub fn as_str(&self) -> &str {
        self.0.unredacted()
    }

    /// Returns whether the id contains an API key that the client has used or listed. Such an id must not be shown or
    /// used in a link.
    pub fn holds_key(&self) -> bool {
        self.0.holds_key()
    }

    pub(crate) fn path_segment(&self) -> String {
        utf8_percent_encode(self.as_str(), NOT_IN_A_SEGMENT).to_string()
    }

    pub(crate) fn checked(id: Untrusted) -> Result<Self, Error> {
        let text = id.unredacted();
        let refused = match text {
            "" => "is empty",
            _ if is_bare(text) => "has only dots, white space and parameters (`;...`)",
            _ if text.len() > MAX_ID_BYTES => "is longer than 200 bytes",
            _ if text.contains("..") || text.contains(['/', '\\', '%']) => "holds `/`, `\\`, `%` or `..`",
            _ if text.chars().any(char::is_control) => "holds a control character",
            _ => return Ok(Self(id)),
        };
        Err(Error::new(ErrorKind::InvalidInput, format!("the key id {refused}"))
            .with_hint("list the keys and take an id as it is shown; nothing was sent"))
    }
}

/// Returns the id of the key that a path of the form `/apiKeys/ID` names. Returns `None` if the path does not contain
/// the segment `apiKeys`. A gateway can convert another path to this form. The function therefore also accepts paths
/// with these differences:
/// - Other segments precede `apiKeys`.
/// - Any part of the path is percent-encoded, up to three times.
/// - The path has a backslash instead of a slash, or an invalid UTF-8 sequence, which can be an overlong encoding of a
///   slash.
/// - A segment has parameters after a semicolon, or dots and white space at its start or end.
///
/// # Errors
/// `InvalidInput` if the path contains the segment `apiKeys`, but not exactly one segment after it, or if the id is not
/// valid.
pub fn key_id_in_path(path: &str) -> Option<Result<KeyId, Error>> {
    let mut segments = bare_segments(path).into_iter();
    segments.find(|segment| segment.eq_ignore_ascii_case("apiKeys"))?;
    match (segments.next(), segments.next()) {
        (Some(id), None) => Some(KeyId::parse(&id)),
        _ => Some(Err(Error::new(ErrorKind::InvalidInput, "the path is below /apiKeys, but not the path of one key")
            .with_hint("delete a key with `delete`, which takes its id; nothing was sent"))),
    }
}

impl AsRef<str> for KeyId {
    /// Calls [`KeyId::as_str`]. The returned id is not redacted.
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl PartialEq<str> for KeyId {
    fn eq(&self, other: &str) -> bool {
        self.0 == *other
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The name for a new API key. Several keys can have the same name.
///
/// ```
/// use codat_keys::KeyName;
///
/// let name: KeyName = "invoice-processor".parse()?; // as `KeyName::parse` and `KeyName::try_from`
/// assert_eq!(name.as_str(), "invoice-processor");
/// assert!(KeyName::parse(&"name ".repeat(11)).is_err());
/// # Ok::<(), codat_keys::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct KeyName(String);

impl KeyName {
    /// Parses the name for a new API key. Accepts only names that Codat accepts.
    ///
    /// # Errors
    /// `InvalidInput` for a blank name, control characters, and more than 50 UTF-16 code units (Codat's limit of 50
    /// characters). Also for a name with text that looks like a credential, because names are not secret. Such text is
    /// 40 or more letters and digits in a row, or Base64 text after `Basic`.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let units = text.encode_utf16().count();
        if text.trim().is_empty() {
            return Err(Error::new(ErrorKind::InvalidInput, "the key's name is blank")
                .with_hint("name the key after the application that will use it"));
        }
        if text.chars().any(char::is_control) {
            return Err(Error::new(ErrorKind::InvalidInput, "the key's name holds a control character")
                .with_hint("use letters, digits, spaces and punctuation"));
        }
        if units > MAX_NAME_UNITS {
            return Err(Error::new(
                ErrorKind::InvalidInput,
                format!("the key's name has {units} characters (UTF-16 code units); Codat takes at most 50"),
            )
            .with_hint("shorten the name; nothing was sent"));
        }
        if holds_credential(text) {
            return Err(Error::new(
                ErrorKind::InvalidInput,
                "the key's name holds what looks like an API key or its header",
            )
            .with_hint("name the key after the application that will use it; nothing was sent"));
        }
        Ok(Self(text.to_owned()))
    }

    /// Returns the name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for KeyName {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl fmt::Display for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An API key in Codat's list of keys, with its id, name and creation date. `Debug` redacts the API key, and masks API
/// keys in the name and the id.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), codat_keys::Error> {
/// # let emulator = codat_keys_emulator::Emulator::start().unwrap();
/// # let (base_url, key) = (emulator.base_url(), codat_keys::ApiKey::parse(emulator.api_key())?);
/// # let client = codat_keys::Client::builder().base_url(base_url).api_key(key).build()?;
/// for key in client.keys().list().await? {
///     let made = key.created_date.map_or("long ago".into(), |date| date.to_string());
///     println!("{} {} was made {made}", key.id, key.api_key.masked());
/// }
/// # Ok(())
/// # }
/// ```
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKeyDetails {
    /// The id of the key, as assigned by Codat.
    pub id: KeyId,
    /// The name of the key. `None` if the key has no name, such as the first key of an account.
    pub name: Option<Untrusted>,
    /// The API key itself, which is secret.
    pub api_key: ApiKey,
    /// The creation date of the key. `None` if the date is missing or cannot be parsed.
    pub created_date: Option<Timestamp>,
}

impl ApiKeyDetails {
    /// Returns whether the key has exactly this name.
    pub fn is_named(&self, name: &str) -> bool {
        self.name.as_ref().is_some_and(|own| own == name)
    }

    /// Returns the age of the key at the time `now`. Returns `None` if the creation date is unknown, before 2017 (when
    /// Codat was founded), or more than 5 minutes after `now`.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), codat_keys::Error> {
    /// # let emulator = codat_keys_emulator::Emulator::start().unwrap();
    /// # let (base_url, key) = (emulator.base_url(), codat_keys::ApiKey::parse(emulator.api_key())?);
    /// # let client = codat_keys::Client::builder().base_url(base_url).api_key(key).build()?;
    /// use codat_keys::Timestamp;
    ///
    /// let made = client.keys().create("invoice-processor").await?;
    /// assert!(made.key.age(Timestamp::now()).is_some_and(|age| age.as_secs() < 60));
    /// # Ok(())
    /// # }
    /// ```
    pub fn age(&self, now: Timestamp) -> Option<Duration> {
        let date = self.created_date.filter(|date| date.as_second() >= FIRST_SECOND)?;
        match Duration::try_from(now.duration_since(date)) {
            Ok(age) => Some(age),
            Err(_) => (date.duration_since(now).unsigned_abs() <= CLOCK_SKEW).then_some(Duration::ZERO),
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;
    use crate::domain::KnownKeys;

    #[test]
    fn an_id_is_safe_in_a_segment_of_a_path() {
        for (text, segment) in [("a.b-c_d~1", "a.b-c_d~1"), ("a b:é", "a%20b%3A%C3%A9"), (&"x".repeat(200), "x")] {
            let id = KeyId::parse(text).unwrap();
            assert_eq!((id.as_str(), id.as_ref()), (text, text));
            assert!(id == *text && id != *"other" && id.path_segment().starts_with(segment));
        }
        for (text, reason) in [
            ("", "is empty"),
            (".", "has only dots"),
            ("..", "has only dots"),
            (".;x", "has only dots"),
            (";x", "has only dots"),
            (" .?", "has only dots"),
            ("a..b", "holds `/`"),
            ("a/b", "holds `/`"),
            ("a\\b", "holds `/`"),
            ("a%2fb", "holds `/`"),
            ("a\nb", "holds a control character"),
            (&"x".repeat(201), "is longer than 200 bytes"),
        ] {
            let error = KeyId::parse(text).unwrap_err();
            assert!(error.to_string().contains(reason), "{text:?}: {error}");
        }
    }

    #[test]
    fn an_id_is_read_from_a_path() {
        let id = |path| key_id_in_path(path).map(|id| id.map(|id| id.to_string()).ok());
        for path in [
            "/apiKeys/a",
            "apikeys/a/?page=1",
            "//apiKey%73//a",
            "/apiKeys;x/a;y=1",
            "/apiKeys%253bx/a%3By",
            "/x/..;/apiKeys/a",
            "/apiKeys./a",
            "/apiKeys%20/%09a.",
            "/apiKeys%c0%afa",
        ] {
            assert_eq!(id(path), Some(Some("a".into())), "{path}");
        }
        for path in ["", "/", "/apiKeysOf/a", "/companies/a", "/companies?/apiKeys"] {
            assert_eq!(id(path), None, "{path}");
        }
        assert_eq!(id("/apiKeys/%2e%2e"), Some(None));
    }

    #[test]
    fn a_path_below_the_keys_names_exactly_one() {
        for path in [
            "/apiKeys",
            "/apiKeys/",
            "/apiKeys;x",
            "/apiKeys/;x",
            "/apikeys?id=a",
            "/x/apiKeys",
            "/%61piKeys%2f",
            "/apiKeys/a/b",
            "/apiKeys/a%2Fb",
            "/apiKeys/a/apiKeys/b",
            "/apiKeys/x/..;/b",
        ] {
            let error = key_id_in_path(path).unwrap().unwrap_err();
            assert_eq!(error.to_string(), "the path is below /apiKeys, but not the path of one key", "{path}");
            assert!(error.hint().contains("`delete`"), "{path}: {}", error.hint());
        }
    }

    #[test]
    fn an_id_that_contains_a_known_key_is_recognized() {
        let known = KnownKeys::new();
        known.add_used(&ApiKey::parse("MadeUpKeyInUse0001").unwrap());
        let id = |text| KeyId::checked(Untrusted::new(text, &known)).unwrap();
        assert!(id("of-MadeUpKeyInUse0001").holds_key() && !id("other").holds_key());
        assert_eq!(id("of-MadeUpKeyInUse0001").to_string(), "of-****");
    }

    #[test]
    fn a_name_has_at_most_50_code_units() {
        for name in ["ci", &"é".repeat(50), &"😀".repeat(25)] {
            let parsed = KeyName::parse(name).unwrap();
            assert_eq!((parsed.as_str(), parsed.as_ref(), parsed.to_string().as_str()), (name, name, name));
        }
        for name in ["", " ", "a\u{7}", &"é".repeat(51), &"😀".repeat(26)] {
            assert_eq!(KeyName::parse(name).unwrap_err().kind(), ErrorKind::InvalidInput, "{name:?}");
        }
    }

    #[test]
    fn the_age_is_unknown_if_the_date_is_implausible() {
        let now: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let key = |created_date| ApiKeyDetails {
            id: KeyId::parse("a").unwrap(),
            name: Some(Untrusted::given("ci")),
            api_key: ApiKey::parse("MadeUpKey").unwrap(),
            created_date,
        };
        let age = |seconds| key(Some(now - SignedDuration::from_secs(seconds))).age(now).map(|age| age.as_secs());
        assert_eq!([age(60), age(0), age(-300), age(-301)], [Some(60), Some(0), Some(0), None]);
        let date = |text: &str| key(Some(text.parse().unwrap())).age(now).is_some();
        assert!(date("2017-01-01T00:00:00Z") && !date("2016-12-31T23:59:59Z"));
        assert_eq!(key(None).age(now), None);
        assert!(key(None).is_named("ci") && !key(None).is_named("other"));
    }
}
