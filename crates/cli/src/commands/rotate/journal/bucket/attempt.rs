//! One attempt of an operation on a bucket, and the errors of the attempt. An error message quotes only the error code
//! of a response. Other text in a response could contain credentials: the response to a request with a wrong signature
//! repeats headers with credentials.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::iter::successors;
use std::time::Duration;

use super::http_service::RequestFailed;
use super::{ATTEMPTS, Bucket};

/// The failure of an attempt.
#[derive(Debug)]
pub(super) enum Failed {
    /// The object exists, or another request is creating it.
    Exists,
    /// The object does not exist.
    Missing,
    /// The next attempt may succeed.
    Repeat(String),
    Final(String),
}

impl Failed {
    pub(super) fn timeout(time: Duration) -> Self {
        Self::Repeat(format!("the server did not respond within {} s", time.as_secs_f32()))
    }

    fn of(error: &object_store::Error) -> Self {
        match (error, request_failed(error)) {
            (object_store::Error::AlreadyExists { .. }, _) => Self::Exists,
            (_, Some(failed)) if failed.is_final => Self::Final(failed.to_string()),
            (_, Some(failed)) => Self::Repeat(failed.to_string()),
            (object_store::Error::NotFound { .. }, None) => Self::Missing,
            // The text of the error can quote the response.
            (_, None) => Self::Final("the response is not valid".into()),
        }
    }

    fn of_credentials(error: &object_store::Error) -> Self {
        let hint = "set them in the environment, or use a machine with a role";
        match request_failed(error) {
            Some(failed) if failed.is_final => Self::Final(format!("there are no credentials ({hint}): {failed}")),
            Some(failed) => Self::Repeat(format!("there are no credentials ({hint}): {failed}")),
            None => Self::Final(format!("the credentials cannot be used: {hint}")),
        }
    }
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exists => f.write_str("the object exists"),
            Self::Missing => f.write_str("the server says that there is no such bucket"),
            Self::Repeat(message) | Self::Final(message) => f.write_str(message),
        }
    }
}

impl Bucket {
    /// Gets new or cached credentials, and then runs `call`. The timeout of the attempt is the timeout of the operation
    /// divided by [`ATTEMPTS`].
    pub(super) async fn attempt<T>(&self, call: impl Future<Output = object_store::Result<T>>) -> Result<T, Failed> {
        let attempt = async {
            self.store.check_credentials().await.map_err(|error| Failed::of_credentials(&error))?;
            call.await.map_err(|error| Failed::of(&error))
        };
        let time = self.timeout / ATTEMPTS;
        tokio::time::timeout(time, attempt).await.unwrap_or_else(|_| Err(Failed::timeout(time)))
    }
}

fn request_failed(error: &object_store::Error) -> Option<&RequestFailed> {
    let first: &(dyn Error + 'static) = error;
    successors(Some(first), |&error| error.source()).find_map(|error| error.downcast_ref())
}
