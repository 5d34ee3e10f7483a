//! The cache of responses by idempotency key. Responses expire after 90 minutes. The cache is in memory only, and keeps
//! the latest 10,000 responses.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher as _, RandomState};

use axum::body::Bytes;
use jiff::{SignedDuration, Timestamp};

use crate::wire::{ApiError, ApiResponse};

const TIME_TO_LIVE: SignedDuration = SignedDuration::from_mins(90);

const MAX_RESPONSES: usize = 10_000;

#[derive(Default)]
pub(crate) struct IdempotencyCache {
    first_requests: HashMap<Vec<u8>, FirstRequest>,
    /// The idempotency keys for which a response is stored. The key of the oldest response comes first.
    answered: VecDeque<Vec<u8>>,
    last_number: u64,
    hasher: RandomState,
}

/// The first request with an idempotency key. After the request has ended, `state` contains the response.
struct FirstRequest {
    /// A hash of the request body. The body itself is not stored, because it can be a megabyte long.
    body: u64,
    state: State,
}

enum State {
    Running { number: u64 },
    Answered { response: ApiResponse, at: Timestamp },
}

/// The permission to store a response under an idempotency key. Only the first request with an idempotency key gets a
/// claim.
pub(crate) struct Claim {
    key: Vec<u8>,
    number: u64,
}

/// The result of looking up the idempotency key of a request in the cache.
pub(crate) enum Lookup {
    /// The request is the first one with its idempotency key. After the request was performed,
    /// [`IdempotencyCache::store`] needs this claim to store the response.
    Claimed(Claim),
    /// The first request with the idempotency key has ended with this response.
    Replay(ApiResponse),
    Rejected(ApiError),
}

impl IdempotencyCache {
    pub(crate) fn claim(&mut self, key: &[u8], body: &Bytes, now: Timestamp) -> Lookup {
        self.remove_expired(now);
        let body = self.hasher.hash_one(body);
        match self.first_requests.get(key) {
            Some(FirstRequest { state: State::Running { .. }, .. }) => {
                Lookup::Rejected(ApiError::idempotency_conflict())
            }
            Some(first) if first.body != body => Lookup::Rejected(ApiError::idempotency_mismatch()),
            Some(FirstRequest { state: State::Answered { response, .. }, .. }) => Lookup::Replay(response.clone()),
            None => {
                self.last_number += 1;
                let (key, number) = (key.to_vec(), self.last_number);
                let first = FirstRequest { body, state: State::Running { number } };
                self.first_requests.insert(key.clone(), first);
                Lookup::Claimed(Claim { key, number })
            }
        }
    }

    /// Stores the response of the first request with an idempotency key. Has no effect if [`release`](Self::release)
    /// has removed the idempotency key after `claim` was issued.
    ///
    /// A request that gets a 429 has no claim, so a 429 is never stored.
    pub(crate) fn store(&mut self, claim: Claim, response: &ApiResponse, now: Timestamp) {
        if let Some(FirstRequest { state, .. }) = self.first_requests.get_mut(&claim.key)
            && matches!(state, State::Running { number } if *number == claim.number)
        {
            *state = State::Answered { response: response.clone(), at: now };
            self.answered.push_back(claim.key);
        }
    }

    /// Removes the responses that have expired. If the cache is full, also removes the oldest response. Keeps the
    /// entries of running requests. The limits on connections and on delayed requests limit the number of these
    /// entries.
    fn remove_expired(&mut self, now: Timestamp) {
        while let Some(oldest) = self.answered.front() {
            let is_expired = match self.first_requests.get(oldest) {
                Some(FirstRequest { state: State::Answered { at, .. }, .. }) => now.duration_since(*at) >= TIME_TO_LIVE,
                _ => true,
            };
            if !is_expired && self.answered.len() < MAX_RESPONSES {
                break;
            }
            self.first_requests.remove(oldest);
            self.answered.pop_front();
        }
    }

    /// Removes an idempotency key from the cache if the first request with this idempotency key is still running. The
    /// next request with this idempotency key is then performed as a first request.
    ///
    /// The emulator calls this method when a second request with the idempotency key gets a 429.
    pub(crate) fn release(&mut self, key: &[u8]) {
        if let Some(FirstRequest { state: State::Running { .. }, .. }) = self.first_requests.get(key) {
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

    fn first(cache: &mut IdempotencyCache, now: Timestamp) -> Claim {
        match cache.claim(b"key", &Bytes::from_static(b"{}"), now) {
            Lookup::Claimed(claim) => claim,
            _ => panic!("the key is in use"),
        }
    }

    fn replays(cache: &mut IdempotencyCache, now: Timestamp) -> bool {
        matches!(cache.claim(b"key", &Bytes::from_static(b"{}"), now), Lookup::Replay(_))
    }

    #[test]
    fn a_response_expires_after_ninety_minutes() {
        let mut cache = IdempotencyCache::default();
        let claim = first(&mut cache, at(0));
        cache.store(claim, &ApiResponse::empty(StatusCode::CREATED), at(100));
        assert!(replays(&mut cache, at(100 + 5399)));
        first(&mut cache, at(100 + 5400));
    }

    #[test]
    fn the_oldest_response_is_removed_when_the_cache_is_full() {
        let mut cache = IdempotencyCache::default();
        let running = first(&mut cache, at(0));
        for number in 0..2 * MAX_RESPONSES {
            let Lookup::Claimed(claim) = cache.claim(number.to_string().as_bytes(), &Bytes::from_static(b"{}"), at(1))
            else {
                panic!("{number} is in use")
            };
            cache.store(claim, &ApiResponse::empty(StatusCode::CREATED), at(1));
        }
        assert!(cache.first_requests.len() <= MAX_RESPONSES + 1);
        cache.store(running, &ApiResponse::empty(StatusCode::CREATED), at(2));
        assert!(replays(&mut cache, at(3)), "a request that is running is not removed");
    }

    #[test]
    fn a_released_claim_stores_no_response() {
        let mut cache = IdempotencyCache::default();
        let slow = first(&mut cache, at(0));
        cache.release(b"key");
        let next = first(&mut cache, at(1));
        cache.store(slow, &ApiResponse::empty(StatusCode::BAD_REQUEST), at(2));
        assert!(!replays(&mut cache, at(3)), "the second request is still running");
        cache.store(next, &ApiResponse::empty(StatusCode::CREATED), at(4));
        cache.release(b"key");
        assert!(replays(&mut cache, at(5)), "a stored response is not released");
    }
}
