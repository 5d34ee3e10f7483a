//! The state machines of `create` and `delete`, for the model check in this repository. Not part of the public API.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;

pub use super::create::action as create;
pub use super::create::machine::CreateMachine;
pub use super::delete::machine as delete;
pub use super::delete::machine::DeleteMachine;
pub use super::operation::{Now, Operation};
use crate::domain::{ApiKey, ApiKeyDetails, KeyId, KeyName, Untrusted};
use crate::error::{Error, ErrorKind};
use crate::retry::{DEFAULT_POLICY, Retry, Rng};
use crate::timeouts::{Deadline, Timeouts};
use crate::wire::idempotency_key;

/// A source of random numbers that always returns the same number.
struct FixedJitter(f64);

impl Rng for FixedJitter {
    fn jitter(&self) -> f64 {
        self.0
    }
}

/// Creates the state of an operation with the default retry policy. The waits are not random: each wait takes half of
/// its maximum.
pub fn operation(started: Instant, timeout: Duration, time_to_send: Duration) -> Operation {
    let retry = Retry { policy: DEFAULT_POLICY, rng: Arc::new(FixedJitter(0.5)) };
    Operation::new(retry, Deadline::new(started, Timeouts { attempt: timeout, operation: timeout }), time_to_send)
}

/// Creates the state machine of the operation `create`.
///
/// # Errors
/// `InvalidInput` if the idempotency key is not a UUID of version 7.
pub fn create_machine(
    operation: Operation,
    name: &KeyName,
    idempotency_key: &str,
    adopt: bool,
    resumed: bool,
) -> Result<CreateMachine, Error> {
    CreateMachine::new(operation, name.clone(), idempotency_key::parse(idempotency_key)?, adopt, resumed)
}

/// Creates the state machine of the operation `delete` for the key with this id.
pub fn delete_machine(operation: Operation, id: &KeyId, allow_key_in_use: bool) -> DeleteMachine {
    DeleteMachine::new(operation, id.clone(), allow_key_in_use)
}

/// Creates the details of a key from the given values.
///
/// # Errors
/// `InvalidInput` or `InvalidCredential` if the id or the API key is not valid.
pub fn key_details(id: &str, name: &str, api_key: &str, created: Timestamp) -> Result<ApiKeyDetails, Error> {
    Ok(ApiKeyDetails {
        id: KeyId::parse(id)?,
        name: Some(Untrusted::given(name)),
        api_key: ApiKey::verbatim(api_key)?,
        created_date: Some(created),
    })
}

/// Creates an error of this kind with a correlation id and a `Retry-After` time.
pub fn error(kind: ErrorKind, correlation_id: Option<String>, retry_after: Option<Duration>) -> Error {
    Error::of(kind).with_correlation_id(correlation_id).with_retry_after(retry_after)
}
