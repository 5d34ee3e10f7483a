//! The base URL of the API.

use std::net::IpAddr;

use crate::error::{Error, ErrorKind};

/// The maximum length of the base URL. Some servers reject longer URLs.
const MAX_BYTES: usize = 2_000;

pub(crate) const PRODUCTION: &str = "https://api.codat.io";

/// A checked base URL without a trailing slash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BaseUrl {
    text: String,
    url: url::Url,
}

impl BaseUrl {
    /// Parses a base URL. An `https://` URL can have any host. An `http://` URL must name this machine, unless
    /// `allow_insecure_http` is set. The host must have the normal form of the URL standard. Errors mention `place`,
    /// the name of the setting that contains the URL.
    pub(crate) fn parse(text: &str, place: &str, allow_insecure_http: bool) -> Result<Self, Error> {
        let refuse = |what: &str, hint: &str| {
            Err(Error::new(ErrorKind::InvalidInput, format!("{place} {what}")).with_hint(hint.to_owned()))
        };
        let example = "write it like https://api.codat.io, or http://127.0.0.1:4010 for the emulator";
        if text.len() > MAX_BYTES {
            return refuse("is longer than 2,000 characters", example);
        }
        let Ok(url) = url::Url::parse(text) else {
            return refuse("is not a URL", example);
        };
        if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
            return refuse("is not an http or https URL", example);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return refuse("holds a user name or password", "remove them: Codat takes the API key in a header");
        }
        if url.query().is_some() || url.fragment().is_some() {
            return refuse("holds a query or fragment", example);
        }
        if !is_normal(text, &url) {
            let normal = url.as_str().trim_end_matches('/');
            return refuse("is not written in the normal form of the URL standard", &format!("write it as {normal}"));
        }
        if url.scheme() == "http" && !is_loopback(&url) && !allow_insecure_http {
            return refuse(
                &format!("would send the key unencrypted to {}", url.origin().ascii_serialization()),
                "use https; where the network is trusted, CODAT_ALLOW_INSECURE_HTTP=true allows http",
            );
        }
        Ok(Self { text: url.as_str().trim_end_matches('/').to_owned(), url })
    }

    /// Returns an error if `url` has another scheme, host or port than the base URL. Also returns an error if HTTP
    /// libraries could parse `url` in different ways.
    pub(crate) fn check_own(&self, url: &str) -> Result<(), Error> {
        let is_own = |other: url::Url| other.origin() == self.url.origin() && is_normal(url, &other);
        if url::Url::parse(url).is_ok_and(is_own) {
            return Ok(());
        }
        Err(Error::new(ErrorKind::InvalidInput, "the URL does not belong to the client's own origin")
            .with_hint("the key is sent to the base URL's origin alone: make a client for the other one"))
    }

    /// Checks that an unencrypted request does not go through a proxy, which could read the API key. `url` is the URL
    /// to which an HTTP library connects for the request. Returns an error if `url` has another origin than the base
    /// URL.
    pub(crate) fn check_next_hop(&self, url: &str) -> Result<(), Error> {
        self.check_own(url).map_err(|_| {
            let shown = url::Url::parse(url)
                .ok()
                .and_then(|url| Some((url.scheme().to_owned(), url.host()?.to_string(), url.port())));
            let proxy = match shown {
                Some((scheme, host, Some(port))) => format!("the proxy {scheme}://{host}:{port}"),
                Some((scheme, host, None)) => format!("the proxy {scheme}://{host}"),
                None => "the proxy".to_owned(),
            };
            Error::new(ErrorKind::InvalidInput, format!("{proxy} would see the key unencrypted")).with_hint(
                "exclude the host of the base URL from the proxy, as with NO_PROXY, or use an https base URL",
            )
        })
    }

    /// Returns the base URL followed by `path`. The path begins with a slash.
    pub(crate) fn join(&self, path: &str) -> String {
        format!("{}{path}", self.text)
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    pub(crate) fn to_url(&self) -> url::Url {
        self.url.clone()
    }

    /// Returns the scheme, host and port of the base URL.
    pub(crate) fn origin(&self) -> String {
        self.url.origin().ascii_serialization()
    }

    pub(crate) fn is_encrypted(&self) -> bool {
        self.url.scheme() == "https"
    }
}

/// Returns whether `text` has a form that all libraries parse in the same way. `url` is the parsed `text`.
fn is_normal(text: &str, url: &url::Url) -> bool {
    is_plain(text) && has_normal_authority(text, url)
}

/// Returns whether the host and the optional port in `text` have the same form as in `url`, except for case. `url` is
/// the parsed `text`, in the normal form of the URL standard. Some libraries convert other forms, such as `127.1` or
/// `api%2ecodat.io`, to a different host. Returns false if `text` contains user information.
fn has_normal_authority(text: &str, url: &url::Url) -> bool {
    let authority = text.split_once("://").and_then(|(_, rest)| rest.split(['/', '?', '#']).next());
    let (Some(authority), Some(host), Some(port)) = (authority, url.host_str(), url.port_or_known_default()) else {
        return false;
    };
    [host.to_owned(), format!("{host}:{port}")].iter().any(|normal| authority.eq_ignore_ascii_case(normal))
}

/// Returns whether all libraries parse the URL in the same way. If the URL contains a backslash or a space, or more or
/// fewer than two slashes before the host, some libraries connect to another host.
fn is_plain(url: &str) -> bool {
    let rest =
        url.split_once("://").filter(|(scheme, _)| ["http", "https"].iter().any(|s| s.eq_ignore_ascii_case(scheme)));
    let has_host = rest.is_some_and(|(_, rest)| !rest.starts_with('/'));
    has_host && url.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\')
}

pub(crate) fn is_loopback(url: &url::Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(address)) => IpAddr::from(address).is_loopback(),
        Some(url::Host::Ipv6(address)) => IpAddr::from(address).is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<BaseUrl, Error> {
        BaseUrl::parse(text, "the base URL", false)
    }

    #[test]
    fn an_encrypted_or_local_base_url_is_accepted() {
        for (text, origin, base_url) in [
            ("https://api.example", "https://api.example", "https://api.example"),
            ("https://API.example:443/prefix//", "https://api.example", "https://api.example/prefix"),
            ("http://127.0.0.1:4010/", "http://127.0.0.1:4010", "http://127.0.0.1:4010"),
            ("http://localhost", "http://localhost", "http://localhost"),
            ("http://[::1]:4010", "http://[::1]:4010", "http://[::1]:4010"),
        ] {
            let parsed = parse(text).unwrap();
            assert_eq!((parsed.origin().as_str(), parsed.as_str()), (origin, base_url));
            assert_eq!(parsed.join("/apiKeys"), format!("{base_url}/apiKeys"));
            assert_eq!(parsed.is_encrypted(), text.starts_with("https"));
            assert_eq!(parsed.to_url().origin().ascii_serialization(), origin);
        }
        assert!(BaseUrl::parse("http://api.example", "the base URL", true).is_ok());
        let longest = format!("https://api.example/{}", "a".repeat(MAX_BYTES - 20));
        assert!(parse(&longest).is_ok() && parse(&format!("{longest}a")).is_err());
    }

    #[test]
    fn the_error_of_a_rejected_base_url_contains_the_reason() {
        for (text, reason) in [
            ("api.codat.io", "is not a URL"),
            ("ftp://api.example", "is not an http or https URL"),
            ("data:text", "is not an http or https URL"),
            ("https://user@api.example", "holds a user name or password"),
            ("https://:password@api.example", "holds a user name or password"),
            ("https://api.example/?a", "holds a query or fragment"),
            ("https://api.example/#a", "holds a query or fragment"),
            ("https://api%2eexample", "is not written in the normal form of the URL standard"),
            ("http://api.example/a", "would send the key unencrypted to http://api.example"),
            ("http://localhost.example", "would send the key unencrypted to http://localhost.example"),
            ("http://128.0.0.1", "would send the key unencrypted to http://128.0.0.1"),
            ("http://[::2]", "would send the key unencrypted to http://[::2]"),
        ] {
            assert_eq!(parse(text).unwrap_err().to_string(), format!("the base URL {reason}"));
        }
    }

    #[test]
    fn a_host_in_another_form_is_rejected_with_its_normal_form() {
        for (text, normal) in [
            ("https://api%2eexample/prefix/", "https://api.example/prefix"),
            ("https://api\u{3002}example", "https://api.example"),
            ("https://api.example\0", "https://api.example"),
            (" https://api.example\n", "https://api.example"),
            ("https:\\\\api.example", "https://api.example"),
            ("https:api.example", "https://api.example"),
            ("https:///api.example", "https://api.example"),
            ("https://\u{430}pi.example", "https://xn--pi-6kc.example"),
            ("https://api.example:0443", "https://api.example"),
            ("https://api.example:", "https://api.example"),
            ("https://@api.example", "https://api.example"),
            ("https://1.2.3", "https://1.2.0.3"),
            ("http://local\u{200b}host:1", "http://localhost:1"),
            ("http://127.1", "http://127.0.0.1"),
            ("http://0x7f000001", "http://127.0.0.1"),
            ("http://[0:0::1]", "http://[::1]"),
            ("https://api.example/\u{e9}", "https://api.example/%C3%A9"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.to_string().ends_with("is not written in the normal form of the URL standard"), "{text:?}");
            assert_eq!(error.hint(), format!("write it as {normal}"), "{text:?}");
            assert_eq!(parse(normal).unwrap().as_str(), normal, "{text:?}");
            assert!(parse(normal).unwrap().check_own(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn only_urls_that_every_library_resolves_to_the_origin_are_accepted() {
        let base_url = parse("https://api.example/prefix").unwrap();
        for url in ["https://api.example", "https://api.example/companies?page=1#a", "HTTPS://API.example:443/"] {
            assert!(base_url.check_own(url).is_ok(), "{url}");
        }
        for url in [
            "http://api.example/",
            "https://other.example/",
            "https://api.example:444/",
            "https://user@api.example/",
            "https://api%2eexample/",
            "https:/api.example/",
            "https:///api.example/",
            "https://api.example/a b",
            "https://api.example/\\",
            "api.example",
        ] {
            assert_eq!(base_url.check_own(url).unwrap_err().kind(), ErrorKind::InvalidInput, "{url}");
        }
    }

    #[test]
    fn the_error_of_a_proxy_contains_its_origin() {
        let base_url = parse("http://127.0.0.1:4010").unwrap();
        assert!(base_url.check_next_hop("http://127.0.0.1:4010/apiKeys").is_ok());
        for (url, proxy) in [
            ("http://user:password@proxy.example:3128/", "the proxy http://proxy.example:3128"),
            ("http://proxy.example", "the proxy http://proxy.example"),
            ("proxy", "the proxy"),
        ] {
            let error = base_url.check_next_hop(url).unwrap_err().to_string();
            assert_eq!(error, format!("{proxy} would see the key unencrypted"));
        }
    }
}
