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
    /// At the start of the operation, the keys are listed to see whether Codat's limit of ten keys is reached, and
    /// which keys already exist.
    Before,
    /// After a 429, the keys are listed if an earlier attempt may have created the key. With a 429, Codat forgets the
    /// idempotency key, so a further attempt could create a second key.
    Released,
    /// After Codat has repeated the error response to an earlier attempt, the keys are listed to see whether one of the
    /// attempts created the key. Codat would repeat this response for every further attempt.
    Failed,
    /// If the list for [`Failed`](Self::Failed) contains no new key, the keys are listed again after a wait, because
    /// Codat can list a new key late.
    FailedAgain,
    /// After Codat has rejected an attempt because of its limit of ten keys, the keys are listed if an earlier attempt
    /// may have created one of the ten keys.
    AtLimit,
    /// Before the operation ends with an error, the keys are listed if the operation may have created keys. The error
    /// contains these keys.
    Candidates,
    /// After the response to a repeated request contained the created key, the keys are listed to see whether an
    /// earlier attempt created another key.
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
