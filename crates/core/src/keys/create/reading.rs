//! What an attempt brought, and what an idempotency key says of itself.

use bytes::Bytes;
use http::Response;
use jiff::Timestamp;
use uuid::Uuid;

use super::observed::Answer;
use crate::domain::{ApiKeyDetails, KnownKeys};
use crate::error::{Error, ErrorKind};
use crate::transport::Failure;
use crate::wire;

pub(super) fn read(
    result: Result<Response<Bytes>, Failure>,
    known: &KnownKeys,
) -> Result<ApiKeyDetails, (Answer, Error)> {
    let response = result.map_err(|failure| {
        let answer = match failure.sent {
            true => Answer::Lost,
            false if failure.error.is_final() => Answer::Refused,
            false => Answer::NotSent,
        };
        (answer, failure.error)
    })?;
    wire::parse_create(&response, known).map_err(|error| {
        let answer = match error.kind() {
            _ if response.status().is_success() => Answer::Lost,
            ErrorKind::RateLimited => Answer::RateLimited(error.retry_after()),
            ErrorKind::KeyLimitReached => Answer::AtLimit,
            ErrorKind::Conflict if error.status() == Some(422) => Answer::Mismatch,
            ErrorKind::Conflict => Answer::StillRunning,
            ErrorKind::Timeout | ErrorKind::Server => {
                Answer::Failed(error.correlation_id().map(str::to_owned), error.retry_after())
            }
            ErrorKind::InvalidInput if error.status() == Some(400) && error.is_codats_own() => Answer::Invalid,
            _ => Answer::Refused,
        };
        (answer, error)
    })
}

pub(super) fn parse_idempotency_key(text: &str) -> Result<Uuid, Error> {
    match Uuid::try_parse(text) {
        Ok(key) if key.get_version_num() == 7 => Ok(key),
        _ => Err(Error::new(ErrorKind::InvalidInput, "the idempotency key is not a UUID of version 7")
            .hint_is("give the idempotency key of the call that you want to resume, as its error told it")),
    }
}

pub(super) fn time_of(key: Uuid) -> Result<Timestamp, Error> {
    let (seconds, nanoseconds) = key.get_timestamp().map(|time| time.to_unix()).unwrap_or_default();
    Timestamp::new(i64::try_from(seconds).unwrap_or(i64::MAX), i32::try_from(nanoseconds).unwrap_or_default()).map_err(
        |source| Error::new(ErrorKind::InvalidInput, "the idempotency key's time is out of range").caused_by(source),
    )
}
