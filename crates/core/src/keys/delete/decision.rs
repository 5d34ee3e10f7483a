//! The decision about the next step in deleting a key, as a pure function of the observations.

use std::time::Duration;

use crate::retry::RetryPolicy;

/// The observations so far.
#[derive(Clone, Debug, PartialEq)]
pub struct Observed {
    /// The client authenticates with the key to delete, so 401 and 403 are expected after its deletion.
    is_own: bool,
    in_doubt: bool,
    attempts: u32,
    latest: Latest,
}

#[derive(Clone, Debug, PartialEq)]
enum Latest {
    Nothing,
    Look(Look),
    /// A list directly after an attempt. No further attempt follows.
    LastLook(Look),
    Answer(Answer),
    Waited,
}

/// The result of listing the keys and of checking whether the key may be deleted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Look {
    /// The key exists and may be deleted.
    Allowed,
    /// The key exists and must not be deleted, because it is the last key or the key in use.
    Guarded,
    /// No key has this id.
    Absent,
    /// 401 or 403: Codat rejects the key in use.
    NoAccess,
    /// The list failed for another reason.
    Failed,
}

/// The outcome of an attempt.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Answer {
    /// 204.
    Deleted,
    /// 404 with Codat's JSON.
    Absent,
    /// 404 without Codat's JSON, which does not show whether the key exists.
    AbsentElsewhere,
    /// 409: the key is the last one.
    LastKey,
    /// No byte was sent.
    NotSent,
    /// An ambiguous outcome, and the wait that the response asks for: no response after bytes were sent, 408, 5xx, or
    /// an unexpected 2xx.
    InDoubt(Option<Duration>),
    /// 429, and the wait that it asks for.
    RateLimited(Option<Duration>),
    /// 401 or 403.
    NoAccess,
    /// Any other status, or a connection error that a retry would not avoid.
    Refused,
}

/// The next step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Next {
    /// List the keys and check whether the key may be deleted.
    List,
    /// Send the request.
    Delete,
    /// Wait for this time.
    Wait(Duration),
    /// End the call.
    End(End),
}

/// The result of the call.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum End {
    /// The key was deleted.
    Deleted,
    /// The latest error. It is certain that this call deleted nothing.
    Error,
    /// `OutcomeUnknown`.
    Unknown,
    /// `OutcomeUnknown`, although the key was probably deleted, because it no longer works.
    ProbablyDeleted,
}

impl Observed {
    /// Starts without observations.
    pub fn new() -> Self {
        Self { is_own: false, in_doubt: false, attempts: 0, latest: Latest::Nothing }
    }

    /// Returns whether the key may have been deleted without a response that confirms it.
    pub fn in_doubt(&self) -> bool {
        self.in_doubt
    }

    /// Records that a request is about to be sent. A call that is cancelled from now on is ambiguous. Returns whether
    /// it was ambiguous before.
    pub fn deleting(&mut self) -> bool {
        std::mem::replace(&mut self.in_doubt, true)
    }

    /// Records the outcome of an attempt. `was_in_doubt` is the value that [`Observed::deleting`] returned.
    pub fn answered(&mut self, answer: Answer, was_in_doubt: bool) {
        self.attempts += 1;
        self.in_doubt = was_in_doubt || matches!(answer, Answer::InDoubt(_));
        self.latest = Latest::Answer(answer);
    }

    /// Records the result of a list, and whether the client authenticates with the key to delete.
    pub fn listed(&mut self, look: Look, is_own: bool) {
        self.is_own |= is_own;
        self.latest = match self.latest {
            Latest::Answer(_) => Latest::LastLook(look),
            _ => Latest::Look(look),
        };
    }

    /// Records that Codat rejected the key in use, which changed nothing, and that another key replaced it. The keys
    /// are listed and checked again, because the result depends on the key in use. `was_in_doubt` is the value that
    /// [`Observed::deleting`] returned.
    pub fn key_replaced(&mut self, was_in_doubt: bool) {
        self.in_doubt = was_in_doubt;
        self.latest = Latest::Waited;
    }

    /// Records that a wait is over.
    pub fn waited(&mut self) {
        self.latest = Latest::Waited;
    }
}

impl Default for Observed {
    fn default() -> Self {
        Self::new()
    }
}

/// Returns the next step, given the remaining time, whether it suffices for an attempt, and a random number from 0 up
/// to, but not including, 1.
pub fn decide(observed: &Observed, policy: &RetryPolicy, remaining: Duration, can_send: bool, jitter: f64) -> Next {
    match observed.latest {
        Latest::Nothing | Latest::Waited if remaining.is_zero() => Next::End(unproven(observed)),
        Latest::Nothing | Latest::Waited => Next::List,
        Latest::Look(Look::Allowed) if can_send => Next::Delete,
        Latest::Look(look) | Latest::LastLook(look) => after_look(observed, look),
        Latest::Answer(answer) => after_answer(observed, answer, policy, remaining, jitter),
    }
}

fn after_look(observed: &Observed, look: Look) -> Next {
    match look {
        Look::Absent if observed.in_doubt => Next::End(End::Deleted),
        Look::NoAccess if observed.in_doubt && observed.is_own => Next::End(End::ProbablyDeleted),
        _ => Next::End(unproven(observed)),
    }
}

fn after_answer(observed: &Observed, answer: Answer, policy: &RetryPolicy, remaining: Duration, jitter: f64) -> Next {
    let retry_after = match answer {
        Answer::Deleted => return Next::End(End::Deleted),
        // The list contained the id, so an earlier attempt of this call deleted the key.
        Answer::Absent if observed.in_doubt => return Next::End(End::Deleted),
        Answer::Absent => return Next::End(End::Error),
        // Codat still has the key, but an earlier attempt may still be running and delete it.
        Answer::LastKey => return Next::End(unproven(observed)),
        Answer::NoAccess if observed.in_doubt && observed.is_own => return Next::End(End::ProbablyDeleted),
        Answer::NoAccess | Answer::Refused => return Next::End(unproven(observed)),
        Answer::AbsentElsewhere if observed.in_doubt => None,
        Answer::AbsentElsewhere => return Next::End(End::Error),
        Answer::NotSent => None,
        Answer::InDoubt(retry_after) | Answer::RateLimited(retry_after) => retry_after,
    };
    match policy.backoff(observed.attempts, retry_after, remaining, jitter) {
        Some(wait) => Next::Wait(wait),
        // A final list may show that the key was deleted.
        None if observed.in_doubt && !remaining.is_zero() => Next::List,
        None => Next::End(unproven(observed)),
    }
}

fn unproven(observed: &Observed) -> End {
    if observed.in_doubt { End::Unknown } else { End::Error }
}
