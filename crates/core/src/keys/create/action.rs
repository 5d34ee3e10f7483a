//! The actions and events of the state machine that creates a key.

use std::time::Duration;

use super::creation::Creation;
use crate::domain::ApiKeyDetails;
use crate::error::Error;

/// The next action in creating a key.
#[derive(Debug)]
pub enum Action {
    /// List the keys.
    List(Purpose),
    /// Send the request that creates the key, always with the same idempotency key and body.
    Post,
    /// Wait for this duration.
    Wait(Duration),
    /// End the operation with this result.
    Complete(Result<Creation, Error>),
}

/// The purpose of listing the keys.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Purpose {
    /// To check the limit of keys, and to recognize new keys later. No request has been sent.
    Before,
    /// To find out whether an earlier attempt created a key. A 429 released the idempotency key, so another attempt
    /// could create a second key.
    Released,
    /// To find out whether an attempt created a key. Codat replays a failure, so another attempt would not show the
    /// outcome.
    Failed,
    /// To check the result of [`Failed`](Self::Failed) a second time, after a wait.
    FailedAgain,
    /// To find out whether an earlier attempt created a key. The latest attempt created none, because the Codat client
    /// has ten keys.
    AtLimit,
    /// To add the candidates to the error. The operation has given up, so no candidate is adopted.
    Candidates,
    /// To add the extra keys to the result.
    Extras,
}

/// The result of an action.
#[derive(Debug)]
pub enum Event<'a> {
    /// The listed keys.
    Listed(&'a [ApiKeyDetails]),
    /// The keys could not be listed.
    ListFailed(Error),
    /// A response with status 201 or 200 and a valid body.
    Created(ApiKeyDetails),
    /// The attempt did not return a key.
    Failed(AttemptOutcome, Error),
    /// The wait is over.
    Waited,
}

/// The outcome of an attempt that did not return a key.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum AttemptOutcome {
    /// Nothing was sent, for example because the connection failed.
    NotSent,
    /// The request was at least partly sent, but the response is missing or invalid.
    Lost,
    /// 429.
    RateLimited,
    /// 409, because the Codat client has ten keys.
    AtLimit,
    /// 409, because an attempt with this idempotency key is still running.
    StillRunning,
    /// 408 or 5xx.
    Failed,
    /// 400 with Codat's JSON: the request is invalid.
    Invalid,
    /// 422, because the idempotency key was sent with another body before.
    Mismatch,
    /// Any other status, or a connection error that a retry would not avoid.
    Refused,
}
