//! What was observed on the way to a key, as far as a decision rests on it.

use std::time::Duration;

/// All that a decision rests on.
#[derive(Clone, Debug, PartialEq)]
pub struct Observed {
    /// The caller is the sole creator of keys of this name, so that a new one must be ours.
    pub(super) adopt: bool,
    /// An earlier call may have asked already, under the same idempotency key.
    pub(super) resumed: bool,
    /// Some attempt may have made a key, and no conclusive answer came.
    pub(super) in_doubt: bool,
    /// A 429 came while in doubt: the idempotency key was released although an attempt may still run.
    pub(super) released_in_doubt: bool,
    /// Every further answer to this idempotency key will be the same failure.
    is_spent: bool,
    /// Attempts that count: all but those that found the first one still running.
    pub(super) attempts: u32,
    /// The correlation ids of the failures so far.
    failures: Vec<String>,
    pub(super) latest: Latest,
}

/// The latest observation, and what it was for.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Latest {
    Nothing,
    Answer(Answer),
    /// The wait after an answer is over.
    Waited(Answer),
    /// The first list of all, before any attempt.
    FirstLook(Option<Look>),
    /// A list after an answer, or after the wait that followed it.
    Look {
        after: Answer,
        waited: bool,
        look: Option<Look>,
    },
    /// The wait between two looks is over.
    WaitedForSecondLook(Look),
    SecondLook(Option<Look>),
}

/// What an attempt brought.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// 201 or 200, readable.
    Made,
    /// Not a byte reached the server.
    NotSent,
    /// No answer, or one that cannot be read, after bytes were sent.
    Lost,
    /// 429, and the wait that it asks for.
    RateLimited(Option<Duration>),
    /// 409: ten keys.
    AtLimit,
    /// 409: an attempt under this idempotency key is still running.
    StillRunning,
    /// 408 or 5xx, its correlation id, and the wait that it asks for.
    Failed(Option<String>, Option<Duration>),
    /// The same failure once more: Codat's cache replays it.
    FailedForGood,
    /// 400 with Codat's JSON.
    Invalid,
    /// 422: the idempotency key went with another body before.
    Mismatch,
    /// Any other status.
    Refused,
}

/// What a list showed. A failed list is no look.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Look {
    /// How many keys there are.
    pub keys: usize,
    /// How many of them may be ours: of the name, and new.
    pub candidates: usize,
    /// How many of those a sole creator may take for its own: not dated long before the idempotency key.
    pub adoptable: usize,
}

impl Observed {
    /// Nothing yet. A resumed call starts in doubt.
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

    /// Whether a key may have been made that nobody was told of.
    pub fn in_doubt(&self) -> bool {
        self.in_doubt
    }

    /// Whether asking again under this idempotency key would bring the same failure.
    pub fn is_spent(&self) -> bool {
        self.is_spent
    }

    /// Records that a request is about to leave: whoever stops the call now leaves it in doubt.
    pub fn posting(&mut self) -> bool {
        std::mem::replace(&mut self.in_doubt, true)
    }

    /// Records what a request brought. `was_in_doubt` is what [`Observed::posting`] returned.
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

    /// Records what a list showed, or that it failed.
    pub fn listed(&mut self, look: Option<Look>) {
        self.latest = match std::mem::replace(&mut self.latest, Latest::Nothing) {
            Latest::Answer(after) => Latest::Look { after, waited: false, look },
            Latest::Waited(after) => Latest::Look { after, waited: true, look },
            Latest::WaitedForSecondLook(_) => Latest::SecondLook(look),
            _ => Latest::FirstLook(look),
        };
    }
}
