//! Search in a list of keys for the key that an operation created.

use jiff::Timestamp;

use crate::domain::{ApiKeyDetails, CLOCK_SKEW, KeyId, KeyName};

/// The properties by which an operation recognizes the key that it created.
pub(super) struct ExpectedKey {
    name: KeyName,
    /// The creation time of the idempotency key, which is approximately the time of the first attempt.
    pub(super) since: Timestamp,
    /// The ids of the keys that existed before the first attempt. `None` for a resumed operation, which recognizes new
    /// keys by their creation dates.
    before: Option<Vec<KeyId>>,
}

impl ExpectedKey {
    pub(super) fn new(name: KeyName, since: Timestamp) -> Self {
        Self { name, since, before: None }
    }

    /// Excludes `keys` from the candidates, because they existed before the first attempt.
    pub(super) fn exclude(&mut self, keys: &[ApiKeyDetails]) {
        self.before = Some(keys.iter().map(|key| key.id.clone()).collect());
    }

    /// Returns the listed keys that the operation may have created: new keys with the requested name.
    pub(super) fn candidates(&self, keys: &[ApiKeyDetails]) -> Vec<ApiKeyDetails> {
        let is_new = |key: &ApiKeyDetails| match &self.before {
            Some(_) => !self.existed_before(key),
            None => self.is_adoptable(key),
        };
        keys.iter().filter(|key| key.is_named(self.name.as_str()) && is_new(key)).cloned().collect()
    }

    /// Returns whether the key was created after the idempotency key, with a tolerance of [`CLOCK_SKEW`]. Returns true
    /// for a key without a date.
    pub(super) fn is_adoptable(&self, key: &ApiKeyDetails) -> bool {
        key.created_date.is_none_or(|date| date >= self.since - CLOCK_SKEW)
    }

    /// Returns whether the key in a response can be the created key. A cache between the client and Codat can send
    /// another key.
    pub(super) fn is(&self, key: &ApiKeyDetails) -> bool {
        let has_name = key.name.as_ref().is_none_or(|name| name.unredacted().trim() == self.name.as_str().trim());
        has_name && !self.existed_before(key)
    }

    fn existed_before(&self, key: &ApiKeyDetails) -> bool {
        self.before.as_ref().is_some_and(|before| before.contains(&key.id))
    }
}
