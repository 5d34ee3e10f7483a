//! What to do next in order to delete a key for sure: a pure function of what was observed.

use std::time::Duration;

use crate::retry::RetryPolicy;

/// All that a decision rests on.
#[derive(Clone, Debug, PartialEq)]
pub struct Observed {
    /// The key to delete makes the call itself: afterwards 401 and 403 are to be expected.
    is_own: bool,
    in_doubt: bool,
    attempts: u32,
    latest: Latest,
}

#[derive(Clone, Debug, PartialEq)]
enum Latest {
    Nothing,
    Look(Look),
    /// A look without a wait before it: no further attempt follows.
    LastLook(Look),
    Answer(Answer),
    Waited,
}

/// What a list and the guards say.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Look {
    /// The key is there and may be deleted.
    Allowed,
    /// The key is there, and a guard refuses.
    Guarded,
    /// No key has this id.
    Absent,
    /// 401 or 403: the key that makes the call does not work.
    NoAccess,
    /// The list failed in another way.
    Failed,
}

/// What an attempt brought.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Answer {
    /// 204.
    Deleted,
    /// 404 with Codat's JSON.
    Absent,
    /// 404 of somebody else, which proves nothing.
    AbsentElsewhere,
    /// 409: it is the last key.
    LastKey,
    /// Not a byte reached the server.
    NotSent,
    /// No answer after bytes were sent, 408 or 5xx, or a 2xx that is no proof; and the wait that it asks for.
    InDoubt(Option<Duration>),
    /// 429, and the wait that it asks for.
    RateLimited(Option<Duration>),
    /// 401 or 403.
    NoAccess,
    /// Any other status.
    Refused,
}

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Next {
    /// List the keys and apply the guards.
    List,
    /// Send the request.
    Delete,
    /// Wait.
    Wait(Duration),
    /// The call is over.
    End(End),
}

/// How a call ends.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum End {
    /// The key is gone.
    Deleted,
    /// With the latest error, which proves that nothing was deleted by us.
    Error,
    /// With `OutcomeUnknown`.
    Unknown,
    /// With `OutcomeUnknown`, probably deleted: the key's own access is gone.
    ProbablyDeleted,
}

impl Observed {
    /// Nothing yet.
    pub fn new() -> Self {
        Self { is_own: false, in_doubt: false, attempts: 0, latest: Latest::Nothing }
    }

    /// Whether the key may have been deleted without anybody being told.
    pub fn in_doubt(&self) -> bool {
        self.in_doubt
    }

    /// Records that a request is about to leave: whoever stops the call now leaves it in doubt.
    pub fn deleting(&mut self) -> bool {
        std::mem::replace(&mut self.in_doubt, true)
    }

    /// Records what a request brought. `was_in_doubt` is what [`Observed::deleting`] returned.
    pub fn answered(&mut self, answer: Answer, was_in_doubt: bool) {
        self.attempts += 1;
        self.in_doubt = was_in_doubt || matches!(answer, Answer::InDoubt(_));
        self.latest = Latest::Answer(answer);
    }

    /// Records what a list and the guards say, and whether the key to delete is the one in use.
    pub fn listed(&mut self, look: Look, is_own: bool) {
        self.is_own |= is_own;
        self.latest = match self.latest {
            Latest::Answer(_) => Latest::LastLook(look),
            _ => Latest::Look(look),
        };
    }

    /// Records that the key that makes the call was refused, which changed nothing, and that another one took its place:
    /// for which the guards may say something else. `was_in_doubt` is what [`Observed::deleting`] returned.
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

/// The next step, given what is left of the call's time, whether that is enough to send, and a number from 0 up to, but
/// not including, 1.
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
        // The list showed the id, so that an attempt of ours is what took it away.
        Answer::Absent if observed.in_doubt => return Next::End(End::Deleted),
        Answer::Absent => return Next::End(End::Error),
        // Codat still has the key. An attempt of ours that is under way may yet take it.
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
        // A last look may show that it is gone.
        None if observed.in_doubt && !remaining.is_zero() => Next::List,
        None => Next::End(unproven(observed)),
    }
}

fn unproven(observed: &Observed) -> End {
    if observed.in_doubt { End::Unknown } else { End::Error }
}
