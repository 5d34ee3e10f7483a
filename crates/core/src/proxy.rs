//! The proxy: given, or from the environment.

use std::sync::Arc;

use http::Uri;
use hyper_util::client::proxy::matcher::{Intercept, Matcher};
use url::Url;

use crate::base_url::{BaseUrl, is_loopback};
use crate::credentials::{self, Environment};
use crate::error::{Error, ErrorKind};

const EXAMPLE: &str = "write it like http://proxy.example:8080";

#[derive(Clone)]
pub(crate) struct Proxy {
    route: Arc<Matcher>,
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
    Ok(Proxy::new(&url, "given", ""))
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
    Ok(Some(Proxy::new(&parse(&text, name)?, name, &exceptions.to_string_lossy())))
}

fn parse(text: &str, place: &str) -> Result<Url, Error> {
    // As curl takes it: a host and a port without a scheme.
    let with_scheme = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
    let usable = |url: &Url| matches!(url.scheme(), "http" | "https") && url.has_host() && is_uri(url);
    Url::parse(&with_scheme).ok().filter(usable).ok_or_else(|| {
        Error::new(ErrorKind::InvalidInput, format!("{place} is not an http or https URL")).hint_is(EXAMPLE)
    })
}

/// What hyper cannot read would be passed over without a word.
fn is_uri(url: &Url) -> bool {
    url.as_str().parse::<Uri>().is_ok_and(|uri| uri.authority().is_some())
}

impl Proxy {
    fn new(url: &Url, named_by: &str, exceptions: &str) -> Self {
        let but = if exceptions.is_empty() { "" } else { ", but for what NO_PROXY names" };
        let shown = format!("{} ({named_by}{but})", url.origin().ascii_serialization());
        Self { route: Arc::new(Matcher::builder().all(url.as_str()).no(exceptions).build()), shown }
    }

    /// The proxy to reach that URL by; `None` where it is reached directly.
    pub(crate) fn intercept(&self, target: &Uri) -> Option<Intercept> {
        self.route.intercept(target)
    }
}
