//! Deletion of a key. The state machine in [`machine`] decides what to do next. This module sends the requests.

pub mod machine;

use bytes::Bytes;
use http::Request;

use super::operation::{Now, Operation};
use crate::cancel::{Cancellation, or_cancelled};
use crate::domain::KeyId;
use crate::error::{Error, ErrorKind};
use crate::handle::Handle;
use crate::timeouts::Deadline;
use crate::transport::{BodyLimit, Failure};
use crate::wire::{self, Attempt};
use machine::{Action, AttemptOutcome, DeleteMachine, Event};

pub(crate) async fn delete(
    client: &Handle,
    id: KeyId,
    allow_key_in_use: bool,
    mut cancellation: Option<Cancellation>,
) -> Result<(), Error> {
    let request = wire::delete_request(client.base_url(), &id)?;
    let deadline = client.delete_deadline();
    let mut machine = DeleteMachine::new(Operation::of(client, deadline), id, allow_key_in_use);
    let ended = or_cancelled(drive(client, &mut machine, &request, deadline), &mut cancellation).await;
    ended.unwrap_or_else(|| machine.cancel(Now::of(client)))
}

async fn drive(
    client: &Handle,
    machine: &mut DeleteMachine,
    request: &Request<Bytes>,
    deadline: Deadline,
) -> Result<(), Error> {
    let transport = client.transport();
    // The credential of the client when the keys were listed.
    let mut in_use = None;
    // Whether the client has already read another API key during this operation. At most one such replacement is
    // allowed.
    let mut was_replaced = false;
    loop {
        match machine.next(Now::of(client)) {
            Action::List => match client.list_keys(deadline).await {
                Ok(keys) => {
                    in_use = client.credential();
                    machine.on_event(Event::Listed(&keys, in_use.as_ref().map(|credential| &credential.key)));
                }
                Err(error) => machine.on_event(Event::ListFailed(error)),
            },
            Action::Delete => {
                let in_use = in_use.take().expect("the list before it contained the key in use");
                let limit = BodyLimit::OF_KEY_OPERATIONS;
                let mut result = transport.attempt_with(&in_use, request, deadline, limit).await;
                if let (Ok(attempt), false) = (&mut result, was_replaced) {
                    was_replaced = transport.key_after_response(&in_use, attempt, deadline).await.is_some();
                    if was_replaced {
                        machine.on_event(Event::KeyReplaced);
                        continue;
                    }
                }
                machine.on_event(match classify(result) {
                    Ok(()) => Event::Deleted,
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

fn classify(result: Result<Attempt, Failure>) -> Result<(), (AttemptOutcome, Error)> {
    let attempt = result.map_err(|failure| {
        let outcome = match failure.sent {
            true => AttemptOutcome::Ambiguous,
            false if failure.error.is_final() => AttemptOutcome::Refused,
            false => AttemptOutcome::NotSent,
        };
        (outcome, failure.error)
    })?;
    wire::parse_delete(&attempt).map_err(|error| {
        let outcome = match error.kind() {
            _ if attempt.status().is_success() => AttemptOutcome::Ambiguous,
            ErrorKind::Timeout | ErrorKind::Server => AttemptOutcome::Ambiguous,
            ErrorKind::RateLimited => AttemptOutcome::RateLimited,
            ErrorKind::NotFound if error.is_codats_own() => AttemptOutcome::Absent,
            ErrorKind::NotFound => AttemptOutcome::AbsentElsewhere,
            ErrorKind::LastKey => AttemptOutcome::LastKey,
            ErrorKind::Unauthorized | ErrorKind::Forbidden => AttemptOutcome::NoAccess,
            _ => AttemptOutcome::Refused,
        };
        (outcome, error)
    })
}
