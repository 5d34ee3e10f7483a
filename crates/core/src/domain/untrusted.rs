//! The type of text from a server.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use super::known_keys::{KnownKeys, Redactor};
use super::misplaced::mask_credentials;
use crate::sanitize::sanitize;

/// Text from a server, such as the name of a key. The text can contain anything, even an API key.
///
/// `Display` and `Debug` mask every API key that the client has used or listed, and escape control characters. Only
/// [`unredacted`](Self::unredacted) returns the text as received. Comparisons use the text as received.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), codat_keys::Error> {
/// # let emulator = codat_keys_emulator::Emulator::start().unwrap();
/// # let (base_url, key) = (emulator.base_url(), codat_keys::ApiKey::parse(emulator.api_key())?);
/// # let client = codat_keys::Client::builder().base_url(base_url).api_key(key).build()?;
/// client.keys().create("invoice-processor").await?;
/// let names: Vec<_> = client.keys().list().await?.into_iter().filter_map(|key| key.name).collect();
/// assert_eq!(names, ["invoice-processor"]);
/// println!("{}", names[0]);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Untrusted {
    text: Box<str>,
    /// Redacts the API keys that the client has used or listed. `None` for text that the user of this library passed.
    redactor: Option<Arc<dyn Redactor>>,
}

impl Untrusted {
    /// Returns the text as received. The text can contain API keys and control characters.
    ///
    /// `Untrusted` does not convert to a string implicitly. The following examples do not compile:
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

    /// Returns the text with API keys masked. Control characters are not escaped. In text from a server, masks the keys
    /// that the client has used or listed. In text that the user of this library passed, masks everything that looks
    /// like a key.
    pub fn redacted(&self) -> Cow<'_, str> {
        match &self.redactor {
            Some(redactor) => redactor.redact(&self.text).into(),
            None => mask_credentials(&self.text).into(),
        }
    }

    /// Returns whether the text contains an API key that the client has used or listed.
    pub fn holds_key(&self) -> bool {
        self.redactor.as_ref().is_some_and(|redactor| redactor.occur_in(&self.text))
    }

    pub(crate) fn new(text: &str, known: &KnownKeys) -> Self {
        Self { text: text.into(), redactor: Some(known.redactor()) }
    }

    pub(crate) fn given(text: &str) -> Self {
        Self { text: text.into(), redactor: None }
    }
}

impl fmt::Display for Untrusted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&sanitize(&self.redacted()))
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

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::hash::{BuildHasher as _, BuildHasherDefault, DefaultHasher};

    use super::*;
    use crate::domain::ApiKey;

    #[test]
    fn keys_are_masked_and_invisible_characters_are_escaped() {
        let known = KnownKeys::new();
        known.add_used(&ApiKey::parse("MadeUpKeyInUse0001").unwrap());
        let name = Untrusted::new("of MadeUpKeyInUse0001\u{202e}", &known);
        assert_eq!(name.unredacted(), "of MadeUpKeyInUse0001\u{202e}");
        assert_eq!(name.redacted(), "of ****\u{202e}");
        assert_eq!(name.to_string(), "of ****\\u{202e}");
        assert_eq!(format!("{name:?}"), "\"of ****\\u{202e}\"");
        assert!(name.holds_key() && !Untrusted::new("other", &known).holds_key());
        assert_eq!(format!("{:>4}", Untrusted::new("ci", &known)), "  ci");
    }

    #[test]
    fn text_of_the_caller_is_masked_if_it_looks_like_a_key() {
        let given = Untrusted::given("of MadeUpKeyForTheTests0123456789abcdefGhIj");
        assert_eq!(given.redacted(), "of ****");
        assert!(!given.holds_key());
        assert_eq!(Untrusted::given("MadeUpKeyInUse0001").redacted(), "MadeUpKeyInUse0001");
    }

    #[test]
    fn texts_are_compared_as_received() {
        let [a, b] = ["a", "b"].map(|text| Untrusted::new(text, &KnownKeys::new()));
        assert!(a == Untrusted::given("a") && a != b && a < b);
        let hash = |text: &Untrusted| BuildHasherDefault::<DefaultHasher>::default().hash_one(text);
        assert!(hash(&a) == hash(&Untrusted::given("a")) && hash(&a) != hash(&b));
        assert!(a == "a" && a != "b" && a == *"a" && a != *"b");
        assert_eq!(HashSet::from([a.clone(), Untrusted::given("a"), b]).len(), 2);
        assert_eq!(a.partial_cmp(&Untrusted::given("a")), Some(Ordering::Equal));
    }
}
