//! The client for asyncio. One thread a process runs every call; what ends is put into the queue of its event loop, which
//! takes all that is there at once. The runtime's thread never waits for the GIL.

use std::io::{PipeReader, PipeWriter, Read, Write};
use std::os::fd::AsRawFd;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use codat_keys::{Client, ClientBuilder, Error};
use pyo3::prelude::*;
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use crate::calls::{Call, Outcome, Walk};
use crate::details::RateLimit;
use crate::errors::raise;
use crate::options::Options;
use crate::secrets::AuthorizationHeader;

/// The thread that drives every connection. After a fork the child makes another one.
#[pyclass(frozen, module = "codat_keys._native")]
pub(crate) struct Runtime {
    handle: Handle,
    /// Dropped with this, which ends the thread.
    _alive: oneshot::Sender<()>,
}

#[pymethods]
impl Runtime {
    #[new]
    fn new() -> PyResult<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (handle, (alive, ended)) = (runtime.handle().clone(), oneshot::channel());
        let run = move || runtime.block_on(async { drop(ended.await) });
        thread::Builder::new().name("codat-keys".into()).spawn(run)?;
        Ok(Self { handle, _alive: alive })
    }
}

#[pyclass(frozen, module = "codat_keys._native")]
pub(crate) struct AsyncCore {
    client: Client,
    builder: ClientBuilder,
}

#[pymethods]
impl AsyncCore {
    #[new]
    fn new(py: Python<'_>, options: &Options) -> PyResult<Self> {
        let builder = options.0.clone();
        let client = builder.clone().build().map_err(|error| raise(py, error))?;
        Ok(Self { client, builder })
    }

    /// The same with connections of its own, for the child of a fork.
    fn anew(&self, py: Python<'_>) -> PyResult<Self> {
        let header = self.client.authorization_for(self.client.base_url()).map_err(|error| raise(py, error))?;
        let builder = self.builder.clone().auth_header(header).base_url(self.client.base_url());
        let client = builder.clone().build().map_err(|error| raise(py, error))?;
        Ok(Self { client, builder })
    }

    fn pages(&self, path: &str, page_size: Option<u32>, parameters: Vec<(String, String)>) -> Walk {
        Walk::new(self.client.pages(path), page_size, parameters)
    }

    fn rate_limit(&self) -> Option<RateLimit> {
        self.client.rate_limit().map(RateLimit)
    }

    fn authorization_for(&self, py: Python<'_>, url: &str) -> PyResult<AuthorizationHeader> {
        self.client.authorization_for(url).map(AuthorizationHeader).map_err(|error| raise(py, error))
    }

    fn base_url(&self) -> &str {
        self.client.base_url()
    }

    fn close(&self) {
        self.client.close();
    }

    fn __repr__(&self) -> String {
        format!("{:?}", self.client)
    }
}

/// A call under way.
#[pyclass(frozen, module = "codat_keys._native")]
pub(crate) struct Task(tokio::task::AbortHandle);

#[pymethods]
impl Task {
    /// Drops the call, and with it its connection.
    fn abort(&self) {
        self.0.abort();
    }
}

type Ended = (u64, Result<Outcome, Error>);
/// A number, and a result or an exception.
type Told<'py> = (u64, Option<Bound<'py, PyAny>>, Option<PyErr>);

/// What has ended for one event loop.
#[pyclass(frozen, module = "codat_keys._native")]
pub(crate) struct Completions {
    queue: Arc<Queue>,
    bell: PipeReader,
}

struct Queue {
    ended: Mutex<Vec<Ended>>,
    rope: PipeWriter,
}

#[pymethods]
impl Completions {
    #[new]
    fn new() -> PyResult<Self> {
        let (bell, rope) = std::io::pipe()?;
        Ok(Self { queue: Arc::new(Queue { ended: Mutex::default(), rope }), bell })
    }

    /// Readable as long as something has ended.
    fn fileno(&self) -> i32 {
        self.bell.as_raw_fd()
    }

    /// Begins a call, which will end under this number unless it is aborted.
    fn start(&self, runtime: &Runtime, core: &AsyncCore, call: &Call, number: u64) -> PyResult<Task> {
        let (begin, client, queue) = (call.take()?, core.client.clone(), Arc::clone(&self.queue));
        let task = runtime.handle.spawn(async move {
            // Whoever stops waiting aborts the task.
            if let Some(result) = begin(client, Box::pin(std::future::pending())).await {
                queue.push((number, result));
            }
        });
        Ok(Task(task.abort_handle()))
    }

    /// All that has ended.
    fn drain<'py>(&self, py: Python<'py>) -> PyResult<Vec<Told<'py>>> {
        (&self.bell).read_exact(&mut [0])?;
        let ended = std::mem::take(&mut *self.queue.lock());
        let one = |(number, result): Ended| match result.map(|outcome| outcome.into_python(py)) {
            Ok(Ok(value)) => (number, Some(value), None),
            Ok(Err(error)) => (number, None, Some(error)),
            Err(error) => (number, None, Some(raise(py, error))),
        };
        Ok(ended.into_iter().map(one).collect())
    }
}

impl Queue {
    fn push(&self, ended: Ended) {
        let was_empty = {
            let mut queue = self.lock();
            queue.push(ended);
            queue.len() == 1
        };
        if was_empty {
            // A loop that is gone reads no more.
            let _ = (&self.rope).write(&[0]);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Ended>> {
        self.ended.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
