//! An `http://` base URL on another machine is rejected unless the program or `CODAT_ALLOW_INSECURE_HTTP` allows it.

use codat_keys::{ApiKey, Client, ErrorKind};

const ELSEWHERE: &str = "http://codat:4010";

/// Builds a client for another machine. `variable` is the value of `CODAT_ALLOW_INSECURE_HTTP`.
fn build(allow: Option<bool>, variable: Option<&str>) -> Result<Client, codat_keys::Error> {
    let environment = |name: &str| match name {
        "CODAT_API_KEY" => Some("MadeUpKey".into()),
        "CODAT_BASE_URL" => Some(ELSEWHERE.into()),
        "CODAT_ALLOW_INSECURE_HTTP" => variable.map(Into::into),
        _ => None,
    };
    let builder = Client::builder();
    allow.map_or(builder.clone(), |allow| builder.allow_insecure_http(allow)).build_in(&environment)
}

#[test]
fn insecure_http_is_rejected_unless_allowed() {
    for (allow, variable) in [(None, None), (None, Some("false")), (None, Some("0")), (Some(false), Some("true"))] {
        let error = build(allow, variable).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert_eq!(error.to_string(), format!("CODAT_BASE_URL would send the key unencrypted to {ELSEWHERE}"));
        assert!(error.hint().contains("CODAT_ALLOW_INSECURE_HTTP=true"), "{}", error.hint());
    }
    for (allow, variable) in [(Some(true), None), (Some(true), Some("false")), (None, Some("true")), (None, Some("1"))]
    {
        assert_eq!(build(allow, variable).unwrap().base_url(), ELSEWHERE);
    }
}

#[test]
fn any_other_value_of_the_variable_is_an_error() {
    for value in ["", "yes", "TRUE", "codat"] {
        let error = build(None, Some(value)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.to_string().starts_with("CODAT_ALLOW_INSECURE_HTTP is "), "{error}");
    }
    assert!(build(Some(true), Some("yes")).is_ok(), "what the code gives comes first");
}

/// A proxy on this machine is also rejected, because another user can run it.
#[test]
fn a_proxy_that_would_see_the_key_is_rejected_unless_allowed() {
    let local = |proxy: &str, allow| {
        Client::builder()
            .base_url("http://127.0.0.1:9")
            .api_key(ApiKey::parse("MadeUpKey").unwrap())
            .proxy(proxy)
            .allow_insecure_http(allow)
            .build()
    };
    for proxy in
        ["http://127.0.0.1:8080", "https://localhost", "http://user:MadeUpPassword@127.0.0.1:8080", "127.0.0.1:8080"]
    {
        let error = local(proxy, false).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.to_string().starts_with("the proxy http"), "{error}");
        assert!(error.to_string().ends_with(" would see the key unencrypted"), "{error}");
        assert!(!error.to_string().contains("MadeUpPassword") && local(proxy, true).is_ok(), "{error}");
    }
}
