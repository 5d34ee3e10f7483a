//! Answers whose body comes in a strange way.

use std::io::{self, ErrorKind};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::header::{CONNECTION, CONTENT_LENGTH, HeaderValue};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use http_body_util::channel::{Channel, SendError, Sender};
use tokio::time::sleep;

use crate::wire::{Answer, JSON};

/// In bytes.
const HUGE: usize = 100_000_000;
const CHUNK: usize = 16 * 1024;
const OPENING: &[u8] = b"{\"results\":[";
const CLOSING: &[u8] = b"]}";

#[derive(Clone, Copy)]
pub(crate) enum Stream {
    /// The head, half of the body, and no more.
    Truncated,
    /// Byte by byte, with a pause between.
    Slow(Duration),
    /// Without a length, for as long as the client reads.
    Endless,
    Huge,
}

type Pipe = Sender<Bytes, io::Error>;

/// The head of an answer, and a body that comes after it.
pub(crate) fn respond(mut answer: Answer, stream: Stream) -> Response {
    let body = answer.body.take();
    let length = match (stream, &body) {
        (Stream::Truncated, None) => {
            return answer.with_header(CONNECTION, HeaderValue::from_static("close")).into_response();
        }
        (Stream::Slow(_), None) => return answer.into_response(),
        (Stream::Truncated | Stream::Slow(_), Some(body)) => Some(body.len()),
        (Stream::Endless, _) => None,
        (Stream::Huge, _) => Some(HUGE),
    };
    if body.is_none() {
        // A 204 cannot have a body.
        answer.status = StatusCode::OK;
        answer.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(JSON));
    }
    if let Some(length) = length {
        answer.headers.insert(CONTENT_LENGTH, length.into());
    }
    let (pipe, channel) = Channel::new(1);
    tokio::spawn(send(pipe, stream, body.unwrap_or_default()));
    let mut response = answer.into_response();
    *response.body_mut() = Body::new(channel);
    response
}

/// An error is the client's: it reads no more.
async fn send(pipe: Pipe, stream: Stream, body: Bytes) -> Result<(), SendError> {
    match stream {
        Stream::Truncated => send_half(pipe, body).await,
        Stream::Slow(pause) => send_slowly(pipe, body, pause).await,
        Stream::Endless => send_padded(pipe, usize::MAX).await,
        Stream::Huge => send_padded(pipe, HUGE).await,
    }
}

async fn send_half(mut pipe: Pipe, body: Bytes) -> Result<(), SendError> {
    pipe.send_data(body.slice(..body.len() / 2)).await?;
    // It waits until the half was taken, and by then written: an error at once would take the half with it.
    pipe.send_data(Bytes::new()).await?;
    pipe.abort(ErrorKind::ConnectionAborted.into());
    Ok(())
}

async fn send_slowly(mut pipe: Pipe, body: Bytes, pause: Duration) -> Result<(), SendError> {
    for index in 0..body.len() {
        pipe.send_data(body.slice(index..=index)).await?;
        sleep(pause).await;
    }
    Ok(())
}

/// A list without entries, and with so much space in it that it is as long as wanted.
async fn send_padded(mut pipe: Pipe, length: usize) -> Result<(), SendError> {
    let spaces = Bytes::from(vec![b' '; CHUNK]);
    let mut left = length - OPENING.len() - CLOSING.len();
    pipe.send_data(Bytes::from_static(OPENING)).await?;
    while left > 0 {
        let chunk = spaces.slice(..left.min(CHUNK));
        left -= chunk.len();
        pipe.send_data(chunk).await?;
    }
    pipe.send_data(Bytes::from_static(CLOSING)).await
}
