//! The proxy of a client, from a setting or from environment variables.

use std::io;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::percent_decode_str;
use reqwest::NoProxy;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use url::Url;

use crate::domain::BaseUrl;
use crate::environment::{Environment, variable};
use crate::error::{Error, ErrorKind};

const EXAMPLE: &str = "write it like http://proxy.example:8080";

/// The maximum length of the status line of a proxy response, in bytes.
const MAX_STATUS_LINE: u64 = 1024;

#[derive(Clone)]
pub(crate) struct Proxy {
    pub(crate) route: reqwest::Proxy,
    url: Url,
    /// A description of the proxy, without a password: its origin, and the setting or environment variable that
    /// configures the proxy.
    pub(crate) shown: String,
}

/// Returns the proxy from the setting [`ClientBuilder::proxy`](crate::ClientBuilder::proxy). The proxy is used for
/// every request.
pub(crate) fn given(text: &str, base_url: &BaseUrl, allow_insecure_http: bool) -> Result<Proxy, Error> {
    let url = parse(text, "the proxy")?;
    if !base_url.is_encrypted() && !allow_insecure_http {
        return Err(Error::new(ErrorKind::InvalidInput, format!("the proxy {} would see the key unencrypted", url.origin().ascii_serialization()))
            .with_hint("use an https base URL with a proxy, or no proxy; where the network is trusted, CODAT_ALLOW_INSECURE_HTTP=true allows it"));
    }
    Proxy::new(url, "given", None)
}

/// Returns the proxy in `HTTPS_PROXY` or `ALL_PROXY`. Requests to a host in `NO_PROXY` do not use the proxy. Returns
/// `None` for an unencrypted base URL, because a proxy could read the API key.
pub(crate) fn from_environment(environment: Environment<'_>, base_url: &BaseUrl) -> Result<Option<Proxy>, Error> {
    if !base_url.is_encrypted() {
        return Ok(None);
    }
    let is_set = |name: &&str| environment(name).is_some_and(|value| !value.is_empty());
    let Some(name) = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"].into_iter().find(is_set) else {
        return Ok(None);
    };
    let text = variable(environment, name)?.unwrap_or_default();
    let exceptions = ["NO_PROXY", "no_proxy"].into_iter().find_map(environment).unwrap_or_default();
    let exceptions = NoProxy::from_string(&exceptions.to_string_lossy()).filter(|_| !exceptions.is_empty());
    let but = if exceptions.is_some() { ", but for what NO_PROXY names" } else { "" };
    Proxy::new(parse(&text, name)?, &format!("{name}{but}"), exceptions).map(Some)
}

fn parse(text: &str, place: &str) -> Result<Url, Error> {
    // Accepts a host and port without a scheme, as curl does.
    let with_scheme = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
    let usable = |url: &Url| matches!(url.scheme(), "http" | "https") && url.has_host() && is_uri(url);
    Url::parse(&with_scheme).ok().filter(usable).ok_or_else(|| {
        Error::new(ErrorKind::InvalidInput, format!("{place} is not an http or https URL")).with_hint(EXAMPLE)
    })
}

/// Returns whether reqwest can parse a proxy URL. reqwest ignores a proxy URL that it cannot parse.
fn is_uri(url: &Url) -> bool {
    url.as_str().parse::<http::Uri>().is_ok_and(|uri| uri.authority().is_some())
}

impl Proxy {
    fn new(url: Url, named_by: &str, exceptions: Option<NoProxy>) -> Result<Self, Error> {
        let route = reqwest::Proxy::all(url.clone()).map_err(|source| {
            Error::new(ErrorKind::InvalidInput, "the proxy cannot be used")
                .with_hint(EXAMPLE)
                .with_source(source.without_url())
        })?;
        let shown = format!("{} ({named_by})", url.origin().ascii_serialization());
        Ok(Self { route: route.no_proxy(exceptions), url, shown })
    }

    /// Returns whether connections to the proxy itself use TLS.
    pub(crate) fn is_encrypted(&self) -> bool {
        self.url.scheme() == "https"
    }

    /// Returns the origin of the proxy, without user name and password.
    pub(crate) fn origin(&self) -> String {
        self.url.origin().ascii_serialization()
    }

    /// Sends a `CONNECT` request for `target`, a host and port, to the proxy. Returns the status line of the response.
    /// This function is called after reqwest has failed to open a tunnel, because the error of reqwest does not contain
    /// the status.
    pub(crate) async fn ask_for_tunnel(&self, target: &str) -> io::Result<String> {
        let (Some(host), Some(port), "http") =
            (self.url.host_str(), self.url.port_or_known_default(), self.url.scheme())
        else {
            return Err(io::ErrorKind::Unsupported.into());
        };
        let mut stream = TcpStream::connect((host.trim_matches(['[', ']']), port)).await?;
        let request = format!("CONNECT {target} HTTP/1.1\r\nhost: {target}\r\n{}\r\n", self.authorization());
        stream.write_all(request.as_bytes()).await?;
        let mut answer = Vec::new();
        let mut stream = stream.take(MAX_STATUS_LINE);
        while !answer.contains(&b'\n') && stream.read_buf(&mut answer).await? > 0 {}
        let line = answer.split(|byte| *byte == b'\n').next().unwrap_or_default();
        Ok(String::from_utf8_lossy(line).trim_end().to_owned())
    }

    /// Returns the `Proxy-Authorization` header line for the user name and password in the proxy URL. Returns an empty
    /// string if the URL contains no user name and no password.
    fn authorization(&self) -> String {
        if self.url.username().is_empty() && self.url.password().is_none() {
            return String::new();
        }
        let decode = |text| percent_decode_str(text).collect::<Vec<u8>>();
        let user = [decode(self.url.username()), decode(self.url.password().unwrap_or_default())].join(&b':');
        format!("proxy-authorization: Basic {}\r\n", STANDARD.encode(user))
    }
}
