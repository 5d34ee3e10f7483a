//! The native thread that runs calls.

use std::future::Future;
use std::pin::Pin;
use std::{io, thread};

use tokio::runtime::Builder;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

/// A handle to a native thread that runs calls. The thread ends when the handle is dropped.
///
/// The thread receives the calls from a channel. A call that arrives while the thread is busy does not wake the thread.
/// `tokio::runtime::Handle::spawn` would wake the thread for each call.
pub struct Runtime(UnboundedSender<Pin<Box<dyn Future<Output = ()> + Send>>>);

impl Runtime {
    /// Starts the thread.
    ///
    /// # Errors
    /// If the system cannot start a thread.
    pub fn start() -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let (tx, mut rx) = unbounded_channel();
        let run = async move {
            while let Some(call) = rx.recv().await {
                tokio::spawn(call);
            }
        };
        thread::Builder::new().name("codat-keys".into()).spawn(move || runtime.block_on(run))?;
        Ok(Self(tx))
    }

    /// Runs a call in the thread.
    ///
    /// # Errors
    /// If the thread has ended.
    pub fn spawn(&self, call: impl Future<Output = ()> + Send + 'static) -> io::Result<()> {
        self.0.send(Box::pin(call)).map_err(|_| io::Error::other("the thread that makes calls has ended"))
    }
}
