//! The calls of the blocking and the asyncio client, and the conversion of their results. A call is one operation of a
//! client, such as `list`.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use codat_keys::{Client, Error, KeyId, Method, Pages};
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::PyBool;
use serde::de::IgnoredAny;

use crate::arguments::{argument, entries, seconds, text, whole};
use crate::errors::raise;
use crate::key_types::{ApiKeyDetails, Creation};
use crate::responses::{Page, Response};
use crate::secrets::{self, AuthorizationHeader};

/// A future that completes when the caller cancels the call.
pub(crate) type Stop = Pin<Box<dyn Future<Output = ()> + Send>>;
/// The future of a running call. It resolves to `None` if a call that only reads data was cancelled.
pub(crate) type Work = Pin<Box<dyn Future<Output = Option<Result<Outcome, Error>>> + Send>>;
type Begin = Box<dyn FnOnce(Client, Stop) -> Work + Send>;

/// The result of a successful call.
pub(crate) enum Outcome {
    Nothing,
    Key(codat_keys::ApiKeyDetails),
    Keys(Vec<codat_keys::ApiKeyDetails>),
    Created(codat_keys::Creation),
    Response(codat_keys::Response),
    Page(Option<codat_keys::Page<IgnoredAny>>),
    Yes(bool),
    Header(Option<codat_keys::AuthorizationHeader>),
}

impl Outcome {
    pub(crate) fn into_python(self, py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
        Ok(match self {
            Self::Nothing | Self::Page(None) => py.None().into_bound(py),
            Self::Yes(is_so) => PyBool::new(py, is_so).to_owned().into_any(),
            Self::Header(header) => header.map(AuthorizationHeader).into_pyobject(py)?.into_any(),
            Self::Key(key) => ApiKeyDetails(key).into_pyobject(py)?.into_any(),
            Self::Keys(keys) => keys.into_iter().map(ApiKeyDetails).collect::<Vec<_>>().into_pyobject(py)?.into_any(),
            Self::Created(creation) => Creation(creation).into_pyobject(py)?.into_any(),
            Self::Response(response) => Response(Arc::new(response)).into_pyobject(py)?.into_any(),
            Self::Page(Some(page)) => {
                let response = Response(Arc::new(page.response));
                Page { total_results: page.total_results, response }.into_pyobject(py)?.into_any()
            }
        })
    }
}

/// A call that has not started. Each `Call` can be performed only once.
#[pyclass(frozen, module = "codat_keys._native")]
pub(crate) struct Call(Mutex<Option<Begin>>);

impl Call {
    pub(crate) fn take(&self) -> PyResult<Begin> {
        let begin = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        begin.ok_or_else(|| PyRuntimeError::new_err("this call was performed already"))
    }

    /// Creates a call that only reads data. If the call is cancelled, its future is dropped.
    fn read<W>(work: impl FnOnce(Client) -> W + Send + 'static) -> Self
    where
        W: Future<Output = Result<Outcome, Error>> + Send + 'static,
    {
        Self::new(|client, stop| {
            Box::pin(async move {
                tokio::select! {
                    result = work(client) => Some(result),
                    () = stop => None,
                }
            })
        })
    }

    /// Creates a call that can change data on Codat's servers. If the call is cancelled, it still completes. It then
    /// returns its result, or an error that says whether the change may have taken effect.
    fn change<W>(work: impl FnOnce(Client, Stop) -> W + Send + 'static) -> Self
    where
        W: Future<Output = Result<Outcome, Error>> + Send + 'static,
    {
        Self::new(|client, stop| Box::pin(async move { Some(work(client, stop).await) }))
    }

    fn new(begin: impl FnOnce(Client, Stop) -> Work + Send + 'static) -> Self {
        Self(Mutex::new(Some(Box::new(begin))))
    }
}

#[pyfunction]
pub(crate) fn list() -> Call {
    Call::read(async move |client| client.keys().list().send().await.map(Outcome::Keys))
}

#[pyfunction]
pub(crate) fn whoami() -> Call {
    Call::read(async move |client| client.whoami().send().await.map(Outcome::Key))
}

#[pyfunction]
pub(crate) fn reload_key() -> Call {
    Call::read(async move |client| client.reload_key().await.map(Outcome::Yes))
}

#[pyfunction]
pub(crate) fn authorize(url: &Bound<'_, PyAny>) -> PyResult<Call> {
    let url = text("url", url)?;
    Ok(Call::read(async move |client| client.authorize(&url).await.map(|header| Outcome::Header(Some(header)))))
}

#[pyfunction]
pub(crate) fn reauthorize(url: &Bound<'_, PyAny>, rejected: &Bound<'_, PyAny>) -> PyResult<Call> {
    let (url, rejected) = (text("url", url)?, secrets::header("rejected", rejected)?);
    Ok(Call::read(async move |client| client.reauthorize(&url, &rejected).await.map(Outcome::Header)))
}

#[pyfunction]
pub(crate) fn find(name: &Bound<'_, PyAny>) -> PyResult<Call> {
    let name: String = argument("name", name)?;
    Ok(Call::read(async move |client| client.keys().find(name).send().await.map(Outcome::Keys)))
}

#[pyfunction]
pub(crate) fn get(id: &Bound<'_, PyAny>) -> PyResult<Call> {
    let id = key_id(id)?;
    Ok(Call::read(async move |client| client.keys().get(&id).send().await.map(Outcome::Key)))
}

#[pyfunction]
pub(crate) fn create(
    name: &Bound<'_, PyAny>,
    adopt: &Bound<'_, PyAny>,
    idempotency_key: &Bound<'_, PyAny>,
) -> PyResult<Call> {
    let name = text("name", name)?;
    let (adopt, resumed) = (argument("adopt", adopt)?, argument::<Option<String>>("idempotency_key", idempotency_key)?);
    Ok(Call::change(async move |client, stop| {
        let mut call = client.keys().create(name).adopt(adopt).cancel_on(stop);
        if let Some(key) = resumed {
            call = call.idempotency_key(key);
        }
        call.send().await.map(Outcome::Created)
    }))
}

#[pyfunction]
pub(crate) fn delete(id: &Bound<'_, PyAny>, allow_key_in_use: &Bound<'_, PyAny>) -> PyResult<Call> {
    let (id, allow_key_in_use) = (key_id(id)?, argument("allow_key_in_use", allow_key_in_use)?);
    Ok(Call::change(async move |client, stop| {
        let call = client.keys().delete(&id).allow_key_in_use(allow_key_in_use).cancel_on(stop);
        call.send().await.map(|()| Outcome::Nothing)
    }))
}

#[pyfunction]
pub(crate) fn request(
    method: &Bound<'_, PyAny>,
    path: &Bound<'_, PyAny>,
    params: Option<&Bound<'_, PyAny>>,
    headers: Option<&Bound<'_, PyAny>>,
    body: &Bound<'_, PyAny>,
    timeout: &Bound<'_, PyAny>,
) -> PyResult<Call> {
    let method: Method =
        text("method", method)?.parse().map_err(|_| PyValueError::new_err("method is no HTTP method"))?;
    let path: String = argument("path", path)?;
    let params = entries("params", params)?;
    let headers = entries("headers", headers)?;
    let body: Option<PyBackedBytes> = argument("content", body)?;
    let timeout = seconds("timeout", timeout)?;
    Ok(Call::change(async move |client, stop| {
        let mut call = client.request(method, &path).cancel_on(stop);
        for (name, value) in params {
            call = call.param(name, value);
        }
        for (name, value) in headers {
            call = call.header(&name, &value);
        }
        if let Some(body) = body {
            call = call.body(body.to_vec());
        }
        if let Some(timeout) = timeout {
            call = call.timeout(timeout);
        }
        call.send().await.map(Outcome::Response)
    }))
}

fn key_id(id: &Bound<'_, PyAny>) -> PyResult<KeyId> {
    KeyId::parse(&text("id", id)?).map_err(|error| raise(id.py(), error))
}

/// The cursor of a paginated list, such as the list of companies. It stores which page is requested next.
#[pyclass(frozen, module = "codat_keys._native")]
pub(crate) struct PageCursor(Arc<tokio::sync::Mutex<codat_keys::internal::PageCursor>>);

impl PageCursor {
    pub(crate) fn new<C>(
        pages: Pages<IgnoredAny, C>,
        page_size: &Bound<'_, PyAny>,
        query: &Bound<'_, PyAny>,
        order_by: &Bound<'_, PyAny>,
    ) -> PyResult<Self> {
        let size = whole("page_size", page_size)?;
        let (query, order_by): (Option<String>, Option<String>) =
            (argument("query", query)?, argument("order_by", order_by)?);
        let pages = if let Some(size) = size { pages.page_size(size) } else { pages };
        let pages = if let Some(query) = query { pages.query(query) } else { pages };
        let pages = if let Some(order) = order_by { pages.order_by(order) } else { pages };
        Ok(Self(Arc::new(tokio::sync::Mutex::new(codat_keys::internal::page_cursor(pages)))))
    }
}

#[pymethods]
impl PageCursor {
    /// Returns the call that requests the next page. After the last page, the result of the call is `None`.
    fn next(&self) -> Call {
        let cursor = Arc::clone(&self.0);
        Call::read(async move |client| cursor.lock().await.next(&client).await.map(Outcome::Page))
    }
}
