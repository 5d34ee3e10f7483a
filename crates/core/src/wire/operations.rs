//! The operations on API keys. For each operation, one function builds the request and another one parses the response.

use std::collections::HashSet;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{Method, Request, StatusCode};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::attempt::{Attempt, json, unreadable};
use super::date::codat_date;
use super::error_response::{error_response, status_in_body};
use super::object::Object;
use super::{JSON, idempotency_key, unbuildable};
use crate::domain::{ApiKey, ApiKeyDetails, BaseUrl, KeyId, KeyName, KnownKeys, MAX_KEYS, MOST_LISTED, Untrusted};
use crate::error::{Error, ErrorKind};

pub(crate) fn list_request(base: &BaseUrl) -> Result<Request<Bytes>, Error> {
    request(Method::GET, base, "/apiKeys").body(Bytes::new()).map_err(unbuildable)
}

/// Parses a list of API keys and removes duplicates. Adds the listed keys to `attempt.known_keys`. The keys in this set
/// are redacted from responses and errors.
pub(crate) fn parse_list(attempt: &Attempt) -> Result<Vec<ApiKeyDetails>, Error> {
    #[derive(Deserialize)]
    struct List {
        results: Option<Vec<Object<KeyFields>>>,
    }
    expect_status(attempt, &[StatusCode::OK]).map_err(Error::about_a_path)?;
    let Object(list) = json::<Object<List>>(attempt)?;
    let keys = list.results.ok_or_else(|| unreadable(attempt, "its `results` are missing"))?;
    if keys.len() > MOST_LISTED {
        return Err(unreadable(attempt, &format!("it lists {} keys, and Codat allows {}", keys.len(), MAX_KEYS)));
    }
    // A list with an invalid field is rejected, but later errors must not show its API keys either.
    let api_keys: Vec<_> = keys.iter().filter_map(|Object(key)| key.api_key()).collect();
    attempt.known_keys.add_listed(&api_keys);
    let keys: Vec<_> = keys.into_iter().map(|key| details(attempt, key)).collect::<Result<_, _>>()?;
    let mut seen = HashSet::new();
    let is_first: Vec<bool> =
        keys.iter().map(|key| seen.insert((key.id.as_str(), key.api_key.expose_secret()))).collect();
    Ok(keys.into_iter().zip(is_first).filter_map(|(key, is_first)| is_first.then_some(key)).collect())
}

pub(crate) fn create_request(base: &BaseUrl, name: &KeyName, idempotency_key: &str) -> Result<Request<Bytes>, Error> {
    #[derive(Serialize)]
    struct Body<'a> {
        name: &'a str,
    }
    let body = serde_json::to_vec(&Body { name: name.as_str() }).map_err(unbuildable)?;
    request(Method::POST, base, "/apiKeys")
        .header(CONTENT_TYPE, JSON)
        .header(idempotency_key::HEADER, idempotency_key)
        .body(body.into())
        .map_err(unbuildable)
}

/// Parses the response to a request that creates an API key. Accepts the status 201, which Codat sends, and the status
/// 200. A 409 becomes `KeyLimitReached` if the body describes Codat's limit of ten keys, and `Conflict` otherwise.
pub(crate) fn parse_create(attempt: &Attempt) -> Result<ApiKeyDetails, Error> {
    expect_status(attempt, &[StatusCode::CREATED, StatusCode::OK]).map_err(|error| {
        // The response to a request beyond Codat's limit of ten keys has this message, or a `statusCode` of 400 in its
        // body.
        let limit =
            error.codat_message().is_some_and(|text| text.trim_start().starts_with("Maximum number of API keys"))
                || status_in_body(attempt) == Some(400);
        if error.status() == Some(StatusCode::CONFLICT) && limit {
            error.with_kind(ErrorKind::KeyLimitReached)
        } else {
            error
        }
    })?;
    let key = details(attempt, json(attempt)?)?;
    attempt.known_keys.add_listed([&key.api_key]);
    Ok(key)
}

pub(crate) fn delete_request(base: &BaseUrl, id: &KeyId) -> Result<Request<Bytes>, Error> {
    let path = format!("/apiKeys/{}", id.path_segment());
    request(Method::DELETE, base, &path).body(Bytes::new()).map_err(unbuildable)
}

pub(crate) fn parse_delete(attempt: &Attempt) -> Result<(), Error> {
    expect_status(attempt, &[StatusCode::NO_CONTENT]).map_err(|error| match error.status() {
        Some(StatusCode::CONFLICT) => error.with_kind(ErrorKind::LastKey),
        _ => error,
    })
}

fn request(method: Method, base: &BaseUrl, path: &str) -> http::request::Builder {
    Request::builder().method(method).uri(base.join(path)).header(ACCEPT, JSON)
}

fn expect_status(attempt: &Attempt, expected: &[StatusCode]) -> Result<(), Error> {
    if expected.contains(&attempt.status()) { Ok(()) } else { Err(error_response(attempt)) }
}

fn details(attempt: &Attempt, Object(key): Object<KeyFields>) -> Result<ApiKeyDetails, Error> {
    key.details(&attempt.known_keys)
        .map_err(|field| unreadable(attempt, &format!("a key's `{field}` is missing or not valid")))
}

/// The fields of an API key in Codat's JSON.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct KeyFields {
    id: Option<String>,
    name: Option<String>,
    api_key: Option<Zeroizing<String>>,
    created_date: Option<serde_json::Value>,
}

impl KeyFields {
    /// Converts the fields to key details. Returns the name of a missing or invalid field as an error.
    fn details(self, known: &KnownKeys) -> Result<ApiKeyDetails, &'static str> {
        let id = self.id.as_ref().and_then(|id| KeyId::checked(Untrusted::new(id, known)).ok()).ok_or("id")?;
        let api_key = self.api_key().ok_or("apiKey")?;
        let created_date = self.created_date.as_ref().and_then(|date| codat_date(date.as_str()?));
        Ok(ApiKeyDetails { id, name: self.name.map(|name| Untrusted::new(&name, known)), api_key, created_date })
    }

    fn api_key(&self) -> Option<ApiKey> {
        ApiKey::listed(self.api_key.as_ref()?)
    }
}

#[cfg(test)]
mod tests {
    use http::Response;

    use super::*;

    #[test]
    fn a_list_of_more_than_a_thousand_keys_is_rejected() {
        let list = |length: usize| {
            let keys: Vec<_> = (0..length).map(|id| format!(r#"{{"id":"{id}","apiKey":"k"}}"#)).collect();
            let body = Bytes::from(format!(r#"{{"results":[{}]}}"#, keys.join(",")));
            parse_list(&Attempt::new(Response::new(body), KnownKeys::new())).map(|keys| keys.len())
        };
        assert_eq!(list(MOST_LISTED).unwrap(), MOST_LISTED);
        assert_eq!(list(MOST_LISTED + 1).unwrap_err().kind(), ErrorKind::BadResponse);
    }

    #[test]
    fn the_limit_of_ten_keys_is_recognized_by_its_message_or_the_status_in_the_body() {
        let kind = |body: &'static str| {
            let mut response = Response::new(Bytes::from_static(body.as_bytes()));
            *response.status_mut() = StatusCode::CONFLICT;
            parse_create(&Attempt::new(response, KnownKeys::new())).unwrap_err().kind()
        };
        assert_eq!(kind(r#"{"error":"Maximum number of API keys reached"}"#), ErrorKind::KeyLimitReached);
        assert_eq!(kind(r#"{"statusCode":400}"#), ErrorKind::KeyLimitReached);
        assert_eq!(kind(r#"{"error":"Another request is being processed"}"#), ErrorKind::Conflict);
    }

    #[test]
    fn the_keys_of_a_rejected_list_are_redacted_from_later_texts() {
        let known = KnownKeys::new();
        let list = br#"{"results":[{"id":"1","apiKey":"MadeUpKeyOne"},{"id":"2/3","apiKey":"MadeUpKeyTwo"}]}"#;
        let attempt = Attempt::new(Response::new(Bytes::from_static(list)), known.clone());
        assert_eq!(parse_list(&attempt).unwrap_err().kind(), ErrorKind::BadResponse);
        assert!(known.occur_in("MadeUpKeyOne") && known.occur_in("MadeUpKeyTwo"));
    }
}
