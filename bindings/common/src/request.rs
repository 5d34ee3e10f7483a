//! The data of an HTTP request, and a response body that is read in chunks.

use std::future::{Future, pending};
use std::sync::Arc;
use std::time::Duration;

use codat_keys::{Bytes, Client, Error, Method, ResponseStream};
use tokio::sync::{Mutex, oneshot};

/// An HTTP request to Codat's API.
#[derive(Clone)]
pub struct Request {
    /// The HTTP method.
    pub method: Method,
    /// The path below the base URL.
    pub path: String,
    /// The query parameters of the URL.
    pub params: Vec<(String, String)>,
    /// The HTTP headers.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Option<Bytes>,
    /// The timeout of this call. `None` for the timeout of the client.
    pub timeout: Option<Duration>,
    /// The maximum size of the response body in bytes. If this is `None`, [`Call::Request`](crate::Call::Request) uses
    /// the limit of the client, and [`Call::Stream`](crate::Call::Stream) has no limit.
    pub max_response_bytes: Option<u64>,
}

impl Request {
    pub(crate) fn build(self, client: &Client) -> codat_keys::Request {
        let Self { method, path, params, headers, body, timeout, max_response_bytes } = self;
        let mut request = client.request(method, &path);
        for (name, value) in params {
            request = request.param(name, value);
        }
        for (name, value) in headers {
            request = request.header(&name, &value);
        }
        if let Some(body) = body {
            request = request.body(body);
        }
        if let Some(timeout) = timeout {
            request = request.timeout(timeout);
        }
        if let Some(bytes) = max_response_bytes {
            request = request.max_response_bytes(bytes);
        }
        request
    }

    /// Sends the request, and waits for the headers of the response. If `stop` completes before the headers have
    /// arrived, the request is cancelled. After the headers have arrived, `stop` has no effect.
    pub(crate) async fn send_streaming(
        self,
        client: &Client,
        stop: impl Future<Output = ()> + Send + 'static,
    ) -> Result<ResponseStream, Error> {
        // Dropped at the end of this function.
        let (_waits, arrived) = oneshot::channel::<()>();
        let stop = async {
            tokio::select! {
                biased;
                _ = arrived => pending().await,
                () = stop => {}
            }
        };
        self.build(client).cancel_on(stop).send_streaming().await
    }
}

/// A response body. Each [`Call::NextChunk`](crate::Call::NextChunk) reads one chunk of the body. If all clones of this
/// value are dropped before the end of the body, the connection is closed. A running call owns a clone, and so keeps
/// the connection open.
#[derive(Clone)]
pub struct BodyStream(Arc<Mutex<ResponseStream>>);

impl BodyStream {
    /// Returns the body of `response`, which must be a response of the asynchronous client. The blocking client reads
    /// bodies with [`next_chunk`](crate::next_chunk).
    pub fn new(response: ResponseStream) -> Self {
        Self(Arc::new(Mutex::new(response)))
    }

    pub(crate) async fn chunk(&self) -> Result<Option<Bytes>, Error> {
        self.0.lock().await.chunk().await
    }
}
