//! The state [`State::Probe`]: Codat must accept the new key before a program gets it.

use std::time::Duration;

use super::action::{Caller, Failure, FailureKind, Stop};
use super::process::{Process, contains, unfinished};
use crate::event::RotationEvent;
use crate::record::State;

/// The number of consecutive list requests that must succeed with the new key.
const SUCCESSES: u32 = 3;

impl Process {
    pub(super) async fn probe(&mut self) -> Result<(), Stop> {
        let started = self.port.now();
        let (mut successes, mut failures) = (0, 0);
        while successes < SUCCESSES {
            let Err(failure) = self.probe_once().await else {
                successes += 1;
                if successes < SUCCESSES {
                    self.wait(Duration::from_millis(500)).await;
                }
                continue;
            };
            successes = 0;
            failures += 1;
            let elapsed = Duration::try_from(self.port.now().duration_since(started)).unwrap_or_default();
            if elapsed >= self.config.probe_timeout {
                return self.probe_failed(failure).await;
            }
            self.wait_after(failures, &failure.message).await;
        }
        self.port.emit(RotationEvent::Probed);
        self.enter(State::Deliver).await;
        Ok(())
    }

    async fn probe_once(&mut self) -> Result<(), Failure> {
        let new = self.new_key();
        let mut result = self.list(Caller::Key(new.clone())).await;
        if result.as_ref().is_err_and(|failure| failure.kind == FailureKind::UnknownSecret) {
            // The value of the new key is not known, because another process created the key. A list that authenticates
            // with the old key contains the value.
            let keys = self.list(Caller::Key(self.old())).await?;
            if !contains(&keys, &new) {
                return Err(missing());
            }
            result = self.list(Caller::Key(new.clone())).await;
        }
        if contains(&result?, &new) { Ok(()) } else { Err(missing()) }
    }

    async fn probe_failed(&mut self, failure: Failure) -> Result<(), Stop> {
        if matches!(failure.kind, FailureKind::Rejected | FailureKind::Permanent) {
            return self.fail(format!("the new key does not work: {}", failure.message), failure.cause).await;
        }
        Err(unfinished(format!("the new key could not be tried: {}", failure.message), failure.cause))
    }
}

fn missing() -> Failure {
    let message = "the list of keys does not contain the new key".into();
    Failure { kind: FailureKind::Rejected, message, cause: None }
}
