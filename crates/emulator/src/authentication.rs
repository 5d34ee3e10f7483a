//! Authentication of a request by its `Authorization` header.

use axum::http::header::{AUTHORIZATION, HeaderMap};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::wire::ApiKeyDetails;

/// The result of the authentication of a request.
pub(crate) enum Credential {
    Valid { key_id: String },
    Invalid,
    Missing,
}

impl Credential {
    /// Checks the `Authorization` header of a request. A valid header is `Basic`, a space, and an API key in Base64.
    /// `Basic` can be in upper or lower case.
    pub(crate) fn check<'a>(headers: &HeaderMap, keys: impl IntoIterator<Item = &'a ApiKeyDetails>) -> Credential {
        let mut values = headers.get_all(AUTHORIZATION).iter();
        let (value, second) = (values.next(), values.next());
        let Some(value) = value else { return Credential::Missing };
        match value.to_str().ok().and_then(|value| value.split_once(' ')) {
            Some((scheme, encoded)) if second.is_none() && scheme.eq_ignore_ascii_case("Basic") => {
                let key = keys.into_iter().find(|key| STANDARD.encode(&key.api_key) == encoded.trim());
                key.map_or(Credential::Invalid, |key| Credential::Valid { key_id: key.id.clone() })
            }
            _ => Credential::Invalid,
        }
    }
}
