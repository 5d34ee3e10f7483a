//! The proxy: given, or from the environment. Together with `config.rs` and `transport.rs` the only module that knows
//! reqwest.

use reqwest::NoProxy;
use url::Url;

use crate::base_url::{BaseUrl, is_loopback};
use crate::credentials::{self, Environment};
use crate::error::{Error, ErrorKind};

const EXAMPLE: &str = "write it like http://proxy.example:8080";

#[derive(Clone)]
pub(crate) struct Proxy {
    pub(crate) route: reqwest::Proxy,
    /// Its origin, and what named it: an origin holds no password.
    pub(crate) shown: String,
}

/// A proxy for every request.
pub(crate) fn given(text: &str, base_url: &BaseUrl, allow_insecure_http: bool) -> Result<Proxy, Error> {
    let url = parse(text, "the proxy")?;
    if !base_url.is_encrypted() && !is_loopback(&url) && !allow_insecure_http {
        return Err(Error::new(ErrorKind::InvalidInput, "the proxy would see the key unencrypted")
            .hint_is("use an https base URL with a proxy, or allow insecure HTTP if the network is trusted"));
    }
    Proxy::new(url, "given", None)
}

/// What `HTTPS_PROXY` or `ALL_PROXY` say, but for the hosts in `NO_PROXY`; for an unencrypted base URL none, since that
/// is this machine, or one that the caller trusts.
pub(crate) fn from_environment(environment: Environment<'_>, base_url: &BaseUrl) -> Result<Option<Proxy>, Error> {
    if !base_url.is_encrypted() {
        return Ok(None);
    }
    let is_set = |name: &&str| environment(name).is_some_and(|value| !value.is_empty());
    let Some(name) = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"].into_iter().find(is_set) else {
        return Ok(None);
    };
    let text = credentials::variable(environment, name)?.unwrap_or_default();
    let exceptions = ["NO_PROXY", "no_proxy"].into_iter().find_map(environment).unwrap_or_default();
    let exceptions = NoProxy::from_string(&exceptions.to_string_lossy()).filter(|_| !exceptions.is_empty());
    Proxy::new(parse(&text, name)?, name, exceptions).map(Some)
}

fn parse(text: &str, place: &str) -> Result<Url, Error> {
    // As curl takes it: a host and a port without a scheme.
    let with_scheme = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
    Url::parse(&with_scheme).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host()).ok_or_else(
        || Error::new(ErrorKind::InvalidInput, format!("{place} is not an http or https URL")).hint_is(EXAMPLE),
    )
}

impl Proxy {
    fn new(url: Url, named_by: &str, exceptions: Option<NoProxy>) -> Result<Self, Error> {
        let but = if exceptions.is_some() { ", but for what NO_PROXY names" } else { "" };
        let shown = format!("{} ({named_by}{but})", url.origin().ascii_serialization());
        let route = reqwest::Proxy::all(url).map_err(|source| {
            Error::new(ErrorKind::InvalidInput, "the proxy cannot be used")
                .hint_is(EXAMPLE)
                .caused_by(source.without_url())
        })?;
        Ok(Self { route: route.no_proxy(exceptions), shown })
    }
}
