//! The calls that JavaScript can start.

use codat_keys::{AuthorizationHeader, KeyId, Method};
use codat_keys_bindings::Request;
use napi::Env;
use napi::bindgen_prelude::Uint8Array;
use napi_derive::napi;

use crate::errors::{raise, wrong};
use crate::secrets;

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
    /// If `streamed` is true, the call ends when the headers of the response have arrived. JavaScript then reads the
    /// body in chunks.
    Request {
        streamed: bool,
        method: String,
        path: String,
        params: Vec<(String, String)>,
        headers: Vec<(String, String)>,
        body: Option<Uint8Array>,
        max_response_bytes: Option<i64>,
    },
}

/// Converts a number of bytes. A negative number becomes zero, which the Rust client rejects.
pub(crate) fn bytes(number: i64) -> u64 {
    number.try_into().unwrap_or(0)
}

impl Call {
    /// Validates the arguments.
    pub(crate) fn parse(self, env: Env) -> napi::Result<codat_keys_bindings::Call> {
        use codat_keys_bindings::Call;
        let key_id = |id: String| KeyId::parse(&id).map_err(raise(env));
        Ok(match self {
            Self::List => Call::List,
            Self::Whoami => Call::Whoami,
            Self::ReloadKey => Call::ReloadKey,
            Self::Authorize { url } => Call::Authorize { url },
            Self::Reauthorize { url, rejected } => {
                Call::Reauthorize { url, rejected: AuthorizationHeader::from(&secrets::verbatim(env, &rejected)?) }
            }
            Self::Get { id } => Call::Get { id: key_id(id)? },
            Self::Find { name } => Call::Find { name },
            Self::Create { name, adopt, idempotency_key } => {
                Call::Create { name, adopt, idempotency_key, is_new: false }
            }
            Self::Delete { id, allow_key_in_use } => Call::Delete { id: key_id(id)?, allow_key_in_use },
            Self::Request { streamed, method, path, params, headers, body, max_response_bytes } => {
                let method: Method = method.parse().map_err(|_| wrong("argument 'method' is no HTTP method"))?;
                // Copies the body, because JavaScript can modify the buffer at any time.
                let body = body.map(|body| body.to_vec().into());
                let max_response_bytes = max_response_bytes.map(bytes);
                let request = Request { method, path, params, headers, body, timeout: None, max_response_bytes };
                if streamed { Call::Stream(request) } else { Call::Request(request) }
            }
        })
    }
}
