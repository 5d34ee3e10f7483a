//! What to do next in order to create exactly one key: a pure function of what was observed.
//!
//! The rules come from Codat's pages on idempotency and errors: the first answer to an idempotency key is replayed for
//! 90 minutes, 5xx included; 429 alone releases it. That `POST /apiKeys` honours it is assumed: the lists are a second net.

use std::time::Duration;

use crate::retry::Policy;
use crate::rules;

/// An idempotency key older than this is not sent any more: Codat forgets it after 90 minutes.
pub const OLDEST_IDEMPOTENCY_KEY: Duration = Duration::from_secs(85 * 60);

/// The least time between the two lists that show that a failed request made nothing.
pub const BETWEEN_LOOKS: Duration = Duration::from_secs(2);

/// With less than that left of the call's time no attempt is begun: its answer would hardly come in time.
pub const LEAST_TIME: Duration = Duration::from_millis(250);

/// All that a decision rests on.
#[derive(Clone, Debug, PartialEq)]
pub struct Observed {
    /// The caller is the sole creator of keys of this name, so that a new one must be ours.
    adopt: bool,
    /// An earlier call may have asked already, under the same idempotency key.
    resumed: bool,
    /// Some attempt may have made a key, and no conclusive answer came.
    in_doubt: bool,
    /// A 429 came while in doubt: the idempotency key was released although an attempt may still run.
    released_in_doubt: bool,
    /// Attempts that count: all but those that found the first one still running.
    attempts: u32,
    /// The correlation ids of the failures so far.
    failures: Vec<String>,
    latest: Latest,
}

/// The latest observation, and what it was for.
#[derive(Clone, Debug, PartialEq)]
enum Latest {
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
    /// 408 or 5xx, and its correlation id.
    Failed(Option<String>),
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
}

/// What the decision may know of time and chance.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    /// What is left of the call's time.
    pub remaining: Duration,
    /// How old the idempotency key is.
    pub age: Duration,
    /// A number from 0 up to, but not including, 1.
    pub chance: f64,
}

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Next {
    /// List the keys.
    List,
    /// Send the request, always with the same idempotency key and the same bytes.
    Post,
    /// Wait.
    Wait(Duration),
    /// The call is over.
    End(End),
}

/// How a call ends.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum End {
    /// With the key that the answer held.
    Made,
    /// With the one candidate, because the caller is the sole creator.
    Adopt,
    /// With the latest error, which proves that nothing was made.
    Error,
    /// With `KeyLimitReached`.
    LimitReached,
    /// With `OutcomeUnknown`.
    Unknown,
    /// With `OutcomeUnknown`, most likely nothing was made.
    MostLikelyNothing,
}

impl Observed {
    /// Nothing yet. A resumed call starts in doubt.
    pub fn new(adopt: bool, resumed: bool) -> Self {
        Self {
            adopt,
            resumed,
            in_doubt: resumed,
            released_in_doubt: false,
            attempts: 0,
            failures: Vec::new(),
            latest: Latest::Nothing,
        }
    }

    /// Whether a key may have been made that nobody was told of.
    pub fn in_doubt(&self) -> bool {
        self.in_doubt
    }

    /// Records that a request is about to leave: whoever stops the call now leaves it in doubt.
    pub fn posting(&mut self) -> bool {
        std::mem::replace(&mut self.in_doubt, true)
    }

    /// Records what a request brought. `was_in_doubt` is what [`Observed::posting`] returned.
    pub fn answered(&mut self, answer: Answer, was_in_doubt: bool) {
        let replayed = matches!(&answer, Answer::Failed(Some(id)) if self.failures.contains(id));
        let answer = if replayed { Answer::FailedForGood } else { answer };
        if answer != Answer::StillRunning {
            self.attempts += 1;
        }
        if let Answer::Failed(Some(id)) = &answer {
            self.failures.push(id.clone());
        }
        let doubtful = matches!(
            answer,
            Answer::Lost | Answer::StillRunning | Answer::Failed(_) | Answer::FailedForGood | Answer::Mismatch
        );
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

/// The next step.
pub fn decide(observed: &Observed, policy: &Policy, now: Now) -> Next {
    match &observed.latest {
        Latest::Nothing if observed.resumed && now.age < OLDEST_IDEMPOTENCY_KEY => Next::Post,
        Latest::Nothing => Next::List,
        Latest::FirstLook(look) => after_first_look(observed, *look, now),
        Latest::Answer(answer) => after_answer(observed, answer, policy, now),
        Latest::Waited(Answer::RateLimited(_)) if observed.in_doubt => look(now),
        Latest::Waited(_) => post(observed, now),
        Latest::Look { after: Answer::RateLimited(_), waited: true, look: Some(look) } => {
            verdict(observed, Some(*look)).map_or_else(|| post(observed, now), Next::End)
        }
        Latest::Look { after, look, .. } => after_look(observed, after, *look, now),
        Latest::WaitedForSecondLook(_) => look(now),
        Latest::SecondLook(look) => Next::End(verdict(observed, *look).unwrap_or(match look {
            Some(_) => End::MostLikelyNothing,
            None => End::Unknown,
        })),
    }
}

fn after_first_look(observed: &Observed, look: Option<Look>, now: Now) -> Next {
    match look {
        // Only a resume whose idempotency key is too old lists before anything else.
        _ if observed.resumed => Next::End(verdict(observed, look).unwrap_or(End::Unknown)),
        None => Next::End(End::Error),
        Some(look) if rules::is_full(look.keys) => Next::End(End::LimitReached),
        Some(_) => post(observed, now),
    }
}

fn after_answer(observed: &Observed, answer: &Answer, policy: &Policy, now: Now) -> Next {
    match answer {
        Answer::Made if observed.in_doubt => look_or(now, End::Made),
        Answer::Made => Next::End(End::Made),
        Answer::Invalid => Next::End(End::Error),
        // The answer proves that nothing was made under this idempotency key, unless that was released in between, or
        // belongs to an earlier call of which we know nothing.
        Answer::AtLimit if observed.resumed || observed.released_in_doubt => look(now),
        Answer::AtLimit => Next::End(End::LimitReached),
        Answer::StillRunning => {
            let wait = Duration::from_secs(1) + Duration::from_secs(4).mul_f64(now.chance);
            if wait < now.remaining { Next::Wait(wait) } else { give_up(observed, now) }
        }
        Answer::NotSent | Answer::Lost | Answer::Failed(_) => back_off(observed, None, policy, now),
        Answer::RateLimited(retry_after) => back_off(observed, *retry_after, policy, now),
        Answer::FailedForGood | Answer::Mismatch => look(now),
        Answer::Refused => give_up(observed, now),
    }
}

fn after_look(observed: &Observed, answer: &Answer, look: Option<Look>, now: Now) -> Next {
    match answer {
        Answer::Made => Next::End(End::Made),
        Answer::Mismatch => Next::End(End::Unknown),
        Answer::FailedForGood if look.is_some() => match verdict(observed, look) {
            Some(end) => Next::End(end),
            None if BETWEEN_LOOKS < now.remaining => Next::Wait(BETWEEN_LOOKS),
            None => Next::End(End::Unknown),
        },
        _ => Next::End(verdict(observed, look).unwrap_or(End::Unknown)),
    }
}

fn back_off(observed: &Observed, retry_after: Option<Duration>, policy: &Policy, now: Now) -> Next {
    match policy.wait(observed.attempts, retry_after, now.remaining, now.chance) {
        Some(wait) => Next::Wait(wait),
        None => give_up(observed, now),
    }
}

/// No further attempt. What nobody doubts is the error itself; else a last look tells the candidates.
fn give_up(observed: &Observed, now: Now) -> Next {
    if observed.in_doubt { look(now) } else { Next::End(End::Error) }
}

fn post(observed: &Observed, now: Now) -> Next {
    if now.age < OLDEST_IDEMPOTENCY_KEY && now.remaining >= LEAST_TIME { Next::Post } else { give_up(observed, now) }
}

fn look(now: Now) -> Next {
    look_or(now, End::Unknown)
}

fn look_or(now: Now, end: End) -> Next {
    if now.remaining.is_zero() { Next::End(end) } else { Next::List }
}

/// What a look proves: a plain name never that a key is ours, unless the caller says that nobody else makes any.
fn verdict(observed: &Observed, look: Option<Look>) -> Option<End> {
    match look?.candidates {
        0 => None,
        1 if observed.adopt => Some(End::Adopt),
        _ => Some(End::Unknown),
    }
}
