//! What comes of a creation.

use crate::key::ApiKeyDetails;

/// A key that was created, and how we know that it is the one.
#[non_exhaustive]
#[derive(Clone, Debug)]
pub struct Creation {
    /// The key. Its secret is in it.
    pub key: ApiKeyDetails,
    /// How it came about.
    pub how: How,
    /// Keys of the same name that are new besides this one. After a smooth creation nobody looks and it is empty;
    /// `None` where looking failed, which is not the same.
    pub extras: Option<Vec<ApiKeyDetails>>,
}

/// How a [`Creation`] came about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// The first answer held the key.
    Created,
    /// An earlier attempt may have made it; a later answer to the same idempotency key held it.
    Replayed,
    /// No answer held it; it is the one new key of this name, and the caller is the sole creator.
    Adopted,
}

impl How {
    /// As a stable identifier: `created`, `replayed`, `adopted`.
    pub fn code(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Replayed => "replayed",
            Self::Adopted => "adopted",
        }
    }
}
