//! The calls of a client that JavaScript can start. Each call is one operation of the client, such as listing the API
//! keys.

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::thread;

use codat_keys::{AuthorizationHeader, Client, Error, KeyId, Lookup, Method};
use napi::bindgen_prelude::Uint8Array;
use napi_derive::napi;
use serde::de::IgnoredAny;

use crate::errors::{raise, wrong};
use crate::secrets;

/// A future that completes when JavaScript cancels the call.
pub(crate) type Stop = Pin<Box<dyn Future<Output = ()> + Send>>;
/// The result of a call. `None` if a call that only reads data was cancelled. A call that can change data always has a
/// result, even if it was cancelled.
pub(crate) type Ended = Option<Result<Outcome, Error>>;
/// The future of a running call.
pub(crate) type Work = Pin<Box<dyn Future<Output = Ended> + Send>>;

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

/// A call with its arguments.
#[napi(discriminant = "call", discriminant_case = "camelCase", object_to_js = false)]
pub enum Call {
    List,
    Whoami,
    ReloadKey,
    Authorize {
        url: String,
    },
    /// `rejected` is the API key that a server rejected.
    Reauthorize {
        url: String,
        rejected: String,
    },
    Get {
        id: String,
    },
    Find {
        name: String,
    },
    Create {
        name: String,
        adopt: bool,
        idempotency_key: Option<String>,
    },
    Delete {
        id: String,
        allow_key_in_use: bool,
    },
    Request {
        method: String,
        path: String,
        query: Vec<Entry>,
        headers: Vec<Entry>,
        body: Option<Uint8Array>,
    },
}

/// The name and the value of a query parameter or an HTTP header.
type Entry = (String, String);

impl Call {
    /// Validates the arguments, and returns the future that performs the call.
    pub(crate) fn perform(self, client: Client, stop: Stop) -> napi::Result<Work> {
        Ok(match self {
            Self::List => lookup(stop, client.keys().list(), Outcome::Keys),
            Self::Whoami => lookup(stop, client.whoami(), Outcome::Key),
            Self::ReloadKey => reading(stop, async move { client.reload_key().await.map(Outcome::Yes) }),
            Self::Authorize { url } => {
                reading(stop, async move { client.authorize(&url).await.map(|header| Outcome::Header(Some(header))) })
            }
            Self::Reauthorize { url, rejected } => {
                let rejected = AuthorizationHeader::from(&secrets::verbatim(&rejected)?);
                reading(stop, async move { client.reauthorize(&url, &rejected).await.map(Outcome::Header) })
            }
            Self::Get { id } => lookup(stop, client.keys().get(&key_id(&id)?), Outcome::Key),
            Self::Find { name } => lookup(stop, client.keys().find(name), Outcome::Keys),
            Self::Create { name, adopt, idempotency_key } => {
                let mut call = client.keys().create(name).adopt(adopt).cancel_on(stop);
                if let Some(key) = idempotency_key {
                    call = call.idempotency_key(key);
                }
                changing(async move { call.send().await.map(Outcome::Created) })
            }
            Self::Delete { id, allow_key_in_use } => {
                let call = client.keys().delete(&key_id(&id)?).allow_key_in_use(allow_key_in_use).cancel_on(stop);
                changing(async move { call.send().await.map(|()| Outcome::Nothing) })
            }
            Self::Request { method, path, query, headers, body } => {
                let method: Method = method.parse().map_err(|_| wrong("argument 'method' is no HTTP method"))?;
                // Copies the body, because JavaScript can modify the buffer at any time.
                let body = body.map(|body| body.to_vec());
                let mut call = client.request(method, &path).cancel_on(stop);
                for (name, value) in query {
                    call = call.param(name, value);
                }
                for (name, value) in headers {
                    call = call.header(&name, &value);
                }
                if let Some(body) = body {
                    call = call.body(body);
                }
                changing(async move { call.send().await.map(Outcome::Response) })
            }
        })
    }
}

/// The cursor of a paginated list, such as the list of companies. It stores which page is requested next.
#[napi]
#[derive(Clone)]
pub struct PageCursor(pub(crate) Arc<tokio::sync::Mutex<codat_keys::internal::PageCursor>>);

impl PageCursor {
    pub(crate) fn next(&self, client: Client, stop: Stop) -> Work {
        let cursor = Arc::clone(&self.0);
        reading(stop, async move { cursor.lock().await.next(&client).await.map(Outcome::Page) })
    }
}

fn lookup<T: 'static>(stop: Stop, lookup: Lookup<T>, outcome: fn(T) -> Outcome) -> Work {
    reading(stop, async move { lookup.send().await.map(outcome) })
}

/// Returns the future of a call that only reads data. If the call is cancelled, the future drops `work` and resolves to
/// `None`.
fn reading(stop: Stop, work: impl Future<Output = Result<Outcome, Error>> + Send + 'static) -> Work {
    Box::pin(async move {
        tokio::select! {
            result = work => Some(result),
            () = stop => None,
        }
    })
}

/// Returns the future of a call that can change data on Codat's servers. If the call is cancelled, the future still
/// completes. It then resolves to the result of `work`, or to an error that says whether the change may have taken
/// effect.
fn changing(work: impl Future<Output = Result<Outcome, Error>> + Send + 'static) -> Work {
    Box::pin(async move { Some(work.await) })
}

/// Runs the future of a call. Converts a panic to an error, so that JavaScript receives a result for every call.
pub(crate) async fn catch_panic(mut work: Work) -> thread::Result<Ended> {
    poll_fn(|context| match catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(context))) {
        Ok(polled) => polled.map(Ok),
        Err(panic) => Poll::Ready(Err(panic)),
    })
    .await
}

fn key_id(id: &str) -> napi::Result<KeyId> {
    KeyId::parse(id).map_err(raise)
}
