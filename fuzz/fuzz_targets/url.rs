//! URLs: whatever path, parameter or id is joined to a base URL, the key goes to the base's host. The lines of the input are
//! a base URL, a path and a parameter or id.

#![no_main]

use std::sync::LazyLock;

use codat_keys::fuzzing::{key_url, request_url};
use codat_keys::{Client, KeyId};
use codat_keys_fuzz::key;
use libfuzzer_sys::fuzz_target;
use url::Url;

static CLIENTS: LazyLock<[Client; 2]> = LazyLock::new(|| {
    ["https://api.codat.io", "http://127.0.0.1:4010/prefix"]
        .map(|url| Client::builder().base_url(url).api_key(key()).build().expect("a client"))
});

fuzz_target!(|input: &str| {
    let mut parts = input.splitn(3, '\n');
    let mut part = || parts.next().unwrap_or_default();
    let (base, path, rest) = (part(), part(), part());

    if let Ok(url) = request_url(base, path, rest) {
        stays(base, &url);
    }
    if let Ok(id) = KeyId::parse(rest)
        && let Ok(url) = key_url(base, &id)
    {
        stays(base, &url);
        let (_, segment) = url.rsplit_once("/apiKeys/").expect("the path names the keys");
        assert!(!segment.contains(['/', '\\', '?', '#']) && !matches!(segment, "." | ".."), "{url}");
        let decoded = percent_encoding::percent_decode_str(segment).decode_utf8().expect("an id is text");
        assert_eq!(decoded, id.as_str());
    }
    for client in CLIENTS.iter() {
        if client.authorization_for(path).is_ok() {
            has_same_origin(client.base_url(), path);
        }
    }
});

/// The URL has the base's origin, and its path begins with the base's.
fn stays(base: &str, url: &str) {
    has_same_origin(Url::parse(base).expect("it was accepted").as_str(), url);
    let (base, url) = (Url::parse(base).expect("it was accepted"), Url::parse(url).expect("a request has a URL"));
    let prefix = format!("{}/", base.path().trim_end_matches('/'));
    assert!(url.path().starts_with(&prefix), "{base} {url}");
    assert!(base.scheme() == "https" || base.host_str().is_some_and(is_loopback), "{base}");
}

/// To the URL standard, and to a reader that stops at the first `/`, `?`, `#` or `\`.
fn has_same_origin(base: &str, url: &str) {
    let (parsed, other) = (Url::parse(base).expect("a base"), Url::parse(url).expect("a URL"));
    assert_eq!(parsed.origin(), other.origin());
    let authority = |url: &str| {
        let (scheme, rest) = url.split_once("://").expect("an absolute URL");
        let authority = rest.split(['/', '?', '#', '\\']).next().unwrap_or_default().to_ascii_lowercase();
        let port = if scheme.eq_ignore_ascii_case("https") { ":443" } else { ":80" };
        authority.strip_suffix(port).map(str::to_owned).unwrap_or(authority)
    };
    assert_eq!(authority(base), authority(url));
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host == "[::1]" || host.starts_with("127.")
}
