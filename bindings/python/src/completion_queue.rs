//! The queue of completed calls for an asyncio event loop. The native thread adds entries. The event loop removes the
//! entries and creates the Python objects, because the native thread must not wait for the GIL.

#[cfg(unix)]
use std::io::{PipeReader, PipeWriter, Read as _, Write as _};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use codat_keys_bindings::{Completion, Line, Lock, with_functions, with_key_callback, with_listener};
use pyo3::exceptions::{PyException, PyNotImplementedError};
use pyo3::intern;
use pyo3::prelude::*;
use tokio::sync::oneshot;

use crate::aio::{AsyncCore, Runtime};
use crate::calls::{Call, result};
use crate::interpreter::{self, ensure_running};
use crate::key_callback::KeyRequest;
use crate::logs;
use crate::rotation::{RotationRequest, unlock};

/// A running call.
#[pyclass(frozen, module = "codat_keys._native")]
pub(crate) struct Task(Mutex<Option<oneshot::Sender<()>>>);

#[pymethods]
impl Task {
    /// Cancels the call, and closes the connection of its HTTP request. The queue still receives an entry when the call
    /// ends. If a call that can change data fails, its error says whether data may have changed.
    fn stop(&self) {
        if let Some(stop) = lock(&self.0).take() {
            // Sending fails if the call has already completed.
            let _ = stop.send(());
        }
    }
}

/// An entry of the queue.
enum Event {
    /// A call completed: the number of the call, and how it ended.
    Completed(u64, Completion<Arc<PyErr>>),
    /// A call needs its key callback to run: the number of the call, and the object through which Python runs the
    /// callback.
    KeyRequested(u64, KeyRequest),
    /// A rotation has a message for Python: the number of the call, and the message.
    RotationRequested(u64, RotationRequest),
    /// A rotation releases a lock of its journal store.
    Unlocked(Lock),
    Logged(Line),
}

/// An entry of the queue for Python. The first member is the number of the call. The second member is one of three
/// objects: the result of the call, a `KeyRequest` (the key callback must run), or a `RotationRequest`. The third
/// member is the exception of the call. An entry without a number has an exception that ends the program, such as
/// `KeyboardInterrupt`. A log handler or the function that releases a lock raised this exception.
type Entry<'py> = (Option<u64>, Option<Bound<'py, PyAny>>, Option<PyErr>);

/// The queue of one event loop.
#[pyclass(frozen, module = "codat_keys._native")]
pub(crate) struct CompletionQueue(Arc<Shared>);

struct Shared {
    events: Mutex<Events>,
    waker: Waker,
}

#[derive(Default)]
struct Events {
    waiting: Vec<Event>,
    /// Whether the queue has woken the event loop, and the event loop has not handled all entries since.
    is_awake: bool,
}

/// How the queue wakes its event loop.
enum Waker {
    /// A pipe. The event loop watches the reading end of the pipe.
    #[cfg(unix)]
    Pipe(PipeReader, PipeWriter),
    /// A Python function that wakes the event loop, for event loops that cannot watch a pipe. The call of the function
    /// requires the GIL.
    Call(Py<PyAny>),
}

#[pymethods]
impl CompletionQueue {
    /// Creates an empty queue. `wake` is a Python function that wakes the event loop. The queue calls `wake` when an
    /// entry arrives after the event loop has handled all entries. If `wake` is `None`, the event loop must watch the
    /// file descriptor that `fileno` returns.
    #[new]
    fn new(wake: Option<Py<PyAny>>) -> PyResult<Self> {
        let waker = wake.map_or_else(Waker::pipe, |wake| Ok(Waker::Call(wake)))?;
        Ok(Self(Arc::new(Shared { events: Mutex::default(), waker })))
    }

    /// Returns a file descriptor that is readable until the event loop has handled all entries.
    fn fileno(&self) -> PyResult<i32> {
        match &self.0.waker {
            #[cfg(unix)]
            Waker::Pipe(reader, _) => Ok(std::os::fd::AsRawFd::as_raw_fd(reader)),
            Waker::Call(_) => Err(PyNotImplementedError::new_err("this queue has no file descriptor")),
        }
    }

    /// Starts a call. `drain` adds the result of the call together with `number`.
    fn start(&self, py: Python<'_>, runtime: &Runtime, core: &AsyncCore, call: &Call, number: u64) -> PyResult<Task> {
        ensure_running(py)?;
        let (call, client, queue) = (call.0.clone(), core.client.clone(), Arc::clone(&self.0));
        let listener = logs::is_enabled(py)?.then(|| {
            let queue = Arc::clone(&self.0);
            move |line| queue.push(Event::Logged(line))
        });
        let ask = core.function.as_ref().map(|function| {
            let queue = Arc::clone(&self.0);
            function.ask(py, move |request| queue.push(Event::KeyRequested(number, request)))
        });
        let ask = ask.transpose()?;
        let requests = matches!(call, codat_keys_bindings::Call::Rotation(..)).then(|| {
            let queue = Arc::clone(&self.0);
            move |request| {
                let request = RotationRequest::new(request);
                queue.push(request.map_or_else(Event::Unlocked, |request| Event::RotationRequested(number, request)));
            }
        });
        let (stop, stopped) = oneshot::channel();
        runtime.0.spawn(async move {
            let stopped = Box::pin(async { drop(stopped.await) });
            let work = with_functions(requests, with_listener(call.perform(client, stopped), listener));
            queue.push(Event::Completed(number, with_key_callback(ask, work).await));
        })?;
        Ok(Task(Mutex::new(Some(stop))))
    }

    /// Moves all entries from the queue to `entries`, a `deque`: the results of calls, the requests to run key
    /// callbacks, and the messages of rotations. Passes the log records to the Python logger, and releases the
    /// journal locks that rotations no longer need. If this method returned the entries, they would be lost when a
    /// signal handler raises an exception before the caller has stored them.
    fn drain(&self, py: Python<'_>, entries: &Bound<'_, PyAny>) -> PyResult<()> {
        let events = std::mem::take(&mut lock(&self.0.events).waiting);
        for entry in events.into_iter().filter_map(|event| event.into_python(py)) {
            entries.call_method1(intern!(py, "append"), (entry,))?;
        }
        Ok(())
    }

    /// Ends the waking of the event loop if it has handled all entries. Otherwise, the queue wakes it again.
    fn rest(&self, entries: &Bound<'_, PyAny>) -> PyResult<()> {
        let is_handled = entries.is_empty()?;
        let mut events = lock(&self.0.events);
        if is_handled && events.waiting.is_empty() {
            if events.is_awake {
                events.is_awake = false;
                self.0.waker.reset()?;
            }
            return Ok(());
        }
        drop(events);
        self.0.waker.wake_again(entries.py())
    }
}

impl Event {
    fn into_python(self, py: Python<'_>) -> Option<Entry<'_>> {
        match self {
            Self::Completed(number, completion) => Some(entry(number, result(py, completion))),
            Self::KeyRequested(number, request) => Some(entry(number, request.into_pyobject(py))),
            Self::RotationRequested(number, request) => Some(entry(number, request.into_pyobject(py))),
            Self::Unlocked(lock) => exit(py, unlock(py, &lock)),
            Self::Logged(line) => exit(py, logs::write(py, &line)),
        }
    }
}

/// Handles the exception of a log handler or of the function that releases a lock. Returns an entry for an exception
/// that ends the program, such as `KeyboardInterrupt`. Passes any other exception to Python's `sys.unraisablehook`, so
/// that the results of calls are not lost.
fn exit(py: Python<'_>, result: PyResult<()>) -> Option<Entry<'_>> {
    let error = result.err()?;
    if error.is_instance_of::<PyException>(py) {
        error.write_unraisable(py, None);
        return None;
    }
    Some((None, None, Some(error)))
}

fn entry<T>(number: u64, value: PyResult<Bound<'_, T>>) -> Entry<'_> {
    match value {
        Ok(value) => (Some(number), Some(value.into_any()), None),
        Err(error) => (Some(number), None, Some(error)),
    }
}

impl Shared {
    fn push(&self, event: Event) {
        let was_awake = {
            let mut events = lock(&self.events);
            events.waiting.push(event);
            std::mem::replace(&mut events.is_awake, true)
        };
        if !was_awake {
            self.waker.wake();
        }
    }
}

impl Waker {
    #[cfg(unix)]
    fn pipe() -> PyResult<Self> {
        let (reader, writer) = std::io::pipe()?;
        Ok(Self::Pipe(reader, writer))
    }

    #[cfg(not(unix))]
    fn pipe() -> PyResult<Self> {
        Err(PyNotImplementedError::new_err("event loops cannot read from pipes here"))
    }

    /// Wakes the event loop. Does nothing if the event loop is closed.
    fn wake(&self) {
        match self {
            #[cfg(unix)]
            Self::Pipe(_, writer) => drop((&*writer).write(&[0])),
            Self::Call(wake) => drop(Python::try_attach(|py| interpreter::call(wake.bind(py), ()).map(drop))),
        }
    }

    /// Wakes an event loop that has been woken. A pipe that was not reset still wakes its event loop.
    fn wake_again(&self, py: Python<'_>) -> PyResult<()> {
        match self {
            #[cfg(unix)]
            Self::Pipe(..) => Ok(()),
            Self::Call(wake) => interpreter::call(wake.bind(py), ()).map(drop),
        }
    }

    fn reset(&self) -> PyResult<()> {
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
