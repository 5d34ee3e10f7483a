//! Journal stores whose functions are written in Python or JavaScript.

use std::io;
use std::time::Duration;

use codat_keys_rotate::{JournalFuture, JournalLock, JournalStore};
use tokio::time::timeout;

use crate::functions::{Ask, Function, FunctionError, FunctionRequest, Reply, Returned, RotationRequest};

/// A journal store that consists of Python or JavaScript functions. The native module of the language runs the
/// functions.
pub(crate) struct FunctionJournal {
    /// Whether the store has the function `lock`.
    pub(crate) locks: bool,
    pub(crate) machine: Option<String>,
    pub(crate) timeout: Duration,
    pub(crate) ask: Ask,
}

impl FunctionJournal {
    /// Requests a run of a function, and waits for the result. Returns an error if the result does not arrive within
    /// the timeout of the store. The function `create` can still create an entry after the timeout. When the rotation
    /// is resumed, it finds this entry.
    async fn run(&self, function: Function) -> io::Result<Returned> {
        let name = function.name();
        let (reply, result) = Reply::new(&self.ask, None);
        (self.ask)(RotationRequest::Run(FunctionRequest { sink: None, function, reply }));
        match timeout(self.timeout, result).await {
            Ok(Ok(result)) => result.map_err(journal_error),
            Ok(Err(_)) => Err(io::Error::new(io::ErrorKind::Interrupted, format!("{name} was interrupted"))),
            Err(_) => {
                let what = format!("no result of {name} arrived within the timeout");
                Err(io::Error::new(io::ErrorKind::TimedOut, what))
            }
        }
    }
}

impl JournalStore for FunctionJournal {
    fn list<'a>(&'a self, name: &'a str) -> JournalFuture<'a, Vec<u64>> {
        Box::pin(async {
            match self.run(Function::List(name.into())).await? {
                Returned::Numbers(numbers) => Ok(numbers),
                _ => Err(journal_error(FunctionError::wrong_value())),
            }
        })
    }

    fn get<'a>(&'a self, name: &'a str, seq: u64) -> JournalFuture<'a, Option<Vec<u8>>> {
        Box::pin(async move {
            match self.run(Function::Get(name.into(), seq)).await? {
                Returned::Nothing => Ok(None),
                Returned::Entry(bytes) => Ok(Some(bytes)),
                _ => Err(journal_error(FunctionError::wrong_value())),
            }
        })
    }

    fn create<'a>(&'a self, name: &'a str, seq: u64, bytes: Vec<u8>) -> JournalFuture<'a, bool> {
        Box::pin(async move {
            match self.run(Function::Create(name.into(), seq, bytes)).await? {
                Returned::Yes(is_new) => Ok(is_new),
                _ => Err(journal_error(FunctionError::wrong_value())),
            }
        })
    }

    fn lock<'a>(&'a self, name: &'a str) -> JournalFuture<'a, JournalLock> {
        Box::pin(async {
            if !self.locks {
                return Ok(JournalLock::Unsupported);
            }
            match self.run(Function::Lock(name.into())).await? {
                Returned::Nothing => Ok(JournalLock::Unsupported),
                Returned::Yes(false) => Ok(JournalLock::Taken),
                Returned::Lock(lock) => Ok(JournalLock::Held(Box::new(lock))),
                _ => Err(journal_error(FunctionError::wrong_value())),
            }
        })
    }

    fn machine(&self) -> Option<String> {
        self.machine.clone()
    }
}

fn journal_error(error: FunctionError) -> io::Error {
    match error.source {
        Some(source) => io::Error::other(source),
        None => io::Error::other(error.text),
    }
}
