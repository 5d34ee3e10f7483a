//! Classification of the outcome of an attempt.

use super::observed::Answer;
use crate::domain::ApiKeyDetails;
use crate::error::{Error, ErrorKind};
use crate::transport::Failure;
use crate::wire::{self, Attempt};

pub(super) fn read(result: Result<Attempt, Failure>) -> Result<ApiKeyDetails, (Answer, Error)> {
    let attempt = result.map_err(|failure| {
        let answer = match failure.sent {
            true => Answer::Lost,
            false if failure.error.is_final() => Answer::Refused,
            false => Answer::NotSent,
        };
        (answer, failure.error)
    })?;
    wire::parse_create(&attempt).map_err(|error| {
        let answer = match error.kind() {
            _ if attempt.status().is_success() => Answer::Lost,
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
