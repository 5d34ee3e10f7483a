//! The cached credential of a client and its clones.

use std::fmt;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};

use arc_swap::ArcSwapOption;
use http::HeaderValue;
use tokio::sync::Mutex;
use tracing::debug;

use super::file::KeyFile;
use super::provider::KeyProvider;
use crate::domain::{ApiKey, AuthorizationHeader, Credential, KnownKeys};
use crate::error::{Error, ErrorKind};

/// An API key, and the `Authorization` header that contains it.
pub(crate) struct CachedCredential {
    pub(crate) key: ApiKey,
    pub(crate) authorization: HeaderValue,
}

pub(crate) struct CredentialCache {
    /// The API keys to redact: all keys that the client has used or listed.
    pub(crate) known: KnownKeys,
    /// The cached credential. `None` until the first read. Not protected by a lock, because a lock may stay locked in a
    /// child process after a fork.
    stored: ArcSwapOption<CachedCredential>,
    /// The source of the credential. `None` if the credential was given as a value. Only [`replace`](Self::replace)
    /// changes such a credential.
    source: Option<Source>,
}

struct Source {
    provider: Arc<dyn KeyProvider>,
    /// Whether a read of the source completes without waiting. True for files.
    is_immediate: bool,
    reads_started: AtomicU64,
    /// The result of the latest read. Locked while the source is being read.
    last_read: Mutex<LastRead>,
}

/// The latest completed read of the source. `number` is 1 for the first read, 2 for the second read and so on.
/// `failure` is the error of a failed read.
#[derive(Default)]
struct LastRead {
    number: u64,
    failure: Option<Error>,
}

impl CredentialCache {
    pub(crate) fn fixed(credential: &Credential) -> Self {
        Self::new(Some(credential), None)
    }

    /// Returns a cache that contains `credential` and has no source. The new cache and this cache share the set of API
    /// keys to redact.
    pub(crate) fn replaced_by(&self, credential: &Credential) -> Self {
        self.known.add_used(credential.api_key());
        Self {
            known: self.known.clone(),
            stored: ArcSwapOption::from(Some(CachedCredential::new(credential))),
            source: None,
        }
    }

    /// Replaces a credential that was given as a value, if its key is `old`. A credential with a source stays, because
    /// the source decides which key is used.
    pub(crate) fn replace(&self, old: &ApiKey, new: &ApiKey) {
        if self.source.is_none() && self.stored().is_some_and(|stored| stored.key == *old) {
            self.known.add_used(new);
            self.stored.store(Some(CachedCredential::new(&Credential::ApiKey(new.clone()))));
        }
    }

    /// Creates an empty cache. The first request reads the credential from the provider.
    pub(crate) fn of(provider: Arc<dyn KeyProvider>) -> Self {
        Self::new(None, Some(Source::new(provider, false)))
    }

    /// Creates a cache with the credential `first`, which was read from the file.
    pub(crate) fn of_file(file: KeyFile, first: &Credential) -> Self {
        Self::new(Some(first), Some(Source::new(Arc::new(file), true)))
    }

    /// Returns a copy with new locks. Called in the child process after a fork, where a lock of the parent process may
    /// stay locked.
    pub(crate) fn for_this_process(&self) -> Self {
        let source = self.source.as_ref().map(|source| Source::new(Arc::clone(&source.provider), source.is_immediate));
        Self { known: self.known.clone(), stored: ArcSwapOption::from(self.stored()), source }
    }

    /// Returns the cached credential, or `None` before the first read.
    pub(crate) fn stored(&self) -> Option<Arc<CachedCredential>> {
        self.stored.load_full()
    }

    /// Returns the cached credential without waiting. Reads a changed file again, but never runs a command or a custom
    /// provider. Returns `None` if the credential must be read with [`poll_source`](Self::poll_source) first.
    pub(crate) fn cached(&self) -> Option<Arc<CachedCredential>> {
        let stored = self.stored()?;
        match &self.source {
            Some(source) if source.provider.may_have_changed() => {
                source.is_immediate.then(|| self.read_immediately(source))?;
                self.stored()
            }
            _ => Some(stored),
        }
    }

    /// Reads the source and returns the credential. Returns an older cached credential if the read fails, or if another
    /// read is in progress.
    pub(crate) async fn poll_source(&self) -> Result<Arc<CachedCredential>, Error> {
        match (self.stored(), &self.source) {
            (Some(stored), None) => Ok(stored),
            (Some(stored), Some(source)) => {
                if let Ok(mut last_read) = source.last_read.try_lock() {
                    self.read(source, &mut last_read).await;
                }
                Ok(self.stored().unwrap_or(stored))
            }
            (None, _) => {
                self.reload().await?;
                self.stored().ok_or_else(|| Error::of(ErrorKind::NoCredential))
            }
        }
    }

    /// Returns a credential with another key than `rejected`. Reads the source if the rejected key is the cached one.
    /// Returns `None` if the source has no other key.
    pub(crate) async fn refresh_after_rejection(
        &self,
        rejected: &ApiKey,
    ) -> Result<Option<Arc<CachedCredential>>, Error> {
        let another = || self.stored().filter(|stored| stored.key != *rejected);
        match another() {
            None => self.reload().await.map(|()| another()),
            another => Ok(another),
        }
    }

    /// Waits for a concurrent read of the source, if any. Then reads the source. Omits this read in two cases: the key
    /// changed during the wait, or a concurrent read began after the start of this call. A read that began before this
    /// call may have returned the old key.
    pub(crate) async fn reload(&self) -> Result<(), Error> {
        let Some(source) = &self.source else { return Ok(()) };
        let (before, reads_started) = (self.stored(), source.reads_started.load(Ordering::SeqCst));
        let mut last_read = source.last_read.lock().await;
        let changed = match (&before, &self.stored()) {
            (Some(before), Some(now)) => before.key != now.key,
            (before, now) => before.is_none() && now.is_some(),
        };
        if !changed && last_read.number <= reads_started {
            self.read(source, &mut last_read).await;
        }
        match &last_read.failure {
            Some(failure) if !changed => Err(failure.shared()),
            _ => Ok(()),
        }
    }

    /// Reads a source that needs no waiting. Does nothing if another thread is reading the source. After an error, the
    /// cached credential stays.
    fn read_immediately(&self, source: &Source) {
        if let Ok(mut last_read) = source.last_read.try_lock() {
            let read = pin!(self.read(source, &mut last_read)).poll(&mut Context::from_waker(Waker::noop()));
            debug_assert_eq!(read, Poll::Ready(()));
        }
    }

    async fn read(&self, source: &Source, last_read: &mut LastRead) {
        let number = source.reads_started.fetch_add(1, Ordering::SeqCst) + 1;
        let read = source.provider.read().await.map_err(|error| self.read_error(source, error));
        *last_read = LastRead { number, failure: read.map(|credential| self.store(source, &credential)).err() };
    }

    fn store(&self, source: &Source, credential: &Credential) {
        if self.stored().is_none_or(|stored| stored.key != *credential.api_key()) {
            self.known.add_used(credential.api_key());
            self.stored.store(Some(CachedCredential::new(credential)));
            debug!(source = source.provider.source(), "another key is in use");
        }
    }

    fn new(first: Option<&Credential>, source: Option<Source>) -> Self {
        let known = KnownKeys::new();
        if let Some(first) = first {
            known.add_used(first.api_key());
        }
        Self { known, stored: ArcSwapOption::from(first.map(CachedCredential::new)), source }
    }

    fn read_error(&self, source: &Source, error: Box<dyn std::error::Error + Send + Sync>) -> Error {
        let place = source.provider.source();
        let error = match error.downcast::<Error>() {
            // The error of a command may contain a key that the command printed earlier.
            Ok(error) => error.masked(|text| self.known.redact(text)),
            Err(other) => {
                let text = self.known.redact(&other.to_string());
                let what = self.known.redact(&format!("{place} gave no key: {other}"));
                Error::new(ErrorKind::InvalidCredential, what)
                    .with_hint("correct that, and call again: the key is then requested again")
                    .with_foreign_source(other, text)
            }
        };
        debug!(source = place, error = %error, "the key could not be read");
        error
    }
}

impl Source {
    fn new(provider: Arc<dyn KeyProvider>, is_immediate: bool) -> Self {
        Self { provider, is_immediate, reads_started: AtomicU64::new(0), last_read: Mutex::default() }
    }
}

impl CachedCredential {
    fn new(credential: &Credential) -> Arc<Self> {
        let key = credential.api_key().clone();
        Arc::new(Self { authorization: AuthorizationHeader::from(&key).to_header_value(), key })
    }
}

impl fmt::Debug for CredentialCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.stored() {
            Some(stored) => stored.key.fmt(f),
            None => f.write_str("not read yet"),
        }
    }
}
