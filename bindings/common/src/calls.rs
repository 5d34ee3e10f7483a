//! Data types for the calls of a client and for their results. A call is one operation of a client, such as `list`.

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::Poll;

use codat_keys::{
    ApiKeyDetails, AuthorizationHeader, Bytes, Client, Creation, Error, KeyId, Lookup, Response, ResponseStream,
    internal,
};
use codat_keys_rotate::RotationError;

use crate::errors::ErrorData;
use crate::pages::{PageAndPosition, PageCursor};
use crate::request::{BodyStream, Request};
use crate::rotation::{Rotation, RotationVerb};

/// A future that completes when the caller cancels the call.
pub type Stop = Pin<Box<dyn Future<Output = ()> + Send>>;
/// The future of a running call. If a call that only reads data is cancelled, the future resolves to `None`.
type Work<'a> = Pin<Box<dyn Future<Output = Option<Result<Outcome, Failure>>> + Send + 'a>>;

/// The error of a call.
enum Failure {
    Call(Error),
    Rotation(RotationError),
}

/// A call with its arguments.
#[derive(Clone)]
pub enum Call {
    /// Lists all API keys.
    List,
    /// Returns the API key that the client uses.
    Whoami,
    /// Reads the API key again from its source.
    ReloadKey,
    /// Returns the `Authorization` header for a request to `url`.
    Authorize {
        /// The URL of the request.
        url: String,
    },
    /// After a server rejected an `Authorization` header, returns a header with another API key.
    Reauthorize {
        /// The URL of the request.
        url: String,
        /// The header that the server rejected.
        rejected: AuthorizationHeader,
    },
    /// Returns the API key with this id.
    Get {
        /// The id of the API key.
        id: KeyId,
    },
    /// Lists the API keys with this name.
    Find {
        /// The name of the API keys.
        name: String,
    },
    /// Creates an API key.
    Create {
        /// The name of the API key.
        name: String,
        /// Whether the call may return an API key that it finds by its name. If the response to the creation request is
        /// lost, and the list of API keys contains exactly one new key with this name, the call returns this key. The
        /// caller must know that no other program creates API keys with this name.
        adopt: bool,
        /// The idempotency key of an earlier creation. This call resumes the earlier creation.
        idempotency_key: Option<String>,
        /// Whether `idempotency_key` is the idempotency key of a new call instead.
        is_new: bool,
    },
    /// Deletes the API key with this id.
    Delete {
        /// The id of the API key.
        id: KeyId,
        /// If true, the call may delete the API key that the client uses.
        allow_key_in_use: bool,
    },
    /// Sends an HTTP request to Codat's API.
    Request(Request),
    /// Sends an HTTP request to Codat's API. The call ends when the headers of the response have arrived. The body is
    /// read later.
    Stream(Request),
    /// Reads the next chunk of a response. If the call is cancelled, no part of the response is lost.
    NextChunk(BodyStream),
    /// Requests the next page.
    NextPage(PageCursor),
    /// Requests the next page, which the caller parses.
    NextUnparsedPage(PageCursor),
    /// Runs a rotation, or returns the state or the plan of a rotation. A rotation replaces an API key, and runs Python
    /// or JavaScript functions through [`with_functions`](crate::with_functions).
    Rotation(Rotation, RotationVerb),
}

/// The result of a successful call.
pub enum Outcome {
    /// The call has no result.
    Nothing,
    /// An API key.
    Key(ApiKeyDetails),
    /// A list of API keys.
    Keys(Vec<ApiKeyDetails>),
    /// The result of `create`.
    Created(Creation),
    /// An HTTP response.
    Response(Response),
    /// An HTTP response whose body has not been read. For the asynchronous client, [`BodyStream`] reads the body.
    Stream(Box<ResponseStream>),
    /// A chunk of a response. `None` after the last chunk.
    Chunk(Option<Bytes>),
    /// A page, and the position of the page after it. `None` after the last page.
    Page(Option<PageAndPosition>),
    /// The response that contains a page. The caller parses the page, and calls [`PageCursor::accept`] or
    /// [`PageCursor::reject`]. `None` after the last page.
    UnparsedPage(Option<Response>),
    /// Whether the API key has changed.
    Yes(bool),
    /// An `Authorization` header. `None` if [`Call::Reauthorize`] finds no API key other than the rejected one.
    Header(Option<AuthorizationHeader>),
    /// The report, the status or the plan of a rotation, as JSON.
    Rotation(RotationVerb, String),
}

/// How a call ended. A call can run Python or JavaScript functions, such as the key callback, which returns the API
/// key. `R` is the type that represents an exception of such a function.
#[expect(clippy::large_enum_variant, reason = "most calls succeed, and a box would allocate for each of them")]
pub enum Completion<R> {
    /// The call succeeded.
    Returned(Outcome),
    /// The call failed.
    Failed(Box<ErrorData<R>>),
    /// The call only reads data, and was cancelled. A call that can change data never has this result.
    Cancelled,
}

impl Call {
    /// Performs the call. If `stop` completes before the call ends, the call is cancelled. A cancelled call that only
    /// reads data returns [`Completion::Cancelled`]. A cancelled call that can change data returns its result, or an
    /// error that says whether data may have changed. A panic becomes an error.
    pub async fn perform<R: Clone + Send + Sync + 'static>(self, client: Client, stop: Stop) -> Completion<R> {
        complete(self.begin(client, stop)).await
    }

    /// Describes the change that the call makes if it succeeds. Returns `None` if the call only reads data, or if the
    /// result of the call describes the change.
    pub fn change(&self) -> Option<&'static str> {
        match self {
            Self::Delete { .. } => Some("the key was deleted"),
            Self::Request(request) | Self::Stream(request) if !request.method.is_safe() => {
                Some("the server performed the request")
            }
            _ => None,
        }
    }

    fn begin(self, client: Client, stop: Stop) -> Work<'static> {
        match self {
            Self::List => lookup(client.keys().list(), Outcome::Keys, stop),
            Self::Whoami => lookup(client.whoami(), Outcome::Key, stop),
            Self::ReloadKey => reading(async move { client.reload_key().await.map(Outcome::Yes) }, stop),
            Self::Authorize { url } => {
                reading(async move { client.authorize(&url).await.map(|header| Outcome::Header(Some(header))) }, stop)
            }
            Self::Reauthorize { url, rejected } => {
                reading(async move { client.reauthorize(&url, &rejected).await.map(Outcome::Header) }, stop)
            }
            Self::Get { id } => lookup(client.keys().get(&id), Outcome::Key, stop),
            Self::Find { name } => lookup(client.keys().find(name), Outcome::Keys, stop),
            Self::Create { name, adopt, idempotency_key, is_new } => {
                let mut call = client.keys().create(name).adopt(adopt).cancel_on(stop);
                if let Some(key) = idempotency_key {
                    call = if is_new { call.new_idempotency_key(key) } else { call.idempotency_key(key) };
                }
                changing(async move { call.send().await.map(Outcome::Created) })
            }
            Self::Delete { id, allow_key_in_use } => {
                let call = client.keys().delete(&id).allow_key_in_use(allow_key_in_use).cancel_on(stop);
                changing(async move { call.send().await.map(|()| Outcome::Nothing) })
            }
            Self::Request(request) => {
                let call = request.build(&client).cancel_on(stop);
                changing(async move { call.send().await.map(Outcome::Response) })
            }
            Self::Stream(request) => {
                changing(async move { request.send_streaming(&client, stop).await.map(Box::new).map(Outcome::Stream) })
            }
            Self::NextChunk(body) => reading(async move { body.chunk().await.map(Outcome::Chunk) }, stop),
            Self::NextPage(cursor) => reading(async move { cursor.next(&client).await.map(Outcome::Page) }, stop),
            Self::NextUnparsedPage(cursor) => {
                reading(async move { cursor.next_response(&client).await.map(Outcome::UnparsedPage) }, stop)
            }
            Self::Rotation(rotation, verb) => rotating(rotation, verb, client, stop),
        }
    }
}

/// Reads the next chunk of a response of the blocking client. [`Call::NextChunk`] reads responses of the asynchronous
/// client.
pub async fn next_chunk<R: Clone + Send + Sync + 'static>(response: &mut ResponseStream, stop: Stop) -> Completion<R> {
    complete(reading(async move { response.chunk().await.map(Outcome::Chunk) }, stop)).await
}

/// Runs the future of a call.
async fn complete<R: Clone + Send + Sync + 'static>(work: Work<'_>) -> Completion<R> {
    match catch_panic(work).await {
        Some(Ok(outcome)) => Completion::Returned(outcome),
        Some(Err(Failure::Call(error))) => Completion::Failed(Box::new(ErrorData::of(&error))),
        Some(Err(Failure::Rotation(error))) => Completion::Failed(Box::new(ErrorData::of_rotation(&error))),
        None => Completion::Cancelled,
    }
}

fn lookup<T: 'static>(lookup: Lookup<T>, outcome: fn(T) -> Outcome, stop: Stop) -> Work<'static> {
    reading(async move { lookup.send().await.map(outcome) }, stop)
}

/// Returns the future of a call that only reads data.
fn reading<'a>(work: impl Future<Output = Result<Outcome, Error>> + Send + 'a, stop: Stop) -> Work<'a> {
    Box::pin(async move {
        tokio::select! {
            result = work => Some(result.map_err(Failure::Call)),
            () = stop => None,
        }
    })
}

/// Returns the future of a call that can change data on Codat's servers.
fn changing(work: impl Future<Output = Result<Outcome, Error>> + Send + 'static) -> Work<'static> {
    Box::pin(async move { Some(work.await.map_err(Failure::Call)) })
}

/// Returns the future of [`Call::Rotation`]. If `stop` completes, a running rotation ends with an error that contains
/// the report of the rotation. The rotation can then be resumed.
fn rotating(rotation: Rotation, verb: RotationVerb, client: Client, stop: Stop) -> Work<'static> {
    // `unconstrained` removes tokio's task budget. The functions of sinks can make blocking calls, which the core
    // rejects in a task with a budget.
    Box::pin(tokio::task::unconstrained(async move {
        let ended = rotation.run(verb, client, stop).await?;
        Some(ended.map(|json| Outcome::Rotation(verb, json)).map_err(Failure::Rotation))
    }))
}

/// Runs the future of a call. Converts a panic to an error, because the caller must receive a result for every call.
async fn catch_panic(mut work: Work<'_>) -> Option<Result<Outcome, Failure>> {
    poll_fn(|context| {
        catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(context)))
            .unwrap_or_else(|_| Poll::Ready(Some(Err(Failure::Call(internal::defect())))))
    })
    .await
}
