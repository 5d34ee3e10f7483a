//! Responses whose body is incomplete, slow or very long.

use std::io::{self, ErrorKind};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::header::{CONNECTION, CONTENT_LENGTH, HeaderValue};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use http_body_util::channel::{Channel, SendError, Sender};
use tokio::time::sleep;

use crate::wire::{ApiResponse, JSON};

const CHUNK: usize = 16 * 1024;
const PREFIX: &[u8] = b"{\"results\":[";
const SUFFIX: &[u8] = b"]}";

#[derive(Clone, Copy)]
pub(crate) enum BodyFault {
    /// Sends half of the body, then closes the connection.
    Truncated,
    /// Sends the body byte by byte, with a pause after each byte.
    Slow(Duration),
    /// Sends an endless body without `Content-Length`.
    Endless,
    /// Sends a body of the given number of bytes.
    Huge(usize),
}

type BodySender = Sender<Bytes, io::Error>;

/// Returns the response with the fault in its body, and a future that sends the body. The future returns an error if
/// the client disconnects. If the returned response has no body, there is no future.
pub(crate) fn prepare(
    mut response: ApiResponse,
    fault: BodyFault,
) -> (Response, Option<impl Future<Output = Result<(), SendError>> + Send + use<>>) {
    let body = response.body.take();
    let length = match (fault, &body) {
        (BodyFault::Truncated, None) => {
            return (response.with_header(CONNECTION, HeaderValue::from_static("close")).into_response(), None);
        }
        (BodyFault::Slow(_), None) => return (response.into_response(), None),
        (BodyFault::Truncated | BodyFault::Slow(_), Some(body)) => Some(body.len()),
        (BodyFault::Endless, _) => None,
        (BodyFault::Huge(bytes), _) => Some(bytes),
    };
    if body.is_none() {
        // Changes the status, because a response with status 204 cannot have a body.
        response.status = StatusCode::OK;
        response.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(JSON));
    }
    if let Some(length) = length {
        response.headers.insert(CONTENT_LENGTH, length.into());
    }
    let (sender, channel) = Channel::new(1);
    let sending = send_body(sender, fault, body.unwrap_or_default());
    let mut response = response.into_response();
    *response.body_mut() = Body::new(channel);
    (response, Some(sending))
}

/// Sends a body with the given fault. Returns an error if the client disconnects.
async fn send_body(sender: BodySender, fault: BodyFault, body: Bytes) -> Result<(), SendError> {
    match fault {
        BodyFault::Truncated => send_half(sender, body).await,
        BodyFault::Slow(pause) => send_slowly(sender, body, pause).await,
        BodyFault::Endless => send_padded(sender, usize::MAX).await,
        BodyFault::Huge(bytes) => send_padded(sender, bytes).await,
    }
}

async fn send_half(mut sender: BodySender, body: Bytes) -> Result<(), SendError> {
    sender.send_data(body.slice(..body.len() / 2)).await?;
    // Completes after hyper has written the first half. Aborting the body earlier would discard the first half.
    sender.send_data(Bytes::new()).await?;
    sender.abort(ErrorKind::ConnectionAborted.into());
    Ok(())
}

async fn send_slowly(mut sender: BodySender, body: Bytes, pause: Duration) -> Result<(), SendError> {
    for index in 0..body.len() {
        sender.send_data(body.slice(index..=index)).await?;
        sleep(pause).await;
    }
    Ok(())
}

/// Sends an empty JSON list, padded with spaces to `length` bytes.
async fn send_padded(mut sender: BodySender, length: usize) -> Result<(), SendError> {
    let spaces = Bytes::from(vec![b' '; CHUNK]);
    let mut left = length - PREFIX.len() - SUFFIX.len();
    sender.send_data(Bytes::from_static(PREFIX)).await?;
    while left > 0 {
        let chunk = spaces.slice(..left.min(CHUNK));
        left -= chunk.len();
        sender.send_data(chunk).await?;
    }
    sender.send_data(Bytes::from_static(SUFFIX)).await
}
