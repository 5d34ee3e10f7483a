//! Recognition of the key that an operation may have created.

use jiff::Timestamp;

use crate::domain::{ApiKeyDetails, CLOCK_SKEW, KeyId, KeyName};

/// The properties by which an operation recognizes the key that it created.
pub(super) struct ExpectedKey {
    name: KeyName,
    /// The creation time of the idempotency key, which is approximately the time of the first attempt.
    pub(super) since: Timestamp,
    /// The ids of the keys that were listed before the first attempt. `None` if the operation resumes an earlier one. A
    /// resumed operation recognizes new keys by their dates.
    before: Option<Vec<KeyId>>,
}

impl ExpectedKey {
    pub(super) fn new(name: KeyName, since: Timestamp) -> Self {
        Self { name, since, before: None }
    }

    /// Excludes the keys that exist before the first attempt: they cannot be the created key.
    pub(super) fn exclude(&mut self, keys: &[ApiKeyDetails]) {
        self.before = Some(keys.iter().map(|key| key.id.clone()).collect());
    }

    /// Returns the listed keys that the operation may have created: the keys with the requested name that are new since
    /// the first attempt. Another program that uses the same name may also have created such a key.
    pub(super) fn candidates(&self, keys: &[ApiKeyDetails]) -> Vec<ApiKeyDetails> {
        let is_new = |key: &ApiKeyDetails| match &self.before {
            Some(_) => !self.existed_before(key),
            None => self.is_adoptable(key),
        };
        keys.iter().filter(|key| key.is_named(self.name.as_str()) && is_new(key)).cloned().collect()
    }

    /// Returns whether the date of the key is late enough that this operation may have created the key. If the listing
    /// before the first attempt was stale, an older key can appear to be new, but its date shows its age.
    pub(super) fn is_adoptable(&self, key: &ApiKeyDetails) -> bool {
        key.created_date.is_none_or(|date| date >= self.since - CLOCK_SKEW)
    }

    /// Returns whether the key in a response is the requested one. A cache between the client and Codat may send a
    /// response with a key that existed before, or with another name.
    pub(super) fn is(&self, key: &ApiKeyDetails) -> bool {
        let has_name = key.name.as_ref().is_none_or(|name| name.unredacted().trim() == self.name.as_str().trim());
        has_name && !self.existed_before(key)
    }

    fn existed_before(&self, key: &ApiKeyDetails) -> bool {
        self.before.as_ref().is_some_and(|before| before.contains(&key.id))
    }
}
