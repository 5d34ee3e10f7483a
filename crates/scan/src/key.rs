use std::fmt;

use zeroize::Zeroizing;

use crate::Error;

/// The smallest length of a key, in bytes. Shorter texts occur in files by chance.
const MIN_LENGTH: usize = 16;
/// The largest length of a key, in bytes.
const MAX_LENGTH: usize = 512;

/// A key that a [`Scanner`](crate::Scanner) searches for. `Debug` does not show its value.
#[derive(Clone)]
pub struct Key {
    value: Zeroizing<String>,
    id: Option<String>,
    name: Option<String>,
}

impl Key {
    /// Makes a key without an id and a name.
    ///
    /// # Errors
    /// [`Error::InvalidKey`] if the value has fewer than 16 or more than 512 bytes, contains a character other than
    /// visible ASCII, or has fewer than 16 letters and digits.
    pub fn new(value: impl Into<String>) -> Result<Self, Error> {
        let value = Zeroizing::new(value.into());
        if value.len() > MAX_LENGTH {
            return Err(Error::InvalidKey("a key has at most 512 characters"));
        }
        if !value.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Error::InvalidKey("a key contains only visible ASCII characters"));
        }
        if value.bytes().filter(u8::is_ascii_alphanumeric).count() < MIN_LENGTH {
            return Err(Error::InvalidKey("a key has at least 16 letters and digits"));
        }
        Ok(Self { value, id: None, name: None })
    }

    /// Sets the id that Codat gives the key.
    #[must_use]
    pub fn with_id(mut self, id: impl Into<String>) -> Self {
        self.id = Some(id.into());
        self
    }

    /// Sets the name of the key.
    #[must_use]
    pub fn with_name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Returns the id of the key, if it is known.
    pub fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// Returns the name of the key, if it is known.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Returns the text that replaces the key in excerpts: `…` and the last four characters. Keys with fewer than 24
    /// characters are not shown at all.
    pub fn masked(&self) -> String {
        let shown = if self.value.len() < 24 { "" } else { &self.value[self.value.len() - 4..] };
        format!("…{shown}")
    }

    pub(crate) fn value(&self) -> &[u8] {
        self.value.as_bytes()
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key").field("id", &self.id).field("name", &self.name).finish_non_exhaustive()
    }
}
