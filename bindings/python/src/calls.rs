//! Creates the calls of the blocking and the asyncio client, and converts their results.

use std::process;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use codat_keys::{KeyId, Method, Pages, ResponseStream, internal};
use codat_keys_bindings::{BodyStream, Completion, Outcome, PageOptions, Request, RotationVerb};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::{PyBool, PyBytes, PyList};
use serde::de::IgnoredAny;

use crate::arguments::{argument, bytes, entries, seconds, text, whole};
use crate::errors::{exception, raise};
use crate::key_types::{ApiKeyDetails, Creation, raise_call_error};
use crate::responses::{Page, Response, ResponseHead};
use crate::secrets::{self, AuthorizationHeader};
use crate::{interpreter, json};

/// Returns the result of a call as a Python object, or the exception of the call. Returns `None` for a cancelled call.
pub(crate) fn result<'py>(py: Python<'py>, completion: Completion<Arc<PyErr>>) -> PyResult<Bound<'py, PyAny>> {
    match completion {
        Completion::Returned(outcome) => into_python(py, outcome),
        Completion::Failed(error) => Err(raise_call_error(py, *error)),
        Completion::Cancelled => Ok(py.None().into_bound(py)),
    }
}

fn into_python(py: Python<'_>, outcome: Outcome) -> PyResult<Bound<'_, PyAny>> {
    Ok(match outcome {
        Outcome::Nothing | Outcome::Chunk(None) | Outcome::Page(None) | Outcome::UnparsedPage(_) => {
            py.None().into_bound(py)
        }
        Outcome::Yes(is_so) => PyBool::new(py, is_so).to_owned().into_any(),
        Outcome::Header(header) => header.map(AuthorizationHeader).into_pyobject(py)?.into_any(),
        Outcome::Key(key) => ApiKeyDetails(key).into_pyobject(py)?.into_any(),
        Outcome::Keys(keys) => keys.into_iter().map(ApiKeyDetails).collect::<Vec<_>>().into_pyobject(py)?.into_any(),
        Outcome::Rotation(verb, json) => {
            let class = match verb {
                RotationVerb::Status => "status",
                RotationVerb::Plan => "plan",
                _ => "report",
            };
            interpreter::call(&py.import("codat_keys._reports")?.getattr(class)?, (json::parse(py, &json)?,))?
        }
        Outcome::Created(creation) => Creation(creation).into_pyobject(py)?.into_any(),
        Outcome::Response(response) => Response(Arc::new(response)).into_pyobject(py)?.into_any(),
        Outcome::Stream(response) => AsyncBody::new(*response).into_pyobject(py)?.into_any(),
        Outcome::Chunk(Some(chunk)) => PyBytes::new(py, &chunk).into_any(),
        Outcome::Page(Some((page, position))) => {
            let response = Response(Arc::new(page.response));
            Page::new(page.total_results, response, position).into_pyobject(py)?.into_any()
        }
    })
}

/// A call with its arguments.
#[pyclass(frozen, module = "codat_keys._native")]
pub(crate) struct Call(pub(crate) codat_keys_bindings::Call);

#[pymethods]
impl Call {
    #[getter]
    fn change(&self) -> Option<&'static str> {
        self.0.change()
    }
}

#[pyfunction]
pub(crate) fn list() -> Call {
    Call(codat_keys_bindings::Call::List)
}

#[pyfunction]
pub(crate) fn whoami() -> Call {
    Call(codat_keys_bindings::Call::Whoami)
}

#[pyfunction]
pub(crate) fn reload_key() -> Call {
    Call(codat_keys_bindings::Call::ReloadKey)
}

#[pyfunction]
pub(crate) fn authorize(url: &Bound<'_, PyAny>) -> PyResult<Call> {
    Ok(Call(codat_keys_bindings::Call::Authorize { url: argument("url", url)? }))
}

#[pyfunction]
pub(crate) fn reauthorize(url: &Bound<'_, PyAny>, rejected: &Bound<'_, PyAny>) -> PyResult<Call> {
    let (url, rejected) = (argument("url", url)?, secrets::header("rejected", rejected)?);
    Ok(Call(codat_keys_bindings::Call::Reauthorize { url, rejected }))
}

#[pyfunction]
pub(crate) fn find(name: &Bound<'_, PyAny>) -> PyResult<Call> {
    Ok(Call(codat_keys_bindings::Call::Find { name: argument("name", name)? }))
}

#[pyfunction]
pub(crate) fn get(id: &Bound<'_, PyAny>) -> PyResult<Call> {
    Ok(Call(codat_keys_bindings::Call::Get { id: key_id(id)? }))
}

/// With `is_new`, `idempotency_key` is the idempotency key of a new call. Otherwise, it is the one of a call to resume.
#[pyfunction]
#[pyo3(signature = (name, adopt, idempotency_key, is_new=false))]
pub(crate) fn create(
    name: &Bound<'_, PyAny>,
    adopt: &Bound<'_, PyAny>,
    idempotency_key: &Bound<'_, PyAny>,
    is_new: bool,
) -> PyResult<Call> {
    Ok(Call(codat_keys_bindings::Call::Create {
        name: argument("name", name)?,
        adopt: argument("adopt", adopt)?,
        idempotency_key: argument("idempotency_key", idempotency_key)?,
        is_new,
    }))
}

#[pyfunction]
pub(crate) fn delete(id: &Bound<'_, PyAny>, allow_key_in_use: &Bound<'_, PyAny>) -> PyResult<Call> {
    let (id, allow_key_in_use) = (key_id(id)?, argument("allow_key_in_use", allow_key_in_use)?);
    Ok(Call(codat_keys_bindings::Call::Delete { id, allow_key_in_use }))
}

#[pyfunction]
pub(crate) fn request(
    method: &Bound<'_, PyAny>,
    path: &Bound<'_, PyAny>,
    params: Option<&Bound<'_, PyAny>>,
    headers: Option<&Bound<'_, PyAny>>,
    body: &Bound<'_, PyAny>,
    timeout: &Bound<'_, PyAny>,
    max_response_bytes: &Bound<'_, PyAny>,
) -> PyResult<Call> {
    let method: Result<Method, _> = text("method", method)?.parse();
    Ok(Call(codat_keys_bindings::Call::Request(Request {
        method: method.map_err(|_| PyValueError::new_err("method is no HTTP method"))?,
        path: argument("path", path)?,
        params: entries("params", params)?,
        headers: entries("headers", headers)?,
        body: argument::<Option<PyBackedBytes>>("content", body)?.map(|body| body.to_vec().into()),
        timeout: seconds("timeout", timeout)?,
        max_response_bytes: bytes("max_response_bytes", max_response_bytes)?,
    })))
}

/// Converts the call `request` to a call that ends when the headers of the response have arrived. Both calls send the
/// same HTTP request.
#[pyfunction]
pub(crate) fn stream(request: &Call) -> Call {
    Call(match request.0.clone() {
        codat_keys_bindings::Call::Request(request) => codat_keys_bindings::Call::Stream(request),
        call => call,
    })
}

fn key_id(id: &Bound<'_, PyAny>) -> PyResult<KeyId> {
    KeyId::parse(&text("id", id)?).map_err(|error| raise(id.py(), error))
}

/// The cursor of a paginated list, such as the list of companies. It stores which page is requested next.
///
/// After a fork, the child process uses another cursor at the same page. At the time of the fork, a thread of the
/// parent process may hold the lock of the cursor. The child process does not have this thread, so the lock would never
/// be released in the child process.
#[pyclass(frozen, module = "codat_keys._native")]
pub(crate) struct PageCursor(Mutex<OwnCursor>);

/// The cursor that the current process uses. A thread locks this value only while the thread holds the GIL. A fork in
/// Python requires the GIL as well, so this value is never locked during a fork.
struct OwnCursor {
    process: u32,
    cursor: codat_keys_bindings::PageCursor,
    /// The position of the page after the last page that the program has received.
    position: internal::PageCursor,
}

impl PageCursor {
    pub(crate) fn new<C>(
        pages: Pages<IgnoredAny, C>,
        page_size: &Bound<'_, PyAny>,
        query: &Bound<'_, PyAny>,
        order_by: &Bound<'_, PyAny>,
        concurrency: &Bound<'_, PyAny>,
        max_response_bytes: &Bound<'_, PyAny>,
    ) -> PyResult<Self> {
        let options = PageOptions {
            page_size: whole("page_size", page_size)?,
            concurrency: whole("concurrency", concurrency)?,
            query: argument("query", query)?,
            order_by: argument("order_by", order_by)?,
            max_response_bytes: bytes("max_response_bytes", max_response_bytes)?,
        };
        let position = options.first_page(pages);
        let cursor = codat_keys_bindings::PageCursor::new(position.at_same_page());
        Ok(Self(Mutex::new(OwnCursor { process: process::id(), cursor, position })))
    }

    fn own(&self) -> MutexGuard<'_, OwnCursor> {
        let mut own = lock(&self.0);
        if own.process != process::id() {
            own.cursor = codat_keys_bindings::PageCursor::new(own.position.at_same_page());
            own.process = process::id();
        }
        own
    }
}

#[pymethods]
impl PageCursor {
    /// Returns the call that requests the next page. After the last page, the result of the call is `None`.
    fn next(&self) -> Call {
        Call(codat_keys_bindings::Call::NextPage(self.own().cursor.clone()))
    }

    /// Records that the program has received `page`. After a fork, the child process continues with the page after
    /// `page`.
    fn received(&self, page: &Page) {
        let mut own = self.own();
        // Threads can receive pages in another order.
        if page.position.next_page() > own.position.next_page() {
            own.position = page.position.at_same_page();
        }
    }

    /// Removes the first of `pages` and returns it, and records that the program has received it. Returns `None` if
    /// there is no page.
    fn take<'py>(&self, pages: &Bound<'py, PyList>) -> PyResult<Option<Bound<'py, Page>>> {
        if pages.is_empty() {
            return Ok(None);
        }
        let page = pages.get_item(0)?.cast_into::<Page>()?;
        pages.del_item(0)?;
        self.received(page.get());
        Ok(Some(page))
    }

    fn total_changed(&self) -> bool {
        self.own().cursor.total_changed()
    }
}

/// The native part of `AsyncResponseStream`.
#[pyclass(frozen, module = "codat_keys._native")]
pub(crate) struct AsyncBody {
    head: ResponseHead,
    /// `None` after `close`.
    body: Mutex<Option<BodyStream>>,
    /// The id of the process that received the response. After a fork, the child process does not use the body, because
    /// the thread that receives the body belongs to the parent process.
    process: u32,
}

impl AsyncBody {
    fn new(response: ResponseStream) -> Self {
        let (length, rate_limit) = (response.content_length(), response.rate_limit());
        let head = ResponseHead::new(response.status(), response.headers(), length, rate_limit);
        Self { head, body: Mutex::new(Some(BodyStream::new(response))), process: process::id() }
    }
}

#[pymethods]
impl AsyncBody {
    fn head(&self) -> ResponseHead {
        self.head.clone()
    }

    /// Returns the call that reads the next chunk. After the last chunk, the result of the call is `None`.
    fn next(&self, py: Python<'_>) -> PyResult<Call> {
        check_process(py, self.process)?;
        let body = lock(&self.body).clone().ok_or_else(|| closed(py))?;
        Ok(Call(codat_keys_bindings::Call::NextChunk(body)))
    }

    /// Closes the connection, unless the body is complete.
    fn close(&self) {
        let body = lock(&self.body).take();
        if self.process != process::id() {
            std::mem::forget(body);
        }
    }
}

impl Drop for AsyncBody {
    fn drop(&mut self) {
        self.close();
    }
}

/// Returns an error if the current process is not `receiver`, the process that received the response. A child process
/// after a fork cannot use the responses of its parent process.
pub(crate) fn check_process(py: Python<'_>, receiver: u32) -> PyResult<()> {
    if receiver == process::id() {
        return Ok(());
    }
    let what = "the response belongs to the parent process";
    Err(exception(py, "InvalidInputError", what, "send the request again after the fork"))
}

/// Returns the exception for the use of a response after `close`.
pub(crate) fn closed(py: Python<'_>) -> PyErr {
    exception(py, "ClosedError", "the response is closed", "read its body within the `with` block")
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
