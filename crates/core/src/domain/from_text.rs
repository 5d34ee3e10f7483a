//! Implementations of `FromStr` and `TryFrom` for the types that have a `parse` function. Each implementation calls
//! `parse`.

use std::str::FromStr;

use zeroize::Zeroizing;

use super::{ApiKey, AuthorizationHeader, Credential, KeyId, KeyName};
use crate::error::Error;

macro_rules! from_text {
    ($($name:ty),*) => {$(
        impl FromStr for $name {
            type Err = Error;

            fn from_str(text: &str) -> Result<Self, Error> {
                Self::parse(text)
            }
        }

        impl TryFrom<&str> for $name {
            type Error = Error;

            fn try_from(text: &str) -> Result<Self, Error> {
                Self::parse(text)
            }
        }

        impl TryFrom<String> for $name {
            type Error = Error;

            /// Parses the text, and wipes the text from memory.
            fn try_from(text: String) -> Result<Self, Error> {
                Self::parse(&Zeroizing::new(text))
            }
        }
    )*};
}

from_text!(ApiKey, AuthorizationHeader, Credential, KeyId, KeyName);
