//! The keys that a client knows of. Nothing that it shows holds one of them.

use std::collections::HashSet;
use std::sync::Arc;

use arc_swap::ArcSwap;
use once_cell::race::OnceBox;

use super::api_key::ApiKey;
use super::misplaced::mask_credentials;
use crate::needles::Needles;

/// More keys than any list of Codat's holds. A longer list comes from another server.
pub(crate) const MOST_LISTED: usize = 1_000;

/// A key that was in use before these has surely been replaced everywhere.
const MOST_USED: usize = 16;

/// A shorter key may be a word of any text, and Codat's have 40 characters. The key in use may have any length.
const LEAST_LISTED_BYTES: usize = 8;

/// Shared by all that count as one client, and by the texts that its answers bring. No lock guards it: the child of a fork
/// might find it shut.
#[derive(Clone)]
pub(crate) struct KnownKeys(Arc<ArcSwap<Known>>);

struct Known {
    /// The latest first.
    used: Vec<ApiKey>,
    listed: Vec<ApiKey>,
    /// Built when a text is shown for the first time.
    needles: OnceBox<Needles>,
}

impl KnownKeys {
    pub(crate) fn new() -> Self {
        Self(Arc::new(ArcSwap::from_pointee(Known::new(Vec::new(), Vec::new()))))
    }

    /// Adds a key that is used from now on.
    pub(crate) fn add_used(&self, key: &ApiKey) {
        self.0.rcu(|known| Known::new(merged([key], &known.used, MOST_USED), known.listed.clone()));
    }

    /// Adds the keys of an answer, and returns whether one of them is new. Those of earlier answers remain: a list may be
    /// stale, or hold less.
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

    /// The text with every known key replaced by asterisks.
    pub(crate) fn redact(&self, text: &str) -> String {
        self.with(|needles| needles.redact(text).into_owned())
    }

    /// A text of the user, such as a URL, with every known key masked, and whatever else looks like a credential.
    pub(crate) fn mask_misplaced(&self, text: &str) -> String {
        // Known keys first: a part of one may look like a credential, and the rest would then not be recognized.
        mask_credentials(&self.redact(text))
    }

    /// Whether a text holds a known key.
    pub(crate) fn occur_in(&self, text: &str) -> bool {
        self.with(|needles| needles.occur_in(text))
    }

    pub(crate) fn with<T>(&self, step: impl FnOnce(&Needles) -> T) -> T {
        let known = self.0.load();
        step(
            known.needles.get_or_init(|| {
                Box::new(Needles::of(known.used.iter().chain(&known.listed).map(ApiKey::expose_secret)))
            }),
        )
    }
}

impl Known {
    fn new(used: Vec<ApiKey>, listed: Vec<ApiKey>) -> Self {
        Self { used, listed, needles: OnceBox::new() }
    }
}

/// Each key once, the new ones first.
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
        for number in 0..=MOST_LISTED {
            known.add_listed(&[key(&format!("MadeUpKey{number:05}"))]);
        }
        assert!(!known.occur_in("MadeUpKey00000") && known.occur_in("MadeUpKey01000"));
        for number in 0..=MOST_USED {
            known.add_used(&key(&format!("MadeUpKeyInUse{number:05}")));
        }
        assert!(!known.occur_in("MadeUpKeyInUse00000") && known.occur_in("MadeUpKeyInUse00016"));
    }
}
