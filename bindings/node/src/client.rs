//! The native part of the JavaScript class `Client`, and its options.

use std::ffi::OsString;
use std::sync::Arc;
use std::time::Duration;

use codat_keys::{Client, ClientBuilder, KeyCommand};
use napi::bindgen_prelude::{FnArgs, Function};
use napi_derive::napi;
use serde::de::IgnoredAny;

use crate::calls::PageCursor;
use crate::errors::raise;
use crate::key_callback::KeyFunction;
use crate::key_types::key_in;
use crate::responses::RateLimit;
use crate::secrets::{api_key, header};

/// The options of a client. An option without a value gets its default from an environment variable or from the Rust
/// client. Times are in milliseconds.
#[napi(object, object_to_js = false)]
pub struct Options {
    pub api_key: Option<String>,
    pub auth_header: Option<String>,
    pub api_key_file: Option<String>,
    pub api_key_command: Option<Command>,
    pub profile: Option<String>,
    pub has_callback: bool,
    pub base_url: Option<String>,
    pub timeout: Option<f64>,
    pub retry: Option<bool>,
    pub ca_file: Option<String>,
    pub proxy: Option<String>,
    pub allow_insecure_http: Option<bool>,
}

/// A command that prints the API key. Times are in milliseconds.
#[napi(object, object_to_js = false)]
pub struct Command {
    pub argv: Vec<String>,
    pub timeout: Option<f64>,
    pub cached_for: Option<f64>,
}

/// The native part of `Client`.
#[napi]
pub struct Core {
    client: Client,
    has_callback: bool,
}

#[napi]
impl Core {
    /// Creates a client. `variable` returns the value of an environment variable, which JavaScript reads from
    /// `process.env`. This function does not read the environment of the process itself, because each worker has its
    /// own `process.env`.
    #[napi(constructor)]
    pub fn new(options: Options, variable: Function<'_, FnArgs<(String,)>, Option<String>>) -> napi::Result<Self> {
        let look_up = |name: &str| variable.call((name.to_owned(),).into()).ok().flatten().map(OsString::from);
        let has_callback = options.has_callback;
        let client = options.builder()?.build_in(&look_up).map_err(raise)?;
        Ok(Self { client, has_callback })
    }

    /// Returns a cursor for the paginated list at `path`. The cursor starts at the first page.
    #[napi]
    pub fn pages(
        &self,
        path: String,
        page_size: Option<i64>,
        query: Option<String>,
        order_by: Option<String>,
    ) -> PageCursor {
        let pages = self.client.pages::<IgnoredAny>(&path);
        // A number that does not fit in 32 bits exceeds the limit of the core, which rejects it.
        let size = page_size.map(|size| size.try_into().unwrap_or(u32::MAX));
        let pages = if let Some(size) = size { pages.page_size(size) } else { pages };
        let pages = if let Some(query) = query { pages.query(query) } else { pages };
        let pages = if let Some(order) = order_by { pages.order_by(order) } else { pages };
        PageCursor(Arc::new(tokio::sync::Mutex::new(codat_keys::internal::page_cursor(pages))))
    }

    #[napi]
    pub fn rate_limit(&self) -> Option<RateLimit> {
        self.client.rate_limit().map(Into::into)
    }

    /// Returns the API key for an HTTP request to `url`, without waiting. Returns an error if no API key has been read
    /// yet. Also returns an error if the origin of `url` differs from the origin of the client's base URL.
    #[napi]
    pub fn authorization_for(&self, url: String) -> napi::Result<String> {
        self.client.authorization_for(&url).map(|header| key_in(&header)).map_err(raise)
    }

    /// Returns the cached API key for an HTTP request to `url`, without waiting. Returns `None` if a command or a key
    /// callback must run first.
    #[napi]
    pub fn cached_authorization(&self, url: String) -> napi::Result<Option<String>> {
        let header = self.client.cached_authorization(&url).map_err(raise)?;
        Ok(header.as_ref().map(key_in))
    }

    #[napi]
    pub fn check_next_hop(&self, url: String) -> napi::Result<()> {
        self.client.check_next_hop(&url).map_err(raise)
    }

    #[napi]
    pub fn base_url(&self) -> &str {
        self.client.base_url()
    }

    #[napi]
    pub fn close(&self) {
        self.client.close();
    }

    /// Returns the text that Node's `inspect` shows for the client.
    #[napi]
    pub fn shown(&self) -> String {
        format!("{:?}", self.client)
    }

    /// Whether the API key comes from a key callback, which is a JavaScript function.
    pub(crate) fn has_callback(&self) -> bool {
        self.has_callback
    }

    /// Returns the client for one call. `timeout` is the timeout of this call in milliseconds. If `timeout` is `None`,
    /// the call has the timeout of this client.
    pub(crate) fn for_a_call(&self, timeout: Option<f64>) -> napi::Result<Client> {
        match timeout {
            Some(time) => self.client.with_timeout(milliseconds(time)).map_err(raise),
            None => Ok(self.client.clone()),
        }
    }
}

impl Options {
    fn builder(self) -> napi::Result<ClientBuilder> {
        let mut builder = Client::builder();
        if let Some(key) = self.api_key {
            builder = builder.api_key(api_key(&key)?);
        }
        if let Some(value) = self.auth_header {
            builder = builder.auth_header(header(&value)?);
        }
        if let Some(file) = self.api_key_file {
            builder = builder.api_key_file(file);
        }
        if let Some(command) = self.api_key_command {
            builder = builder.api_key_from(KeyCommand::from(command));
        }
        if let Some(name) = self.profile {
            builder = builder.profile(name);
        }
        if self.has_callback {
            builder = builder.api_key_from(KeyFunction);
        }
        if let Some(url) = self.base_url {
            builder = builder.base_url(url);
        }
        if let Some(time) = self.timeout {
            builder = builder.timeout(milliseconds(time));
        }
        if let Some(retry) = self.retry {
            builder = builder.retry(retry);
        }
        if let Some(file) = self.ca_file {
            builder = builder.ca_file(file);
        }
        if let Some(url) = self.proxy {
            builder = builder.proxy(url);
        }
        if let Some(allow) = self.allow_insecure_http {
            builder = builder.allow_insecure_http(allow);
        }
        Ok(builder)
    }
}

impl From<Command> for KeyCommand {
    fn from(Command { argv, timeout, cached_for }: Command) -> Self {
        let command = Self::new(argv);
        let command = if let Some(time) = timeout { command.timeout(milliseconds(time)) } else { command };
        if let Some(time) = cached_for { command.cached_for(milliseconds(time)) } else { command }
    }
}

fn milliseconds(time: f64) -> Duration {
    codat_keys::internal::seconds(time / 1000.0)
}
