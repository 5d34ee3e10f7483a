//! The part that the asynchronous and the blocking client share: a transport, timeouts and retry settings.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::credentials::CachedCredential;
use crate::domain::{ApiKey, ApiKeyDetails, BaseUrl, Credential, KnownKeys};
use crate::error::Error;
use crate::retry::{Execution, Retry};
use crate::timeouts::{Deadline, OperationTimeouts, Timeouts};
use crate::transport::{BodyLimit, BodyMode, LatestRateLimit, Transport, TransportConfig};
use crate::wire;

/// The timeouts of [`Handle::list_keys_once`]. The listed keys only add information to the result of an operation.
const SHORT_TIMEOUTS: Timeouts = Timeouts { attempt: Duration::from_secs(5), operation: Duration::from_secs(5) };

/// The future that an operation returns.
pub(crate) type Pending<T> = Pin<Box<dyn Future<Output = Result<T, Error>> + Send>>;

/// The checked configuration of a client.
#[derive(Clone)]
pub(crate) struct ClientConfig {
    pub(crate) transport: TransportConfig,
    pub(crate) timeouts: OperationTimeouts,
    pub(crate) retry: Retry,
    pub(crate) max_response_bytes: BodyLimit,
}

impl ClientConfig {
    /// Returns a copy with new locks, for use in the child process after a fork.
    pub(crate) fn for_this_process(&self) -> Self {
        Self { transport: self.transport.for_this_process(), ..self.clone() }
    }
}

/// The shared inner part of a client. Clones of a handle share their connections.
#[derive(Clone)]
pub struct Handle(Arc<Inner>);

struct Inner {
    transport: Arc<Transport>,
    timeouts: OperationTimeouts,
    retry: Retry,
    max_response_bytes: BodyLimit,
    /// The request that lists the keys. Clients send this request most often, so it is built only once.
    list_request: http::Request<Bytes>,
}

impl Handle {
    /// Creates the inner part of a client. Opens no connection.
    pub(crate) fn new(config: ClientConfig, latest_rate_limit: &LatestRateLimit) -> Result<Self, Error> {
        let ClientConfig { transport, timeouts, retry, max_response_bytes } = config;
        let list_request = wire::list_request(&transport.base_url)?;
        let transport = Arc::new(Transport::new(transport, latest_rate_limit)?);
        Ok(Self(Arc::new(Inner { transport, timeouts, retry, max_response_bytes, list_request })))
    }

    /// Returns a handle with other timeouts and the same connections.
    pub(crate) fn with_timeouts(&self, timeouts: OperationTimeouts) -> Self {
        let Inner { transport, timeouts: _, retry, max_response_bytes, list_request } = &*self.0;
        let (transport, retry, list_request) = (Arc::clone(transport), retry.clone(), list_request.clone());
        let max_response_bytes = *max_response_bytes;
        Self(Arc::new(Inner { transport, timeouts, retry, max_response_bytes, list_request }))
    }

    /// Returns a handle that authenticates with `key` and has the same connections.
    pub(crate) fn with_api_key(&self, key: ApiKey) -> Self {
        let Inner { transport, timeouts, retry, max_response_bytes, list_request } = &*self.0;
        let credentials = transport.credentials().replaced_by(&Credential::ApiKey(key));
        Self(Arc::new(Inner {
            transport: Arc::new(transport.with_credentials(credentials)),
            timeouts: *timeouts,
            retry: retry.clone(),
            max_response_bytes: *max_response_bytes,
            list_request: list_request.clone(),
        }))
    }

    /// Returns a handle with new connections and locks, for use in the child process after a fork.
    pub(crate) fn for_this_process(&self) -> Result<Self, Error> {
        let transport = self.transport().config.for_this_process();
        let (timeouts, retry, max_response_bytes) = (self.0.timeouts, self.0.retry.clone(), self.0.max_response_bytes);
        let config = ClientConfig { transport, timeouts, retry, max_response_bytes };
        Self::new(config, &LatestRateLimit::default())
    }

    pub(crate) async fn list_keys(&self, deadline: Deadline) -> Result<Vec<ApiKeyDetails>, Error> {
        let (request, mode) = (&self.0.list_request, BodyMode::Whole(BodyLimit::OF_KEY_OPERATIONS));
        let mut execution = Execution::new(self.transport(), self.retry(), request, deadline, mode);
        execution.run(|received| wire::parse_list(&received.attempt)).await
    }

    /// Lists the keys with a single attempt and a short timeout.
    pub(crate) async fn list_keys_once(&self) -> Result<Vec<ApiKeyDetails>, Error> {
        let deadline = self.transport().deadline(SHORT_TIMEOUTS);
        let limit = BodyLimit::OF_KEY_OPERATIONS;
        let attempt = self.transport().attempt(&self.0.list_request, deadline, limit).await;
        attempt.map_err(|failure| failure.error).and_then(|attempt| wire::parse_list(&attempt))
    }

    pub(crate) fn read_deadline(&self) -> Deadline {
        self.transport().deadline(self.0.timeouts.read)
    }

    /// Returns the deadline of a request. `timeout` is the timeout that is set on the request. If `timeout` is `None`,
    /// the timeout of the client applies.
    pub(crate) fn deadline_for(&self, timeout: Option<Duration>) -> Result<Deadline, Error> {
        let timeouts = match timeout {
            Some(_) => OperationTimeouts::given(timeout)?,
            None => self.0.timeouts,
        };
        Ok(self.transport().deadline(timeouts.read))
    }

    /// Returns the maximum size of the response to a request. `given` is the limit that is set on the request. If
    /// `given` is `None`, the limit of the client applies.
    pub(crate) fn body_limit(&self, given: Option<u64>) -> Result<BodyLimit, Error> {
        given.map_or(Ok(self.0.max_response_bytes), BodyLimit::given)
    }

    pub(crate) fn delete_deadline(&self) -> Deadline {
        self.transport().deadline(self.0.timeouts.delete)
    }

    pub(crate) fn create_deadline(&self) -> Deadline {
        self.transport().deadline(self.0.timeouts.create)
    }

    pub(crate) fn transport(&self) -> &Transport {
        &self.0.transport
    }

    pub(crate) fn retry(&self) -> &Retry {
        &self.0.retry
    }

    pub(crate) fn base_url(&self) -> &BaseUrl {
        &self.transport().config.base_url
    }

    pub(crate) fn known_keys(&self) -> &KnownKeys {
        &self.transport().credentials().known
    }

    /// Returns the cached credential, or `None` before the first read of the credential source.
    pub(crate) fn credential(&self) -> Option<Arc<CachedCredential>> {
        self.transport().credentials().stored()
    }

    /// Returns whether the API key in `key` is the cached API key of this client. The comparison takes constant time.
    pub(crate) fn uses(&self, key: &ApiKeyDetails) -> bool {
        self.credential().is_some_and(|credential| credential.key == key.api_key)
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("base_url", &self.known_keys().mask_misplaced(self.base_url().as_str()))
            .field("key", self.transport().credentials())
            .finish_non_exhaustive()
    }
}
