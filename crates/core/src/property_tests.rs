//! Property tests of private functions. The tests build URLs from arbitrary ids and paths, and parse arbitrary
//! responses.

use bytes::Bytes;
use http::{Method, Response};
use proptest::prelude::*;

use crate::domain::{BaseUrl, KeyId, KnownKeys};
use crate::wire::date::codat_date;
use crate::wire::{self, Attempt};

fn base() -> BaseUrl {
    BaseUrl::parse("https://api.example/prefix", "the base URL", false).expect("a base URL")
}

/// Returns the path segments of a URL. The URL parser resolves the segments `.` and `..`, and treats a backslash as a
/// slash, as some servers do.
fn segments(url: &str) -> Vec<String> {
    let url = url::Url::parse(url).expect("a URL");
    assert_eq!(url.origin().ascii_serialization(), "https://api.example");
    url.path_segments().expect("a path").map(str::to_owned).collect()
}

proptest! {
    #[test]
    fn no_id_changes_the_path(id in any::<String>()) {
        let Ok(id) = KeyId::parse(&id) else { return Ok(()) };
        let request = wire::delete_request(&base(), &id).expect("a request");
        let segments = segments(&request.uri().to_string());
        prop_assert_eq!(&segments[..2], ["prefix", "apiKeys"]);
        prop_assert_eq!(segments.len(), 3);
        let decoded = percent_encoding::percent_decode_str(&segments[2]).decode_utf8().expect("UTF-8");
        prop_assert_eq!(decoded, id.as_str());
    }

    #[test]
    fn no_path_leaves_the_prefix(path in "(/|\\.|%2e|%2F|\\\\|%5c|a|\\?|#|@|:|//){0,12}") {
        let Ok(request) = wire::any_request(Method::GET, &base(), &path, &[], Bytes::new()) else { return Ok(()) };
        prop_assert_eq!(&segments(&request.uri().to_string())[0], "prefix");
    }

    #[test]
    fn no_path_leaves_the_prefix_at_a_gateway(path in "(/|\\.|%2e|%252E|%2F|%5c|a|;|%3b|%253B|%20|apiKeys/){0,12}") {
        let request = wire::any_request(Method::GET, &base(), &path, &[], Bytes::new());
        let Ok(request) = request else { return Ok(()) };
        let mut path = request.uri().path().to_owned();
        for _ in 0..3 {
            path = percent_encoding::percent_decode_str(&path).decode_utf8_lossy().into_owned();
        }
        let bare = |segment: &str| segment.split(';').next().unwrap_or_default().trim().to_owned();
        let path = path.split(['/', '\\']).map(bare).collect::<Vec<_>>().join("/");
        prop_assert_eq!(&segments(&format!("https://api.example{path}"))[0], "prefix");
    }

    #[test]
    fn no_answer_makes_a_parser_panic(status in 100_u16..1000, body in prop_oneof![any::<Vec<u8>>(), json_like()]) {
        let mut response = Response::new(Bytes::from(body));
        *response.status_mut() = http::StatusCode::from_u16(status).expect("three digits");
        let attempt = Attempt::new(response, KnownKeys::new());
        let _ = (wire::parse_list(&attempt), wire::parse_create(&attempt), wire::parse_delete(&attempt));
    }

    #[test]
    fn no_date_makes_the_reader_panic(date in "\\PC{0,40}|[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]{0,16}(Z|[+-][0-9:]{0,6})?") {
        let _ = codat_date(&date);
    }
}

fn json_like() -> impl Strategy<Value = Vec<u8>> {
    let value =
        prop_oneof![Just("null"), Just("[]"), Just("{}"), Just("7"), Just("\"a\""), Just("\"../x\""), Just("[{}]")];
    let member = ("results|id|name|apiKey|createdDate|error|correlationId", value);
    prop::collection::vec(member, 0..5).prop_map(|members| {
        let members: Vec<String> = members.into_iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
        format!("{{{}}}", members.join(",")).into_bytes()
    })
}
