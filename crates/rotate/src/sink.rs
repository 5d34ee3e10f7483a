//! Sinks: the places where programs read their key.

use std::error::Error as StdError;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::slice;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use codat_keys::{ApiKey, Credential};
use serde::Serialize;

/// The future that the methods of a [`Sink`] return.
pub type SinkFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, SinkError>> + Send + 'a>>;

/// A place where programs read their key, such as a file or a secret of a secret manager. A rotation delivers the new
/// key to each of its sinks.
///
/// The rotation can call each method several times. After a crash, another process can call the methods again. If the
/// future of a call is dropped, or does not complete within [`timeout`](Self::timeout), the rotation treats the effect
/// of the call as unknown. The rotation then reads the sink, or writes the same key again.
///
/// ```
/// use std::sync::Mutex;
/// use codat_keys::{ApiKey, Credential};
/// use codat_keys_rotate::{Content, Sink, SinkError, SinkFuture};
///
/// /// A variable of this process.
/// struct Variable(Mutex<Option<ApiKey>>);
///
/// impl Sink for Variable {
///     fn describe(&self) -> String {
///         "variable:key".into()
///     }
///
///     fn read(&self) -> SinkFuture<'_, Content> {
///         Box::pin(async {
///             let key = self.0.lock().map_err(|_| SinkError::permanent("the lock is poisoned"))?.clone();
///             Ok(key.map_or(Content::Nothing, |key| Content::Credential(Credential::ApiKey(key))))
///         })
///     }
///
///     fn write<'a>(&'a self, key: &'a ApiKey) -> SinkFuture<'a, ()> {
///         Box::pin(async {
///             *self.0.lock().map_err(|_| SinkError::permanent("the lock is poisoned"))? = Some(key.clone());
///             Ok(())
///         })
///     }
/// }
/// ```
pub trait Sink: Send + Sync {
    /// Returns a text that identifies the sink, such as `file:/run/app/key`. The journal contains this text. A process
    /// that resumes the rotation must have the same sinks, with the same texts. The text must be unique among the sinks
    /// of a rotation, and must contain no secret.
    fn describe(&self) -> String;

    /// Reads the current content. Called only if [`verification`](Self::verification) is [`Verification::ReadBack`].
    fn read(&self) -> SinkFuture<'_, Content>;

    /// Replaces the content with `key`. The replacement must be atomic: a program that reads the sink at the same time
    /// gets either the old or the new content. The sink decides whether it stores the raw key or a whole
    /// `Authorization` header.
    fn write<'a>(&'a self, key: &'a ApiKey) -> SinkFuture<'a, ()>;

    /// Returns how the rotation checks a written key. Default: [`Verification::ReadBack`].
    fn verification(&self) -> Verification {
        Verification::ReadBack
    }

    /// Returns whether the programs that use the sink have `key` now. Called only if [`verification`](Self::verification)
    /// is [`Verification::Confirm`]. Default: false.
    fn confirm<'a>(&'a self, _key: &'a ApiKey) -> SinkFuture<'a, bool> {
        Box::pin(std::future::ready(Ok(false)))
    }

    /// Returns the maximum duration of one call of `read`, `write` or `confirm`. Default: 30 s.
    fn timeout(&self) -> Duration {
        Duration::from_secs(30)
    }
}

/// How a rotation checks that a sink has the written key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verification {
    /// The rotation reads the sink with [`Sink::read`], and compares the content with the key.
    ReadBack,
    /// The sink cannot be read. [`Sink::confirm`] asks the programs that use the sink.
    Confirm,
    /// The rotation has no way to check the sink. A rotation with such a sink fails before it changes anything.
    Unavailable,
}

/// The content of a sink.
#[derive(Clone)]
pub enum Content {
    /// The sink does not exist or is empty.
    Nothing,
    /// A raw API key, or a whole `Authorization` header.
    Credential(Credential),
    /// Content that is not a credential, or is not in the form that the sink writes. The rotation searches this text
    /// for the keys that Codat lists. The rotation does not delete a key that a program may read from this text.
    Other(String),
}

impl fmt::Debug for Content {
    /// Omits the text, because it can contain a key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => f.write_str("Nothing"),
            Self::Credential(credential) => f.debug_tuple("Credential").field(credential).finish(),
            Self::Other(_) => f.write_str("Other(..)"),
        }
    }
}

/// What a sink contains. A key that Codat lists is identified by its id.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SinkContent {
    /// The sink cannot be read.
    Unreadable,
    /// The sink does not exist or is empty.
    Nothing,
    /// The key with this id.
    Key(String),
    /// A credential that Codat does not list.
    UnknownCredential,
    /// Text that contains the keys with these ids, but not in the form in which the sink writes keys. For example, the
    /// keys are in quotes.
    KeysInText(Vec<String>),
    /// Content that is not a credential and contains no key that Codat lists.
    Other,
}

impl SinkContent {
    /// Returns the ids of the keys in the content.
    pub(crate) fn keys(&self) -> &[String] {
        match self {
            Self::Key(id) => slice::from_ref(id),
            Self::KeysInText(ids) => ids,
            _ => &[],
        }
    }
}

/// The error of a sink.
///
/// ```
/// let error = codat_keys_rotate::SinkError::permanent("there is no secret `payments`");
/// assert!(error.is_permanent());
/// assert_eq!(error.to_string(), "there is no secret `payments`");
/// ```
pub struct SinkError {
    message: String,
    is_permanent: bool,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl SinkError {
    /// Creates an error for a call that may succeed if it is repeated. The rotation tries such a call up to four times.
    /// The message must contain no secret.
    pub fn temporary(message: impl Into<String>) -> Self {
        Self { message: message.into(), is_permanent: false, source: None }
    }

    /// Creates an error for a call that would fail again if it were repeated, for example because a permission is
    /// missing. The rotation does not repeat such a call. The message must contain no secret.
    pub fn permanent(message: impl Into<String>) -> Self {
        Self { message: message.into(), is_permanent: true, source: None }
    }

    /// Sets the cause of the error.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    pub(crate) fn with_message(self, message: &str) -> Self {
        Self { message: message.into(), ..self }
    }

    /// Returns whether the same call would fail again.
    pub fn is_permanent(&self) -> bool {
        self.is_permanent
    }
}

impl fmt::Display for SinkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl fmt::Debug for SinkError {
    /// Omits the source, because the `Debug` output of the source can contain a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SinkError")
            .field("message", &self.message)
            .field("is_permanent", &self.is_permanent)
            .finish_non_exhaustive()
    }
}

impl StdError for SinkError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

/// A sink in the memory of this process, for tests and for programs that distribute the key themselves. All clones of a
/// sink share the same content.
///
/// ```
/// let sink = codat_keys_rotate::MemorySink::new("memory:payments", None);
/// assert!(sink.key().is_none());
/// ```
#[derive(Clone, Debug)]
pub struct MemorySink {
    description: String,
    key: Arc<Mutex<Option<ApiKey>>>,
}

impl MemorySink {
    /// Creates a sink with this [description](Sink::describe) and content.
    pub fn new(description: impl Into<String>, key: Option<ApiKey>) -> Self {
        Self { description: description.into(), key: Arc::new(Mutex::new(key)) }
    }

    /// Returns the current content.
    pub fn key(&self) -> Option<ApiKey> {
        self.key.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Replaces the content.
    pub fn set(&self, key: Option<ApiKey>) {
        *self.key.lock().unwrap_or_else(PoisonError::into_inner) = key;
    }
}

impl Sink for MemorySink {
    fn describe(&self) -> String {
        self.description.clone()
    }

    fn read(&self) -> SinkFuture<'_, Content> {
        let content = self.key().map_or(Content::Nothing, |key| Content::Credential(Credential::ApiKey(key)));
        Box::pin(std::future::ready(Ok(content)))
    }

    fn write<'a>(&'a self, key: &'a ApiKey) -> SinkFuture<'a, ()> {
        self.set(Some(key.clone()));
        Box::pin(std::future::ready(Ok(())))
    }
}
