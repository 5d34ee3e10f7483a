//! Tests of the state machines of `create` and `delete`. Each test passes events to a state machine, and checks the
//! actions and the result of the state machine.

mod create;
mod delete;

use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::state_machines::{self, Now, Operation};
use crate::domain::ApiKeyDetails;
use crate::error::Error;

/// The timeout of every operation.
const TIMEOUT: Duration = Duration::from_secs(60);
/// The time that must remain until the deadline when an attempt starts.
const TIME_TO_SEND: Duration = Duration::from_secs(1);

/// A clock that the tests advance.
struct TestClock {
    started: Instant,
    elapsed: Duration,
    /// The system time at the start of the operation.
    system: Timestamp,
}

impl TestClock {
    fn new(system: Timestamp) -> Self {
        Self { started: Instant::now(), elapsed: Duration::ZERO, system }
    }

    fn operation(&self) -> Operation {
        state_machines::operation(self.started, TIMEOUT, TIME_TO_SEND)
    }

    fn now(&self) -> Now {
        Now { instant: self.started + self.elapsed, system: self.system + self.elapsed }
    }

    fn wait(&mut self, time: Duration) -> String {
        self.elapsed += time;
        format!("wait {}", time.as_millis())
    }
}

/// The creation time of the idempotency key in the tests.
fn since() -> Timestamp {
    "2026-01-01T00:00:00Z".parse().unwrap()
}

/// Creates the details of an API key from a text such as `b`, `b@-300` or `b=other`. `b` is the id. `@-300` means that
/// the API key was created 300 seconds before the idempotency key. By default, the API key and the idempotency key have
/// the same creation time. `other` is the name of the API key, by default `ci`.
fn key(text: &str) -> ApiKeyDetails {
    let (text, name) = text.split_once('=').unwrap_or((text, "ci"));
    let (id, seconds) = text.split_once('@').unwrap_or((text, "0"));
    let created = since() + jiff::SignedDuration::from_secs(seconds.parse().unwrap());
    state_machines::key_details(id, name, &format!("MadeUpKey-{id}"), created).unwrap()
}

fn keys(texts: &str) -> Vec<ApiKeyDetails> {
    texts.split_whitespace().map(key).collect()
}

fn ids(keys: Option<&[ApiKeyDetails]>) -> String {
    let Some(keys) = keys else { return "not listed".into() };
    format!("[{}]", keys.iter().map(|key| key.id.as_str()).collect::<Vec<_>>().join(" "))
}

/// Returns the kind of an error, the kind of its source, and the number of attempts, as text.
fn summary(error: &Error) -> String {
    let source = std::error::Error::source(error).and_then(|source| source.downcast_ref::<Error>());
    let cause = source.map(|cause| format!(" ({})", cause.kind().code())).unwrap_or_default();
    format!("{}{cause} after {}", error.kind().code(), error.attempts())
}
