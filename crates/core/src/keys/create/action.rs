//! The actions and events of the state machine that creates a key.

use std::time::Duration;

use super::creation::Creation;
use crate::domain::ApiKeyDetails;
use crate::error::Error;

/// The next action of the operation that creates a key.
#[derive(Debug)]
pub enum Action {
    /// List the keys.
    List(Purpose),
    /// Send the request that creates the key. Each attempt has the same idempotency key and body.
    Post,
    /// Wait for this duration.
    Wait(Duration),
    /// End the operation with this result.
    Complete(Result<Creation, Error>),
}

/// The reason for listing the keys during an operation that creates a key.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Purpose {
    /// The operation starts. The listed keys show whether Codat's limit of ten keys is reached, and which keys already
    /// exist.
    Before,
    /// Codat has responded with 429. Codat then forgets the idempotency key, and a further attempt could create a
    /// second key. The listed keys show whether an earlier attempt created the key.
    Released,
    /// Codat has repeated the error response to an earlier attempt, and would repeat it for every further attempt. The
    /// listed keys show whether one of the attempts created the key.
    Failed,
    /// The list for [`Failed`](Self::Failed) contained no new key. The keys are listed again after a wait, because
    /// Codat can list a new key late.
    FailedAgain,
    /// Codat has rejected an attempt, because its limit of ten keys is reached. The listed keys show whether an earlier
    /// attempt of the operation created one of these ten keys.
    AtLimit,
    /// The operation ends with an error. The listed keys show which keys the operation may have created. The error
    /// contains these keys.
    Candidates,
    /// The response to a repeated request contained the created key. The listed keys show whether an earlier attempt
    /// created another key.
    Extras,
}

/// The result of an action of the state machine.
#[derive(Debug)]
pub enum Event<'a> {
    /// The keys were listed.
    Listed(&'a [ApiKeyDetails]),
    /// The keys could not be listed.
    ListFailed(Error),
    /// The response to the create request contains the created key.
    Created(ApiKeyDetails),
    /// The attempt to create the key failed, or its outcome is unknown.
    Failed(AttemptOutcome, Error),
    /// The wait is over.
    Waited,
}

/// The outcome of an attempt to create a key, if no key was returned.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum AttemptOutcome {
    /// Nothing was sent, for example because the connection failed.
    NotSent,
    /// The request was sent, at least in part. The response is missing or invalid.
    Lost,
    /// Codat responded with 429.
    RateLimited,
    /// Codat responded with 409, because its limit of ten keys is reached.
    AtLimit,
    /// Codat responded with 409, because it is still processing an attempt with this idempotency key.
    StillRunning,
    /// Codat responded with 408 or 5xx.
    Failed,
    /// Codat responded with 400 and JSON: the request is invalid.
    Invalid,
    /// Codat responded with 422: an earlier request with this idempotency key had another body.
    Mismatch,
    /// The attempt failed for another reason, and a retry would fail in the same way.
    Refused,
}
