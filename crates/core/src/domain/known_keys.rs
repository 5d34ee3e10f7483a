//! The known API keys: the keys that a client has used or listed. The client redacts these keys in all text that it
//! shows.

use std::collections::HashSet;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::Arc;

use arc_swap::ArcSwap;
use once_cell::race::OnceBox;

use super::api_key::ApiKey;
use super::misplaced::mask_credentials;
use crate::needles::Needles;

/// The maximum number of listed keys that are kept for redaction. Codat lists at most ten keys, so a longer list comes
/// from another server.
pub(crate) const MOST_LISTED: usize = 1_000;

/// The maximum number of used keys that are kept for redaction. The oldest keys are dropped, because they are no longer
/// valid.
const MOST_USED: usize = 16;

/// The minimum length at which a listed key is redacted. A shorter key can be an ordinary word. A key that the client
/// authenticates with is redacted at any length.
const LEAST_LISTED_BYTES: usize = 8;

/// The set of API keys that a client has used or listed. The client, its clones and the texts in its responses share
/// one set. The set uses no lock, because a lock can stay locked in a child process after a fork.
#[derive(Clone)]
pub(crate) struct KnownKeys(Arc<ArcSwap<Known>>);

struct Known {
    /// The keys that the client has authenticated with, the latest first.
    used: Vec<ApiKey>,
    listed: Vec<ApiKey>,
    /// Finds the keys of this set in a text. Built at the first search.
    needles: OnceBox<Needles>,
}

impl KnownKeys {
    pub(crate) fn new() -> Self {
        Self(Arc::new(ArcSwap::from_pointee(Known::new(Vec::new(), Vec::new()))))
    }

    /// Adds a key that the client authenticates with.
    pub(crate) fn add_used(&self, key: &ApiKey) {
        self.0.rcu(|known| Known::new(merged([key], &known.used, MOST_USED), known.listed.clone()));
    }

    /// Adds the API keys from a response. Returns whether at least one of these keys is new to the set. The keys of
    /// earlier responses stay, because a list can be stale or incomplete.
    pub(crate) fn add_listed<'a>(&self, keys: impl IntoIterator<Item = &'a ApiKey>) -> bool {
        let is_long = |key: &&ApiKey| key.expose_secret().len() >= LEAST_LISTED_BYTES;
        let keys: Vec<&ApiKey> = keys.into_iter().filter(is_long).collect();
        let known = self.0.load();
        let listed: HashSet<&str> = known.listed.iter().map(ApiKey::expose_secret).collect();
        if keys.iter().all(|key| listed.contains(key.expose_secret())) {
            return false;
        }
        self.0.rcu(|known| Known::new(known.used.clone(), merged(keys.iter().copied(), &known.listed, MOST_LISTED)));
        true
    }

    /// Returns this set as a trait object for [`Untrusted`](crate::Untrusted) texts.
    pub(crate) fn redactor(&self) -> Arc<dyn Redactor> {
        Arc::clone(&self.0) as Arc<dyn Redactor>
    }

    /// Redacts the API keys of this set in a text.
    pub(crate) fn redact(&self, text: &str) -> String {
        self.0.redact(text)
    }

    /// Redacts the API keys of this set, and all text that looks like a credential. Used for text from the user, such
    /// as a URL that contains a key by mistake.
    pub(crate) fn mask_misplaced(&self, text: &str) -> String {
        // Known keys are redacted first. Masking a part of a known key first would hide the key from the search.
        mask_credentials(&self.redact(text))
    }

    /// Returns whether a text contains an API key of this set.
    pub(crate) fn occur_in(&self, text: &str) -> bool {
        self.0.occur_in(text)
    }

    pub(crate) fn with<T>(&self, step: impl FnOnce(&Needles) -> T) -> T {
        step(self.0.load().needles())
    }
}

/// Finds and redacts in text the API keys that a client has used or listed. [`Untrusted`](crate::Untrusted) contains a
/// `dyn Redactor`, because [`KnownKeys`] has interior mutability. If `Untrusted` contained a `KnownKeys`, Clippy would
/// reject `Untrusted` as the key of a `HashMap` (`mutable_key_type`).
pub(crate) trait Redactor: Send + Sync + UnwindSafe + RefUnwindSafe {
    fn redact(&self, text: &str) -> String;
    fn occur_in(&self, text: &str) -> bool;
}

impl Redactor for ArcSwap<Known> {
    fn redact(&self, text: &str) -> String {
        self.load().needles().redact(text).into_owned()
    }

    fn occur_in(&self, text: &str) -> bool {
        self.load().needles().occur_in(text)
    }
}

impl Known {
    fn new(used: Vec<ApiKey>, listed: Vec<ApiKey>) -> Self {
        Self { used, listed, needles: OnceBox::new() }
    }

    fn needles(&self) -> &Needles {
        self.needles
            .get_or_init(|| Box::new(Needles::of(self.used.iter().chain(&self.listed).map(ApiKey::expose_secret))))
    }
}

/// Merges two lists of API keys without duplicates. The new keys come first. Returns at most `most` keys.
fn merged<'a>(new: impl IntoIterator<Item = &'a ApiKey>, old: &'a [ApiKey], most: usize) -> Vec<ApiKey> {
    let mut seen = HashSet::new();
    new.into_iter().chain(old).filter(|key| seen.insert(key.expose_secret())).take(most).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> ApiKey {
        ApiKey::verbatim(text).unwrap()
    }

    #[test]
    fn keys_stay_known() {
        let known = KnownKeys::new();
        known.add_used(&key("short"));
        known.add_used(&key("MadeUpKeyInUse"));
        known.add_listed(&[key("MadeUpKeyA"), key("word")]);
        known.add_listed(&[key("MadeUpKeyB")]);
        let text = "short MadeUpKeyInUse MadeUpKeyA MadeUpKeyB word";
        assert_eq!(known.redact(text), "**** **** **** **** word");
        assert!(known.occur_in("MadeUpKey%41") && !known.occur_in("word"));
        known.add_used(&key("MadeUpKey.ForTheTests0123456789abcdefGhIj0123456789"));
        assert_eq!(known.mask_misplaced("/MadeUpKey.ForTheTests0123456789abcdefGhIj0123456789"), "/****");
    }

    #[test]
    fn their_number_is_bounded() {
        let known = KnownKeys::new();
        let listed: Vec<_> = (0..=MOST_LISTED).map(|number| key(&format!("MadeUpKey{number:05}"))).collect();
        known.add_listed(&listed[..1]);
        known.add_listed(&listed[1..]);
        assert!(!known.occur_in("MadeUpKey00000") && known.occur_in("MadeUpKey01000"));
        for number in 0..=MOST_USED {
            known.add_used(&key(&format!("MadeUpKeyInUse{number:05}")));
        }
        assert!(!known.occur_in("MadeUpKeyInUse00000") && known.occur_in("MadeUpKeyInUse00016"));
    }
}
