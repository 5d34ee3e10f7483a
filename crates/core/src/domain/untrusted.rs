//! Texts that came from a server.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};

use super::known_keys::KnownKeys;
use super::misplaced::mask_credentials;
use crate::sanitize::plain;

/// A text that came from a server, such as the name of a key: it may hold anything.
///
/// `Display` and `Debug` mask every key that the client has used or listed, in each form that SECURITY.md lists, and escape
/// control characters. The text does not convert to a string implicitly: [`unredacted`](Self::unredacted) returns it as it
/// came. Comparisons use the text as it came.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), codat_keys::Error> {
/// # let emulator = codat_keys_emulator::Emulator::start().unwrap();
/// # let (base_url, key) = (emulator.base_url(), codat_keys::ApiKey::parse(emulator.api_key())?);
/// # let client = codat_keys::Client::builder().base_url(base_url).api_key(key).build()?;
/// # use codat_keys::KeyName;
/// client.keys().create(&KeyName::parse("invoice-processor")?).await?;
/// let names: Vec<_> = client.keys().list().await?.into_iter().filter_map(|key| key.name).collect();
/// assert_eq!(names, ["invoice-processor"]);
/// println!("{}", names[0]);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Untrusted {
    text: Box<str>,
    /// `None` for a text that the caller gave.
    known: Option<KnownKeys>,
}

impl Untrusted {
    /// The text as it came, for a program to compare or to store. It may hold a key, control sequences, anything.
    ///
    /// The text is not taken for a string by mistake. These do not compile:
    ///
    /// ```compile_fail
    /// fn text(name: &codat_keys::Untrusted) -> &str {
    ///     name
    /// }
    /// ```
    ///
    /// ```compile_fail
    /// fn text(key: &codat_keys::ApiKeyDetails) -> Option<&str> {
    ///     key.name.as_deref()
    /// }
    /// ```
    ///
    /// ```compile_fail
    /// fn text(name: codat_keys::Untrusted) -> String {
    ///     name.into()
    /// }
    /// ```
    pub fn unredacted(&self) -> &str {
        &self.text
    }

    /// The text with keys masked and nothing escaped, for a format that escapes by itself, such as JSON. In a text that the
    /// caller gave, what looks like a key is masked.
    pub fn redacted(&self) -> Cow<'_, str> {
        match &self.known {
            Some(known) => known.redact(&self.text).into(),
            None => mask_credentials(&self.text).into(),
        }
    }

    /// Whether the text holds a key.
    pub fn holds_key(&self) -> bool {
        self.known.as_ref().is_some_and(|known| known.occur_in(&self.text))
    }

    pub(crate) fn new(text: &str, known: &KnownKeys) -> Self {
        Self { text: text.into(), known: Some(known.clone()) }
    }

    pub(crate) fn given(text: &str) -> Self {
        Self { text: text.into(), known: None }
    }
}

impl fmt::Display for Untrusted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&plain(&self.redacted()))
    }
}

impl fmt::Debug for Untrusted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.redacted().fmt(f)
    }
}

impl PartialEq for Untrusted {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Untrusted {}

impl PartialEq<str> for Untrusted {
    fn eq(&self, other: &str) -> bool {
        *self.text == *other
    }
}

impl PartialEq<&str> for Untrusted {
    fn eq(&self, other: &&str) -> bool {
        *self.text == **other
    }
}

impl Hash for Untrusted {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.text.hash(state);
    }
}

impl PartialOrd for Untrusted {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Untrusted {
    fn cmp(&self, other: &Self) -> Ordering {
        self.text.cmp(&other.text)
    }
}
