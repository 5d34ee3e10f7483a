//! Functions of sinks and journal stores, written in Python or JavaScript. To run such a function, a rotation sends a
//! request to the native module of the Python or Node package. The native module runs the function, and returns the
//! result through the [`Reply`] of the request.

use std::any::Any;
use std::future::Future;
use std::sync::Arc;

use codat_keys::{ApiKey, Credential};
use tokio::sync::{OwnedMutexGuard, oneshot};

use crate::errors::CallbackError;

/// A function that passes a request to the native module.
pub(crate) type Ask = Arc<dyn Fn(RotationRequest) + Send + Sync>;

tokio::task_local! {
    /// The function that sends the requests of a rotation to the native module. This task-local value is set for the
    /// future of each rotation.
    static ASK: Ask;
}

/// Runs the future `work` of a call. If the call runs a rotation, `ask` receives the requests of the rotation, such as
/// the request to run a function. For every other call, `ask` is `None`.
pub async fn with_functions<T>(
    ask: Option<impl Fn(RotationRequest) + Send + Sync + 'static>,
    work: impl Future<Output = T>,
) -> T {
    match ask {
        Some(ask) => ASK.scope(Arc::new(ask), work).await,
        None => work.await,
    }
}

/// Returns the function that sends the requests of the running call to the native module.
pub(crate) fn current_ask() -> Ask {
    ASK.try_with(Arc::clone).unwrap_or_else(|_| Arc::new(drop))
}

/// What a rotation asks the native module.
pub enum RotationRequest {
    /// Run a function.
    Run(FunctionRequest),
    /// Release this lock of the journal store. The native module passed the lock to [`Reply::locked`].
    Unlock(Lock),
    /// Report this event of the rotation. The event is JSON.
    Event(String),
}

impl RotationRequest {
    /// Returns whether the request is for the journal store. A request for the journal store is processed even after
    /// the rotation has been cancelled. Otherwise, another process could not resume the rotation immediately.
    pub fn is_of_journal(&self) -> bool {
        match self {
            Self::Run(request) => request.sink.is_none(),
            Self::Unlock(_) => true,
            Self::Event(_) => false,
        }
    }
}

/// A request to run a function.
pub struct FunctionRequest {
    /// The index of the sink in [`RotationOptions::sinks`](crate::RotationOptions::sinks). `None` for a function of the
    /// journal store.
    pub sink: Option<usize>,
    /// The function and its arguments.
    pub function: Function,
    /// Receives the result.
    pub reply: Reply,
}

/// A function of a sink or of a journal store, with its arguments.
pub enum Function {
    /// Returns the content of the sink.
    Read,
    /// Replaces the content of the sink with this key.
    Deliver(ApiKey),
    /// Returns whether the programs that use the sink have this key.
    Confirm(ApiKey),
    /// Returns the numbers of all entries of a journal. The argument is the name of the journal.
    List(String),
    /// Returns an entry of a journal. The arguments are the name of the journal and the number of the entry.
    Get(String, u64),
    /// Creates an entry of a journal, unless the entry exists. The arguments are the name of the journal, the number of
    /// the entry and the content of the entry.
    Create(String, u64, Vec<u8>),
    /// Locks the journal with this name.
    Lock(String),
}

impl Function {
    /// Returns the name of the function, such as `read`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Deliver(_) => "deliver",
            Self::Confirm(_) => "confirm",
            Self::List(_) => "list",
            Self::Get(..) => "get",
            Self::Create(..) => "create",
            Self::Lock(_) => "lock",
        }
    }
}

/// Represents an acquired lock of the journal store. The native module creates this value.
pub type Lock = Box<dyn Any + Send + Sync>;

/// A lock of the journal store. When this value is dropped, the native module is asked to release the lock.
pub struct HeldLock {
    /// `None` while the value is dropped.
    lock: Option<Lock>,
    ask: Ask,
}

impl Drop for HeldLock {
    fn drop(&mut self) {
        if let Some(lock) = self.lock.take() {
            (self.ask)(RotationRequest::Unlock(lock));
        }
    }
}

/// What a function returned.
pub enum Returned {
    /// No value. For `read`, this means that the sink is empty. For `get`, the entry does not exist. For `lock`, the
    /// journal store has no locks. For `deliver`, the sink has the key.
    Nothing,
    /// A credential.
    Credential(Credential),
    /// A text: an API key, the value of an `Authorization` header, or any other content.
    Text(String),
    /// The entry of a journal.
    Entry(Vec<u8>),
    /// The numbers of entries.
    Numbers(Vec<u64>),
    /// A boolean. `confirm` returns whether the programs that use the sink have the key. `create` returns whether the
    /// entry was created. `lock` returns false if another process holds the lock.
    Yes(bool),
    /// A lock.
    Lock(HeldLock),
}

/// Sends the result of one run of a function to the rotation that requested the run. Has no effect if the rotation no
/// longer waits for the result. If the function belongs to a sink, no other function of this sink runs until this value
/// is used or dropped.
pub struct Reply {
    tx: oneshot::Sender<Result<Returned, FunctionError>>,
    ask: Ask,
    _turn: Option<OwnedMutexGuard<()>>,
}

/// A future that resolves to the result of one run of a function.
pub(crate) type Receiver = oneshot::Receiver<Result<Returned, FunctionError>>;

/// The error of a Python or JavaScript function.
pub(crate) struct FunctionError {
    pub(crate) text: String,
    /// The exception that the function raised. `None` if the function returned a value of a wrong type.
    pub(crate) source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl FunctionError {
    /// Creates the error for a function that returned a value of a wrong type.
    pub(crate) fn wrong_value() -> Self {
        Self { text: "the function returned a value of a wrong type".into(), source: None }
    }
}

impl Reply {
    /// Creates a reply, and the receiver of the result that is sent through the reply. `turn` is the guard of a sink's
    /// lock. The reply holds this guard, so the lock is released when the reply is used or dropped.
    pub(crate) fn new(ask: &Ask, turn: Option<OwnedMutexGuard<()>>) -> (Self, Receiver) {
        let (tx, rx) = oneshot::channel();
        (Self { tx, ask: Arc::clone(ask), _turn: turn }, rx)
    }

    /// Sends the value that the function returned.
    pub fn returned(self, value: Returned) {
        self.send(Ok(value));
    }

    /// Sends the lock that the function returned. The lock is released when the rotation ends. If the rotation no
    /// longer waits for the lock, this method releases the lock.
    pub fn locked(self, lock: Lock) {
        let lock = HeldLock { lock: Some(lock), ask: Arc::clone(&self.ask) };
        self.send(Ok(Returned::Lock(lock)));
    }

    /// Sends an error, because the function returned a value of a wrong type. `why` is the message of the error.
    pub fn failed(self, why: String) {
        self.send(Err(FunctionError { text: why, source: None }));
    }

    /// Sends an error, because the function raised an exception. `raised` represents the exception, and is the source
    /// of the error. `text` is the message of the error, and does not contain the message of the exception.
    pub fn raised<R: Send + Sync + 'static>(self, text: String, raised: R) {
        let source = CallbackError { text: text.clone(), raised };
        self.send(Err(FunctionError { text, source: Some(Box::new(source)) }));
    }

    fn send(self, result: Result<Returned, FunctionError>) {
        // Sending fails if the rotation has stopped to wait.
        drop(self.tx.send(result));
    }
}
