//! Creation of exactly one key. The state machine in [`machine`] decides what to do next. This module sends the
//! requests.

pub mod action;
mod creation;
mod expected;
pub(super) mod machine;

use std::fmt;

use bytes::Bytes;
use http::{Request, StatusCode};

use super::operation::{Now, Operation};
use crate::cancel::{Cancellation, or_cancelled};
use crate::domain::{ApiKeyDetails, KeyName, mask_credentials};
use crate::error::{Error, ErrorKind};
use crate::handle::Handle;
use crate::timeouts::Deadline;
use crate::transport::{BodyLimit, Failure};
use crate::wire::{self, Attempt, idempotency_key};
use action::{Action, AttemptOutcome, Event, Purpose};
use machine::CreateMachine;

pub use creation::{Creation, How};

#[derive(Debug)]
pub(crate) struct CreateOptions {
    pub(crate) name: KeyName,
    pub(crate) adopt: bool,
    pub(crate) idempotency_key: IdempotencyKey,
}

/// The idempotency key of an operation that creates a key.
pub(crate) enum IdempotencyKey {
    /// Generated when the operation starts.
    Generated,
    /// Given by the caller for a new operation.
    New(String),
    /// The idempotency key of an earlier operation, which this operation resumes.
    Resumed(String),
}

impl fmt::Debug for IdempotencyKey {
    /// Masks an idempotency key that looks like a credential: a program can pass a credential as the idempotency key by
    /// mistake.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Generated => f.write_str("Generated"),
            Self::New(key) => f.debug_tuple("New").field(&mask_credentials(key)).finish(),
            Self::Resumed(key) => f.debug_tuple("Resumed").field(&mask_credentials(key)).finish(),
        }
    }
}

pub(crate) async fn create(
    client: &Handle,
    options: CreateOptions,
    mut cancellation: Option<Cancellation>,
) -> Result<Creation, Error> {
    let CreateOptions { name, adopt, idempotency_key } = options;
    if client.known_keys().occur_in(name.as_str()) {
        return Err(name_holds_a_key());
    }
    let (key, resumed) = match &idempotency_key {
        IdempotencyKey::Generated => (idempotency_key::generate(), false),
        IdempotencyKey::New(key) => (idempotency_key::parse(key)?, false),
        IdempotencyKey::Resumed(key) => (idempotency_key::parse(key)?, true),
    };
    let deadline = client.create_deadline();
    let request = wire::create_request(client.base_url(), &name, &key.to_string())?;
    let mut machine = CreateMachine::new(Operation::of(client, deadline), name.clone(), key, adopt, resumed)?;
    let driver = Driver { client, name, request, deadline };
    let ended = or_cancelled(driver.run(&mut machine), &mut cancellation).await;
    ended.unwrap_or_else(|| machine.cancel(Now::of(client)))
}

struct Driver<'a> {
    client: &'a Handle,
    name: KeyName,
    request: Request<Bytes>,
    deadline: Deadline,
}

impl Driver<'_> {
    async fn run(&self, machine: &mut CreateMachine) -> Result<Creation, Error> {
        let transport = self.client.transport();
        loop {
            match machine.next(Now::of(self.client)) {
                Action::List(purpose) => match self.list(purpose).await {
                    Ok(keys) => machine.on_event(Event::Listed(&keys)),
                    Err(error) => machine.on_event(Event::ListFailed(error)),
                },
                Action::Post => {
                    let result = transport.attempt(&self.request, self.deadline, BodyLimit::OF_KEY_OPERATIONS).await;
                    machine.on_event(match classify(result) {
                        Ok(key) => Event::Created(key),
                        Err((outcome, error)) => Event::Failed(outcome, error),
                    });
                }
                Action::Wait(time) => {
                    transport.sleep(time).await;
                    machine.on_event(Event::Waited);
                }
                Action::Complete(result) => return result,
            }
        }
    }

    async fn list(&self, purpose: Purpose) -> Result<Vec<ApiKeyDetails>, Error> {
        match purpose {
            // The created key is already known, so a short timeout and a single attempt suffice.
            Purpose::Extras => self.client.list_keys_once().await,
            Purpose::Before => {
                let keys = self.client.list_keys(self.deadline).await?;
                // The client now also knows the listed API keys.
                if self.client.known_keys().occur_in(self.name.as_str()) { Err(name_holds_a_key()) } else { Ok(keys) }
            }
            _ => self.client.list_keys(self.deadline).await,
        }
    }
}

fn classify(result: Result<Attempt, Failure>) -> Result<ApiKeyDetails, (AttemptOutcome, Error)> {
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
            ErrorKind::RateLimited => AttemptOutcome::RateLimited,
            ErrorKind::KeyLimitReached => AttemptOutcome::AtLimit,
            ErrorKind::Conflict if error.status() == Some(StatusCode::UNPROCESSABLE_ENTITY) => AttemptOutcome::Mismatch,
            ErrorKind::Conflict => AttemptOutcome::StillRunning,
            ErrorKind::Timeout | ErrorKind::Server => AttemptOutcome::Failed,
            ErrorKind::InvalidInput if error.status() == Some(StatusCode::BAD_REQUEST) && error.is_codats_own() => {
                AttemptOutcome::Invalid
            }
            _ => AttemptOutcome::Refused,
        };
        (outcome, error)
    })
}

/// Returns the error for a name that contains an API key. The message does not contain the name.
fn name_holds_a_key() -> Error {
    Error::new(ErrorKind::InvalidInput, "the name holds an API key")
        .with_hint("name the key after the application that will use it; nothing was created")
}
