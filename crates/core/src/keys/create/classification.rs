//! Classification of the response to a request that creates a key.

use http::StatusCode;

use super::observed::AttemptOutcome;
use crate::domain::ApiKeyDetails;
use crate::error::{Error, ErrorKind};
use crate::transport::Failure;
use crate::wire::{self, Attempt};

pub(super) fn classify(result: Result<Attempt, Failure>) -> Result<ApiKeyDetails, (AttemptOutcome, Error)> {
    let attempt = result.map_err(|failure| {
        let outcome = match failure.sent {
            true => AttemptOutcome::Lost,
            false if failure.error.is_final() => AttemptOutcome::Refused,
            false => AttemptOutcome::NotSent,
        };
        (outcome, failure.error)
    })?;
    wire::parse_create(&attempt).map_err(|error| {
        let outcome = match error.kind() {
            _ if attempt.status().is_success() => AttemptOutcome::Lost,
            ErrorKind::RateLimited => AttemptOutcome::RateLimited(error.retry_after()),
            ErrorKind::KeyLimitReached => AttemptOutcome::AtLimit,
            ErrorKind::Conflict if error.status() == Some(StatusCode::UNPROCESSABLE_ENTITY) => AttemptOutcome::Mismatch,
            ErrorKind::Conflict => AttemptOutcome::StillRunning,
            ErrorKind::Timeout | ErrorKind::Server => {
                AttemptOutcome::Failed(error.correlation_id().map(str::to_owned), error.retry_after())
            }
            ErrorKind::InvalidInput if error.status() == Some(StatusCode::BAD_REQUEST) && error.is_codats_own() => {
                AttemptOutcome::Invalid
            }
            _ => AttemptOutcome::Refused,
        };
        (outcome, error)
    })
}
