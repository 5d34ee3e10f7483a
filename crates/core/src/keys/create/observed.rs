//! The observations on which the decision about the next step depends.

use std::time::Duration;

/// The observations so far.
#[derive(Clone, Debug, PartialEq)]
pub struct Observed {
    /// The caller is the sole creator of keys with this name, so a new one must be the requested one.
    pub(super) adopt: bool,
    /// An earlier call may have sent the request under the same idempotency key.
    pub(super) resumed: bool,
    /// An attempt may have created a key, and there was no conclusive response.
    pub(super) in_doubt: bool,
    /// A 429 released the idempotency key, although an earlier attempt may still be running.
    pub(super) released_in_doubt: bool,
    /// Every further response to this idempotency key will be the same failure.
    is_spent: bool,
    /// The number of attempts, except for those that found an earlier one still running.
    pub(super) attempts: u32,
    /// The correlation ids of the failed responses so far.
    failures: Vec<String>,
    pub(super) latest: Latest,
}

/// The latest observation, and what preceded it.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Latest {
    Nothing,
    Answer(Answer),
    /// The wait after an attempt is over.
    Waited(Answer),
    /// The list before the first attempt. `None` if it failed.
    FirstLook(Option<Look>),
    /// A list after an attempt, or after the wait that followed the attempt.
    Look {
        after: Answer,
        waited: bool,
        look: Option<Look>,
    },
    /// The wait between two lists is over.
    WaitedForSecondLook(Look),
    SecondLook(Option<Look>),
}

/// The outcome of an attempt.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// 201 or 200 with a valid body.
    Made,
    /// No byte was sent.
    NotSent,
    /// Bytes were sent, and there was no response, or an invalid one.
    Lost,
    /// 429, and the wait that it asks for.
    RateLimited(Option<Duration>),
    /// 409: the Codat client has ten keys.
    AtLimit,
    /// 409: an attempt under this idempotency key is still running.
    StillRunning,
    /// 408 or 5xx, its correlation id, and the wait that it asks for.
    Failed(Option<String>, Option<Duration>),
    /// The same failure again, which Codat replays from its cache.
    FailedForGood,
    /// 400 with Codat's JSON.
    Invalid,
    /// 422: the idempotency key was sent with another body before.
    Mismatch,
    /// Any other status, or a connection error that a retry would not avoid.
    Refused,
}

/// The content of a list, as far as the decision depends on it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Look {
    /// The number of keys.
    pub keys: usize,
    /// The number of keys that may be the requested one: new keys with its name.
    pub candidates: usize,
    /// The number of candidates that a sole creator can adopt: those that are not dated long before the idempotency
    /// key.
    pub adoptable: usize,
}

impl Observed {
    /// Starts without observations. A resumed call is ambiguous from its start.
    pub fn new(adopt: bool, resumed: bool) -> Self {
        Self {
            adopt,
            resumed,
            in_doubt: resumed,
            released_in_doubt: false,
            is_spent: false,
            attempts: 0,
            failures: Vec::new(),
            latest: Latest::Nothing,
        }
    }

    /// Returns whether a key may have been created without a response that contains it.
    pub fn in_doubt(&self) -> bool {
        self.in_doubt
    }

    /// Returns whether a retry with this idempotency key would receive the same failure.
    pub fn is_spent(&self) -> bool {
        self.is_spent
    }

    /// Records that a request is about to be sent. A call that is cancelled from now on is ambiguous. Returns whether
    /// it was ambiguous before.
    pub fn posting(&mut self) -> bool {
        std::mem::replace(&mut self.in_doubt, true)
    }

    /// Records the outcome of an attempt. `was_in_doubt` is the value that [`Observed::posting`] returned.
    pub fn answered(&mut self, answer: Answer, was_in_doubt: bool) {
        let replayed = matches!(&answer, Answer::Failed(Some(id), _) if self.failures.contains(id));
        let answer = if replayed { Answer::FailedForGood } else { answer };
        if answer != Answer::StillRunning {
            self.attempts += 1;
        }
        if let Answer::Failed(Some(id), _) = &answer {
            self.failures.push(id.clone());
        }
        let doubtful = matches!(
            answer,
            Answer::Lost | Answer::StillRunning | Answer::Failed(..) | Answer::FailedForGood | Answer::Mismatch
        );
        self.is_spent |= matches!(answer, Answer::FailedForGood | Answer::Mismatch);
        self.in_doubt = was_in_doubt || doubtful;
        self.released_in_doubt |= was_in_doubt && matches!(answer, Answer::RateLimited(_));
        self.latest = Latest::Answer(answer);
    }

    /// Records that a wait is over.
    pub fn waited(&mut self) {
        self.latest = match std::mem::replace(&mut self.latest, Latest::Nothing) {
            Latest::Answer(answer) => Latest::Waited(answer),
            Latest::Look { look: Some(look), .. } => Latest::WaitedForSecondLook(look),
            other => other,
        };
    }

    /// Records the content of a list, or `None` if the list failed.
    pub fn listed(&mut self, look: Option<Look>) {
        self.latest = match std::mem::replace(&mut self.latest, Latest::Nothing) {
            Latest::Answer(after) => Latest::Look { after, waited: false, look },
            Latest::Waited(after) => Latest::Look { after, waited: true, look },
            Latest::WaitedForSecondLook(_) => Latest::SecondLook(look),
            _ => Latest::FirstLook(look),
        };
    }
}
