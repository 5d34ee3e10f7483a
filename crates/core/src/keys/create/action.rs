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

/// The reason for listing the keys.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Purpose {
    /// The operation starts. The listing shows whether ten keys exist, and which keys existed before the first attempt.
    Before,
    /// Codat responded with 429 and forgot the idempotency key, so another attempt could create a second key. The
    /// listing determines whether an earlier attempt created a key.
    Released,
    /// Codat replayed a failure and would replay it to another attempt. The listing determines whether an attempt
    /// created a key.
    Failed,
    /// The listing for [`Failed`](Self::Failed) contained no new key. A second listing, after a wait, can show a key
    /// that Codat lists late.
    FailedAgain,
    /// Codat rejected the latest attempt because ten keys exist. The listing determines whether an earlier attempt
    /// created one of them.
    AtLimit,
    /// The operation has given up. The error names the new keys in this listing, but the operation returns none of
    /// them.
    Candidates,
    /// An attempt was ambiguous, but a later response contained the created key. The result names the other new keys in
    /// this listing.
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
    /// 409, because ten keys exist, which is Codat's limit.
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
