//! The native part of the JavaScript class `Client`, and its options.

use std::ffi::OsString;
use std::time::Duration;

use codat_keys::{ApiKey, AuthorizationHeader, Client, internal};
use codat_keys_bindings::{ClientOptions, KeyCallback, KeyCommandOptions, KeySource, PageOptions, at_most_one};
use napi::Env;
use napi::bindgen_prelude::{FnArgs, Function};
use napi_derive::napi;
use serde::de::IgnoredAny;

use crate::calls::bytes;
use crate::errors::{raise, wrong};
use crate::key_types::key_in;
use crate::responses::{RateLimit, Response};

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
    pub max_response_bytes: Option<i64>,
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
    /// Creates a client. `variable` is a JavaScript function that returns the value of an environment variable from
    /// `process.env`. The environment of the process is not read directly, because each worker has its own
    /// `process.env`.
    #[napi(constructor)]
    pub fn new(
        env: Env,
        options: Options,
        #[napi(ts_arg_type = "(name: string) => string | undefined")] variable: Function<
            '_,
            FnArgs<(String,)>,
            Option<String>,
        >,
    ) -> napi::Result<Self> {
        let look_up = |name: &str| variable.call((name.to_owned(),).into()).ok().flatten().map(OsString::from);
        let has_callback = options.has_callback;
        let client = options.parse(env)?.builder().build_in(&look_up).map_err(raise(env))?;
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
        concurrency: Option<i64>,
        max_response_bytes: Option<i64>,
    ) -> PageCursor {
        // A number that does not fit in 32 bits exceeds the limits of the core, which rejects it.
        let narrow = |number: i64| number.try_into().unwrap_or(u32::MAX);
        let (page_size, concurrency) = (page_size.map(narrow), concurrency.map(narrow));
        let max_response_bytes = max_response_bytes.map(bytes);
        let options = PageOptions { page_size, query, order_by, concurrency, max_response_bytes };
        PageCursor(codat_keys_bindings::PageCursor::new(options.first_page(self.client.pages(&path))))
    }

    #[napi]
    pub fn rate_limit(&self) -> Option<RateLimit> {
        self.client.rate_limit().map(Into::into)
    }

    /// Returns the API key for an HTTP request to `url`, without waiting. Returns an error if no API key has been read
    /// yet. Also returns an error if the origin of `url` differs from the origin of the client's base URL.
    #[napi]
    pub fn authorization_for(&self, env: Env, url: String) -> napi::Result<String> {
        self.client.authorization_for(&url).map(|header| key_in(&header)).map_err(raise(env))
    }

    /// Returns the cached API key for an HTTP request to `url`, without waiting. Returns `None` if a command or a key
    /// callback must run first.
    #[napi]
    pub fn cached_authorization(&self, env: Env, url: String) -> napi::Result<Option<String>> {
        let header = self.client.cached_authorization(&url).map_err(raise(env))?;
        Ok(header.as_ref().map(key_in))
    }

    #[napi]
    pub fn check_next_hop(&self, env: Env, url: String) -> napi::Result<()> {
        self.client.check_next_hop(&url).map_err(raise(env))
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
    pub(crate) fn for_a_call(&self, env: Env, timeout: Option<f64>) -> napi::Result<Client> {
        match timeout {
            Some(time) => self.client.with_timeout(milliseconds(time)).map_err(raise(env)),
            None => Ok(self.client.clone()),
        }
    }
}

/// The cursor of a paginated list, such as the list of companies. It stores which page is requested next.
#[napi]
pub struct PageCursor(pub(crate) codat_keys_bindings::PageCursor);

#[napi]
impl PageCursor {
    #[napi]
    pub fn total_changed(&self) -> bool {
        self.0.total_changed()
    }

    /// Moves to the page after the parsed page. `results` is the number of results on the parsed page. `total` is the
    /// total number of results on all pages, as the parsed page reports it. Returns false if the parsed page is
    /// outdated and must be requested again.
    #[napi]
    pub fn accept(&self, results: f64, total: f64) -> bool {
        self.0.accept(results as u64, total as u64)
    }

    /// Records that `response` could not be parsed as a page. The next call requests the page again. Returns an error
    /// that says why the response is not a page.
    #[napi]
    pub fn reject(&self, env: Env, response: &Response) -> napi::Result<()> {
        self.0.reject();
        internal::parse_page::<IgnoredAny>(response.0.clone()).map(drop).map_err(raise(env))
    }
}

/// The client option that gives the API key, with its unparsed value.
enum Source {
    Key(String),
    Header(String),
    File(String),
    Command(Command),
    Profile(String),
    Callback,
}

impl Options {
    fn parse(self, env: Env) -> napi::Result<ClientOptions> {
        let sources = [
            ("apiKey", self.has_callback.then_some(Source::Callback).or(self.api_key.map(Source::Key))),
            ("authHeader", self.auth_header.map(Source::Header)),
            ("apiKeyFile", self.api_key_file.map(Source::File)),
            ("apiKeyCommand", self.api_key_command.map(Source::Command)),
            ("profile", self.profile.map(Source::Profile)),
        ];
        let key: Option<napi::Result<_>> = at_most_one(sources).map_err(wrong)?.map(|(name, source)| {
            Ok(match source {
                Source::Key(key) => KeySource::Key(ApiKey::parse(&key).map_err(raise(env))?),
                Source::Header(header) => KeySource::Header(AuthorizationHeader::parse(&header).map_err(raise(env))?),
                Source::File(path) => KeySource::File(path.into()),
                Source::Command(command) => KeySource::Command(command.into()),
                Source::Profile(name) => KeySource::Profile(name),
                Source::Callback => KeySource::Callback(KeyCallback::new(name)),
            })
        });
        Ok(ClientOptions {
            key: key.transpose()?,
            base_url: self.base_url,
            timeout: self.timeout.map(milliseconds),
            retry: self.retry,
            ca_file: self.ca_file.map(Into::into),
            proxy: self.proxy,
            allow_insecure_http: self.allow_insecure_http,
            max_response_bytes: self.max_response_bytes.map(bytes),
        })
    }
}

impl From<Command> for KeyCommandOptions {
    fn from(Command { argv, timeout, cached_for }: Command) -> Self {
        Self {
            argv: argv.into_iter().map(Into::into).collect(),
            timeout: timeout.map(milliseconds),
            cached_for: cached_for.map(milliseconds),
        }
    }
}

pub(crate) fn milliseconds(time: f64) -> Duration {
    codat_keys::internal::seconds(time / 1000.0)
}
