//! Requests that are sent once. A response with an error status is returned as a response, not as an error.

use std::sync::Arc;

use bytes::Bytes;
use http::Method;
use http::header::{AUTHORIZATION, HeaderMap};

use super::Client;
use crate::credentials::CachedCredential;
use crate::error::Error;
use crate::response::Response;
use crate::wire;

/// Sends a request once, and returns the response, even if its status is an error status. Neither repeats the request
/// nor refreshes the credential. Adds the headers that all requests of the client have, but no `Idempotency-Key` and no
/// `Content-Type`. An `Authorization` header in `headers` replaces the header of the client. `codat-keys emulator
/// verify` calls this function.
///
/// # Errors
/// As [`Client::request`](crate::Client::request), but a response with any status is no error.
pub async fn send_once(
    client: &Client,
    method: Method,
    path: &str,
    mut headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Error> {
    let (handle, transport) = (client.handle(), client.handle().transport());
    let (deadline, limit) = (handle.deadline_for(None)?, handle.body_limit(None)?);
    let mut credential = transport.key_to_use(deadline).await?;
    if let Some(authorization) = headers.remove(AUTHORIZATION) {
        credential = Arc::new(CachedCredential { key: credential.key.clone(), authorization });
    }
    let mut request = wire::any_request(method, handle.base_url(), path, &[], body)?;
    request.headers_mut().extend(headers);
    let sent = transport.attempt_with(&credential, &request, deadline, limit).await;
    sent.map(Response).map_err(|failure| failure.error)
}

/// Generates an idempotency key in the form that the client sends.
pub fn generate_idempotency_key() -> String {
    wire::idempotency_key::generate().to_string()
}
