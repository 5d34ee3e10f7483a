//! What was answered under which `Idempotency-Key`: in memory only, and forgotten after 90 minutes.

use std::collections::HashMap;

use axum::body::Bytes;
use jiff::{SignedDuration, Timestamp};

use crate::wire::{Answer, Refusal};

const KEPT_FOR: SignedDuration = SignedDuration::from_mins(90);

#[derive(Default)]
pub(crate) struct Cache {
    first_requests: HashMap<Vec<u8>, First>,
    last_number: u64,
}

/// The first request under a key.
struct First {
    body: Bytes,
    state: State,
}

enum State {
    Running { number: u64 },
    Answered { answer: Answer, at: Timestamp },
}

/// The right to answer first under a key.
pub(crate) struct Claim {
    key: Vec<u8>,
    number: u64,
}

/// What the cache says to a request.
pub(crate) enum Lookup {
    /// It is the first: its answer is to be settled.
    First(Claim),
    Replay(Answer),
    Refused(Refusal),
}

impl Cache {
    pub(crate) fn claim(&mut self, key: &[u8], body: &Bytes, now: Timestamp) -> Lookup {
        self.first_requests.retain(|_, first| match first.state {
            State::Running { .. } => true,
            State::Answered { at, .. } => now.duration_since(at) < KEPT_FOR,
        });
        match self.first_requests.get(key) {
            Some(First { state: State::Running { .. }, .. }) => Lookup::Refused(Refusal::idempotency_conflict()),
            Some(first) if first.body != body => Lookup::Refused(Refusal::idempotency_mismatch()),
            Some(First { state: State::Answered { answer, .. }, .. }) => Lookup::Replay(answer.clone()),
            None => {
                self.last_number += 1;
                let (key, number) = (key.to_vec(), self.last_number);
                let first = First { body: body.clone(), state: State::Running { number } };
                self.first_requests.insert(key.clone(), first);
                Lookup::First(Claim { key, number })
            }
        }
    }

    /// Keeps the first answer, which is no 429: those come before a claim. One that was released meanwhile keeps nothing.
    pub(crate) fn settle(&mut self, claim: Claim, answer: &Answer, now: Timestamp) {
        if let Some(First { state, .. }) = self.first_requests.get_mut(&claim.key)
            && matches!(state, State::Running { number } if *number == claim.number)
        {
            *state = State::Answered { answer: answer.clone(), at: now };
        }
    }

    /// A 429 lets a key go whose first request is still running. An answer that is there stays.
    pub(crate) fn release(&mut self, key: &[u8]) {
        if let Some(First { state: State::Running { .. }, .. }) = self.first_requests.get(key) {
            self.first_requests.remove(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + seconds).unwrap()
    }

    fn first(cache: &mut Cache, now: Timestamp) -> Claim {
        match cache.claim(b"key", &Bytes::from_static(b"{}"), now) {
            Lookup::First(claim) => claim,
            _ => panic!("it is not the first"),
        }
    }

    fn replays(cache: &mut Cache, now: Timestamp) -> bool {
        matches!(cache.claim(b"key", &Bytes::from_static(b"{}"), now), Lookup::Replay(_))
    }

    #[test]
    fn an_answer_is_kept_for_ninety_minutes_after_it_was_given() {
        let mut cache = Cache::default();
        let claim = first(&mut cache, at(0));
        cache.settle(claim, &Answer::empty(StatusCode::CREATED), at(100));
        assert!(replays(&mut cache, at(100 + 5399)));
        first(&mut cache, at(100 + 5400));
    }

    #[test]
    fn a_released_claim_settles_nothing() {
        let mut cache = Cache::default();
        let slow = first(&mut cache, at(0));
        cache.release(b"key");
        let next = first(&mut cache, at(1));
        cache.settle(slow, &Answer::empty(StatusCode::BAD_REQUEST), at(2));
        assert!(!replays(&mut cache, at(3)), "the second is still running");
        cache.settle(next, &Answer::empty(StatusCode::CREATED), at(4));
        cache.release(b"key");
        assert!(replays(&mut cache, at(5)), "a release leaves an answer alone");
    }
}
