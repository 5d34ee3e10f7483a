//! What has ended, on its way to the event loop that waits for it, which takes all that is there at once. The runtime's
//! thread never waits for the GIL.

#[cfg(unix)]
use std::io::{PipeReader, PipeWriter, Read as _, Write as _};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use codat_keys::Error;
use pyo3::exceptions::PyNotImplementedError;
use pyo3::prelude::*;
use tokio::sync::oneshot;

use crate::aio::{AsyncCore, Runtime};
use crate::asking::{Question, asking};
use crate::calls::{Call, Outcome};
use crate::errors::raise;
use crate::interpreter::ensure_running;
use crate::logs::{self, Line};

/// A call under way.
#[pyclass(frozen, module = "codat_keys._native")]
pub(crate) struct Task(Mutex<Option<oneshot::Sender<()>>>);

#[pymethods]
impl Task {
    /// Lets the call go, and with it its connection. It ends all the same: a change says then what is known of it.
    fn stop(&self) {
        if let Some(stop) = lock(&self.0).take() {
            // It may have ended meanwhile.
            let _ = stop.send(());
        }
    }
}

enum Told {
    /// Under its number. `None`: it was stopped, and has changed nothing.
    Ended(u64, Option<Result<Outcome, Error>>),
    /// By the call of this number.
    Asked(u64, Question),
    Logged(Line),
}

/// A number, and a result or an exception; or a question.
type Ended<'py> = (u64, Option<Bound<'py, PyAny>>, Option<PyErr>);

/// What has ended for one event loop.
#[pyclass(frozen, module = "codat_keys._native")]
pub(crate) struct Completions(Arc<Queue>);

struct Queue {
    told: Mutex<Vec<Told>>,
    bell: Bell,
}

/// How the loop learns that something is there.
enum Bell {
    /// It reads from a pipe.
    #[cfg(unix)]
    Pipe(PipeReader, PipeWriter),
    /// Where it cannot: it is called, which costs the GIL.
    Call(Py<PyAny>),
}

#[pymethods]
impl Completions {
    /// With `ring`, which any thread may call. Without, what has ended can be waited for through `fileno`.
    #[new]
    fn new(ring: Option<Py<PyAny>>) -> PyResult<Self> {
        let bell = ring.map_or_else(Bell::pipe, |ring| Ok(Bell::Call(ring)))?;
        Ok(Self(Arc::new(Queue { told: Mutex::default(), bell })))
    }

    /// Readable as long as something is there.
    fn fileno(&self) -> PyResult<i32> {
        match &self.0.bell {
            #[cfg(unix)]
            Bell::Pipe(reader, _) => Ok(std::os::fd::AsRawFd::as_raw_fd(reader)),
            Bell::Call(_) => Err(PyNotImplementedError::new_err("there is nothing to read from")),
        }
    }

    /// Begins a call, which will end under this number.
    fn start(&self, py: Python<'_>, runtime: &Runtime, core: &AsyncCore, call: &Call, number: u64) -> PyResult<Task> {
        ensure_running(py)?;
        let (begin, client, queue) = (call.take()?, core.client.clone(), Arc::clone(&self.0));
        let listener = logs::is_read(py)?.then(|| {
            let queue = Arc::clone(&self.0);
            move |line| queue.push(Told::Logged(line))
        });
        let way = core.function.as_ref().map(|function| {
            let queue = Arc::clone(&self.0);
            function.way(py, move |question| queue.push(Told::Asked(number, question)))
        });
        let way = way.transpose()?;
        let (stop, stopped) = oneshot::channel();
        runtime.begin(async move {
            let stopped = Box::pin(async { drop(stopped.await) });
            let work = logs::heard(begin(client, stopped), listener);
            queue.push(Told::Ended(number, asking(way, work).await));
        })?;
        Ok(Task(Mutex::new(Some(stop))))
    }

    /// All that has ended.
    fn drain<'py>(&self, py: Python<'py>) -> PyResult<Vec<Ended<'py>>> {
        self.0.bell.answer()?;
        let told = std::mem::take(&mut *lock(&self.0.told));
        Ok(told.into_iter().filter_map(|told| told.into_python(py)).collect())
    }
}

impl Told {
    fn into_python(self, py: Python<'_>) -> Option<Ended<'_>> {
        match self {
            Self::Ended(number, None) => Some((number, None, None)),
            Self::Ended(number, Some(Ok(outcome))) => match outcome.into_python(py) {
                Ok(value) => Some((number, Some(value), None)),
                Err(error) => Some((number, None, Some(error))),
            },
            Self::Ended(number, Some(Err(error))) => Some((number, None, Some(raise(py, error)))),
            Self::Asked(number, question) => match question.into_pyobject(py) {
                Ok(question) => Some((number, Some(question.into_any()), None)),
                Err(error) => Some((number, None, Some(error))),
            },
            Self::Logged(line) => {
                // A handler that fails does not take the results along.
                if let Err(error) = logs::write(py, &line) {
                    error.write_unraisable(py, None);
                }
                None
            }
        }
    }
}

impl Queue {
    fn push(&self, told: Told) {
        let was_empty = {
            let mut queue = lock(&self.told);
            queue.push(told);
            queue.len() == 1
        };
        if was_empty {
            self.bell.ring();
        }
    }
}

impl Bell {
    #[cfg(unix)]
    fn pipe() -> PyResult<Self> {
        let (reader, writer) = std::io::pipe()?;
        Ok(Self::Pipe(reader, writer))
    }

    #[cfg(not(unix))]
    fn pipe() -> PyResult<Self> {
        Err(PyNotImplementedError::new_err("event loops cannot read from pipes here"))
    }

    /// Once for all that is put into an empty queue. A loop that is gone hears nothing.
    fn ring(&self) {
        match self {
            #[cfg(unix)]
            Self::Pipe(_, writer) => drop((&*writer).write(&[0])),
            Self::Call(ring) => drop(Python::try_attach(|py| ring.call0(py).map(drop))),
        }
    }

    fn answer(&self) -> PyResult<()> {
        match self {
            #[cfg(unix)]
            Self::Pipe(reader, _) => Ok((&*reader).read_exact(&mut [0])?),
            Self::Call(_) => Ok(()),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
