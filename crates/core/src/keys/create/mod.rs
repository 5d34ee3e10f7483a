//! Creation of exactly one key. The driver performs the steps that the pure function in [`decision`] returns.

mod classification;
mod creation;
pub mod decision;
pub mod observed;

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use jiff::Timestamp;

use crate::cancel::{Cancellation, or_cancelled};
use crate::domain::{ApiKeyDetails, CLOCK_SKEW, KeyName, Outcome, mask_credentials, rules};
use crate::error::{Error, ErrorKind};
use crate::handle::Handle;
use crate::timeouts::Deadline;
use crate::wire::{self, idempotency_key};
use classification::classify;
use decision::{Action, Completion, Context, OLDEST_IDEMPOTENCY_KEY, decide};
use observed::{AttemptOutcome, Listing, Observed};

pub use creation::{Creation, How};

pub(crate) struct CreateOptions {
    pub(crate) name: KeyName,
    pub(crate) adopt: bool,
    pub(crate) idempotency_key: Option<String>,
}

impl fmt::Debug for CreateOptions {
    /// Masks an idempotency key that looks like a credential, because the caller may have passed a credential by
    /// mistake.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CreateOptions")
            .field("name", &self.name)
            .field("adopt", &self.adopt)
            .field("idempotency_key", &self.idempotency_key.as_deref().map(mask_credentials))
            .finish()
    }
}

pub(crate) async fn create(
    client: &Handle,
    options: CreateOptions,
    cancellation: Option<Cancellation<'_>>,
) -> Result<Creation, Error> {
    let mut driver = Driver::new(client, options)?;
    let ended = or_cancelled(driver.run(), cancellation).await;
    ended.unwrap_or_else(|| driver.cancelled())
}

struct Driver<'a> {
    client: &'a Handle,
    name: KeyName,
    idempotency_key: String,
    /// The creation time of the idempotency key, which is the time of the first attempt.
    since: Timestamp,
    request: Request<Bytes>,
    deadline: Deadline,
    observed: Observed,
    resumed: bool,
    /// The keys in the listing before the first attempt. `None` if the operation was resumed. A resumed operation
    /// recognizes new keys by their dates.
    before: Option<Vec<ApiKeyDetails>>,
    made: Option<ApiKeyDetails>,
    candidates: Option<Vec<ApiKeyDetails>>,
    error: Option<Error>,
    /// The error of the check after the first listing. The request is then not sent.
    refused: Option<Error>,
}

impl<'a> Driver<'a> {
    fn new(client: &'a Handle, options: CreateOptions) -> Result<Self, Error> {
        if client.known_keys().occur_in(options.name.as_str()) {
            return Err(name_holds_a_key());
        }
        let resumed = options.idempotency_key.is_some();
        let key = match &options.idempotency_key {
            Some(key) => idempotency_key::parse(key)?,
            None => idempotency_key::generate(),
        };
        let idempotency_key = key.to_string();
        Ok(Self {
            client,
            since: idempotency_key::timestamp(key)?,
            request: wire::create_request(client.base_url(), &options.name, &idempotency_key)?,
            name: options.name,
            idempotency_key,
            deadline: client.create_deadline(),
            observed: Observed::new(options.adopt, resumed),
            resumed,
            before: None,
            made: None,
            candidates: None,
            error: None,
            refused: None,
        })
    }

    async fn run(&mut self) -> Result<Creation, Error> {
        loop {
            let context = Context {
                remaining: self.client.transport().remaining(self.deadline),
                age: self.age(),
                can_send: self.client.transport().can_send(self.deadline),
                jitter: self.client.retry().rng.jitter(),
            };
            match decide(&self.observed, &self.client.retry().policy, context) {
                Action::List => {
                    self.list().await;
                    if let Some(refused) = self.refused.take() {
                        return Err(refused);
                    }
                }
                Action::Post => self.post().await,
                Action::Wait(time) => {
                    self.client.transport().sleep(time).await;
                    self.observed.waited();
                }
                Action::Complete(completion) => return self.complete(completion),
            }
        }
    }

    /// Returns the age of the idempotency key. If its time is in the future, a clock is wrong and Codat may have
    /// received the idempotency key at any time, so it counts as too old.
    fn age(&self) -> Duration {
        let age = Timestamp::now().duration_since(self.since);
        match Duration::try_from(age) {
            Ok(age) => age,
            Err(_) if age.unsigned_abs() <= CLOCK_SKEW => Duration::ZERO,
            Err(_) => OLDEST_IDEMPOTENCY_KEY,
        }
    }

    async fn list(&mut self) {
        // If the key is already known, this listing only provides the extra keys of the result, so its timeout is
        // short.
        let listed = match self.made {
            Some(_) => self.client.list_keys_once().await,
            None => self.client.list_keys(self.deadline).await,
        };
        let keys = match listed {
            Ok(keys) => keys,
            Err(error) => {
                self.observed.listed(None);
                self.candidates = None;
                self.error.get_or_insert(error);
                return;
            }
        };
        let total = rules::count(&keys);
        let is_first = self.before.is_none() && !self.resumed;
        if is_first {
            if self.client.known_keys().occur_in(self.name.as_str()) {
                self.refused = Some(name_holds_a_key());
            }
            self.before = Some(keys);
            return self.observed.listed(Some(Listing { keys: total, candidates: 0, adoptable: 0 }));
        }
        let candidates: Vec<_> = keys.into_iter().filter(|key| self.is_candidate(key)).collect();
        let adoptable = candidates.iter().filter(|key| self.is_adoptable(key)).count();
        self.observed.listed(Some(Listing { keys: total, candidates: candidates.len(), adoptable }));
        self.candidates = Some(candidates);
    }

    async fn post(&mut self) {
        // Candidates from a listing before this attempt do not show the outcome of the attempt.
        self.candidates = None;
        let was_ambiguous = self.observed.posting();
        let result = self.client.transport().attempt(&self.request, self.deadline).await;
        let (outcome, error) = match classify(result) {
            Ok(key) if self.is_another(&key) => {
                let error =
                    Error::new(ErrorKind::BadResponse, "the response describes another key than the requested one");
                (AttemptOutcome::Lost, Some(error))
            }
            Ok(key) => {
                self.made = Some(key);
                (AttemptOutcome::Created, None)
            }
            Err((outcome, error)) => (outcome, Some(error)),
        };
        self.observed.attempted(outcome, was_ambiguous);
        self.error = error;
    }

    /// Returns whether a listed key is a candidate: it is new and has the requested name. A candidate may still be a
    /// key of another program that uses the same name.
    fn is_candidate(&self, key: &ApiKeyDetails) -> bool {
        let is_new = match &self.before {
            Some(before) => !before.iter().any(|old| old.id == key.id),
            None => self.is_adoptable(key),
        };
        key.is_named(self.name.as_str()) && is_new
    }

    /// Returns whether this operation may have created the key, judging by the date of the key. If the first listing
    /// was stale, older keys appear to be new, but their dates show that they are older.
    fn is_adoptable(&self, key: &ApiKeyDetails) -> bool {
        key.created_date.is_none_or(|date| date >= self.since - CLOCK_SKEW)
    }

    /// Returns whether the response contains a different key from the requested one: a key that existed before, or a
    /// key with another name. A cache between the client and Codat may send such a response.
    fn is_another(&self, key: &ApiKeyDetails) -> bool {
        let was_there = self.before.as_ref().is_some_and(|before| before.iter().any(|old| old.id == key.id));
        was_there || key.name.as_ref().is_some_and(|name| name.unredacted().trim() != self.name.as_str().trim())
    }

    fn complete(&mut self, completion: Completion) -> Result<Creation, Error> {
        let last_error = self.error.take();
        match completion {
            Completion::Created => self.made.take().map(|key| self.creation(key)).ok_or_else(lost_track),
            Completion::Adopt => match self.candidates.take().and_then(|candidates| candidates.into_iter().next()) {
                Some(key) => Ok(Creation { key, how: How::Adopted, extras: Some(Vec::new()) }),
                None => Err(lost_track()),
            },
            Completion::Error => Err(last_error.unwrap_or_else(no_time_left)),
            Completion::LimitReached => Err(last_error.unwrap_or_else(|| Error::of(ErrorKind::KeyLimitReached))),
            Completion::Unknown => Err(self.unknown(last_error.unwrap_or_else(|| self.too_old()))),
            Completion::MostLikelyNothing => {
                Err(self.unknown(last_error.unwrap_or_else(lost_track)).but_most_likely_nothing())
            }
        }
    }

    fn creation(&mut self, key: ApiKeyDetails) -> Creation {
        if !self.observed.is_ambiguous() {
            return Creation { key, how: How::Created, extras: Some(Vec::new()) };
        }
        let mut extras = self.candidates.take();
        if let Some(extras) = &mut extras {
            extras.retain(|extra| extra.id != key.id);
        }
        Creation { key, how: How::Replayed, extras }
    }

    /// Returns the result of a cancelled operation: the key, if it is already known, or an error.
    fn cancelled(&mut self) -> Result<Creation, Error> {
        if let Some(key) = self.made.take() {
            return Ok(self.creation(key));
        }
        let cancelled = Error::of(ErrorKind::Cancelled);
        Err(if self.observed.is_ambiguous() { self.unknown(cancelled) } else { cancelled })
    }

    fn unknown(&mut self, cause: Error) -> Error {
        let idempotency_key = Some(self.idempotency_key.clone());
        let is_dead = self.observed.is_spent() || self.age() >= OLDEST_IDEMPOTENCY_KEY;
        let unknown = cause.into_outcome_unknown(Outcome { idempotency_key, candidates: self.candidates.take() });
        if is_dead {
            return unknown.with_hint(
                "list the keys: delete a new one that you did not ask for, or, where there is none, create again with a new \
                 idempotency key",
            );
        }
        unknown.with_hint(format!(
            "create again with the same name and the idempotency key {} within 85 minutes of its first use: that makes at \
             most one key; or list the keys and delete what should not be there",
            self.idempotency_key
        ))
    }

    fn too_old(&self) -> Error {
        Error::new(
            ErrorKind::InvalidInput,
            "the idempotency key is older than 85 minutes, and Codat forgets it after 90",
        )
    }
}

/// Returns the error for a name that contains an API key. The message does not quote the name.
fn name_holds_a_key() -> Error {
    Error::new(ErrorKind::InvalidInput, "the name holds an API key")
        .with_hint("name the key after the application that will use it; nothing was created")
}

fn no_time_left() -> Error {
    Error::new(ErrorKind::Timeout, "no time was left to ask for the key; nothing was sent")
}

fn lost_track() -> Error {
    Error::new(ErrorKind::Internal, "the creation ended without its result")
}
