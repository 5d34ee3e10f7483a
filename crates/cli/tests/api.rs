//! Tests of `api`: requests, output and rejected arguments.

use std::collections::HashSet;

use codat_keys_emulator::Emulator;
use serde_json::Value;

use crate::raw_server::{RawServer, Reply, json};
use crate::support::{Ended, against, program, run, run_with_input, start, with_key};

const KEY: &str = "MadeUpKeyA000000000000000000000000000000";
/// A file that a command could create.
const UNWRITTEN: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/unwritten");

fn bytes(content_type: &str, body: &[u8]) -> Reply {
    let head = format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-type: {content_type}\r\n\r\n");
    Reply::Bytes([head.as_bytes(), body].concat())
}

/// Runs `api` against a server that sends `answer`. Returns the requests that the server received and the result of the
/// command.
fn sent(answer: Reply, arguments: &[&str], input: &str) -> (Vec<String>, Ended) {
    let server = RawServer::with_replies(vec![answer]);
    let ended = run_with_input(&mut with_key(&server.url, KEY), &[&["api"], arguments].concat(), input);
    (server.requests(), ended)
}

#[test]
fn paginate_prints_a_document_per_page_and_jsonl_a_line_per_result() {
    let script = |arguments: &str| {
        let script = format!("codat-keys api GET /companies --paginate {arguments}");
        let ended = run(&mut program(), &["emulator", "exec", "--", "sh", "-c", &script]);
        assert_eq!(ended.status, 0, "{ended:?}");
        ended.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect::<Vec<Value>>()
    };
    let pages = script("--page-size 2");
    let ids = |results: &[Value]| results.iter().map(|company| company["id"].to_string()).collect::<Vec<_>>();
    let all: Vec<String> = pages.iter().flat_map(|page| ids(page["results"].as_array().unwrap())).collect();
    assert_eq!((pages.len(), all.len()), (3, 5));
    assert_eq!(all.iter().collect::<HashSet<_>>().len(), 5, "every company once");
    assert_eq!(ids(&script("--jsonl --page-size 2")), all);
    assert_eq!(ids(&script("--jsonl --page-size 1 --concurrency 3")), all);
    assert_eq!(script("--jsonl --order-by -name")[0]["name"], "Example Company 00005");
    assert_eq!(script("--jsonl --param orderBy=-name --query name~00003").len(), 1);
}

#[test]
fn fields_parameters_headers_and_input_are_sent_unchanged() {
    let (requests, ended) =
        sent(json(201, "{}"), &["post", "/x?a=1", "-p", "b=c=d &", "-f", "name=n=1", "-f", "e=", "-H", "X-Y: z"], "");
    assert_eq!(ended.status, 0, "{ended:?}");
    let request = &requests[0];
    assert!(request.starts_with("POST /x?a=1&b=c%3Dd%20%26 HTTP/1.1\r\n"), "{request}");
    assert!(request.contains("\r\nx-y: z\r\n") && request.contains("\r\nidempotency-key: "), "{request}");
    assert!(request.contains("\r\ncontent-type: application/json\r\n"), "{request}");
    assert!(request.ends_with("\r\n\r\n{\"e\":\"\",\"name\":\"n=1\"}"), "{request}");

    let (requests, _) = sent(json(200, "{}"), &["PUT", "/x", "--input", "-"], "[1, 2]\n");
    assert!(
        requests[0].contains("\r\ncontent-type: application/json\r\n") && requests[0].ends_with("\r\n\r\n[1, 2]\n")
    );
    let csv = ["PUT", "/x", "--input", "-", "-H", "content-type: text/csv"];
    let (requests, _) = sent(json(200, "{}"), &csv, "a,b");
    assert_eq!(requests[0].matches("content-type: text/csv\r\n").count(), 1, "{requests:?}");
    assert_eq!(requests[0].matches("content-type: ").count(), 1, "{requests:?}");
}

#[test]
fn a_response_is_printed_unchanged_except_for_keys() {
    let odd = r#"{ "apiKey":"MadeUpKeyB000000000000000000000000000001",  "n": 1.10 }"#;
    let (_, ended) = sent(json(200, odd), &["GET", "/x"], "");
    assert_eq!(ended.stdout, "{ \"apiKey\":\"****0001\",  \"n\": 1.10 }\n");
    let (_, ended) = sent(json(200, odd), &["GET", "/x", "--reveal"], "");
    assert_eq!(ended.stdout, format!("{odd}\n"));
    let paged = r#"{"totalResults":1,"results":[{"apiKey":"MadeUpKeyB000000000000000000000000000001",
        "amount":12345678901234567890.10}]}"#;
    let (_, ended) = sent(json(200, paged), &["GET", "/x", "--paginate", "--jsonl"], "");
    assert_eq!(ended.stdout.trim_end().replace(' ', ""), r#"{"apiKey":"****0001","amount":12345678901234567890.10}"#);
    assert_eq!(sent(json(204, ""), &["DELETE", "/x"], "").1.stdout, "");
}

#[test]
fn a_download_is_printed_byte_for_byte() {
    let server = RawServer::with_replies(vec![bytes("application/pdf", &[0xff, 0, b'\r', b'\n', 0xfe])]);
    let output = with_key(&server.url, KEY).args(["api", "GET", "/x"]).output().unwrap();
    assert_eq!(output.stdout, [0xff, 0, b'\r', b'\n', 0xfe]);
}

/// The client knows a key of the response only from its body.
#[test]
fn a_key_of_the_body_is_masked_in_the_headers() {
    let body = r#"{"id":"a","name":"b","apiKey":"MadeUp.Key-Of-The-Body"}"#;
    let head = format!("HTTP/1.1 200 OK\r\nX-Key: MadeUp.Key-Of-The-Body\r\nContent-Length: {}\r\n\r\n", body.len());
    let (_, ended) = sent(Reply::Bytes((head + body).into_bytes()), &["-i", "POST", "/x"], "");
    assert_eq!(ended.status, 0, "{ended:?}");
    assert!(ended.stdout.contains("x-key: ****") && !ended.stdout.contains("MadeUp.Key"), "{ended:?}");
}

#[test]
fn include_prints_the_status_and_the_headers_first() {
    let emulator = Emulator::start().unwrap();
    let ended = run(&mut against(&emulator), &["api", "-i", "GET", "/profile"]);
    assert!(ended.stdout.starts_with("HTTP 200\ncontent-type: application/json\n"), "{ended:?}");
    let (head, body) = ended.stdout.split_once("\n\n").unwrap();
    assert!(head.contains("\nx-rate-limit-remaining: 5999"), "{ended:?}");
    assert!(serde_json::from_str::<Value>(body).unwrap()["name"].is_string(), "{ended:?}");
}

#[test]
fn a_key_in_the_name_of_a_header_is_masked() {
    let head = format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\nX-{KEY}-Y: of {KEY}\r\n\r\n{{}}");
    let (_, ended) = sent(Reply::Bytes(head.into_bytes()), &["-i", "GET", "/x"], "");
    assert!(ended.stdout.contains("\nx-****-y: of ****\n"), "{ended:?}");
}

#[test]
fn invalid_arguments_are_rejected_before_sending() {
    let refused: [&[&str]; 39] = [
        &["POST", "/x", "-H", "Idempotency-Key:"],
        &["POST", "/x", "-H", "Idempotency-Key: a", "-H", "Idempotency-Key: b"],
        &["POST", "/x", "-f", "a=1", "-H", "Content-Length: 3"],
        &["POST", "/x", "-f", "a=1", "-f", "a=2"],
        &["GET", "https://other.example/"],
        &["GET", "//other.example"],
        &["GET", "/../x"],
        &["GET", ""],
        &["GET", "../x"],
        &["GET", "C:/Program Files/Git/companies"],
        &["GTE", "/x"],
        &["GET"],
        &["GET", "/x", "--force"],
        &["GET", "/x", "-p", "nothing"],
        &["GET", "/x", "-p", "=value"],
        &["GET", "/x", "-f", "a=b"],
        &["GET", "/x", "--input", "-"],
        &["POST", "/x", "-f", "a=b", "--input", "-"],
        &["POST", "/x", "--input", "/nowhere/at/all"],
        &["POST", "/x", "-H", "Authorization: Basic b3RoZXI="],
        &["POST", "/x", "-H", "no header"],
        &["POST", "/x", "--paginate"],
        &["GET", "/x", "--jsonl"],
        &["GET", "/x", "--jsonl", "--output", UNWRITTEN],
        &["GET", "/x", "--page-size", "5", "--output", UNWRITTEN],
        &["GET", "/x", "--concurrency", "2", "--output", UNWRITTEN],
        &["GET", "/x", "--paginate", "--overwrite"],
        &["GET", "/x", "--reveal", "--overwrite"],
        &["GET", "/x", "--output", "-", "--overwrite"],
        &["POST", "/x", "--jsonl", "-f", "a=b"],
        &["POST", "/x", "--query", "name~a", "--input", "-"],
        &["POST", "/x", "--order-by", "name", "-f", "a=b"],
        &["GET", "/x", "--query", "name~a"],
        &["GET", "/x", "--order-by", "name"],
        &["GET", "/x", "--paginate", "--page-size", "5001"],
        &["GET", "/x", "--concurrency", "2"],
        &["GET", "/x", "--paginate", "--concurrency", "0"],
        &["GET", "/x", "--paginate", "--concurrency", "65"],
        &["GET", "/x?page=2", "--paginate"],
    ];
    for arguments in refused {
        let (requests, ended) = sent(json(200, "{}"), arguments, "");
        assert_eq!((ended.status, ended.stdout.as_str(), requests.len()), (2, "", 0), "{arguments:?}: {ended:?}");
        assert!(ended.stderr.contains("error: ") && ended.stderr.contains("\nhint: "), "{arguments:?}: {ended:?}");
    }
}

#[test]
fn paths_and_urls_below_the_base_url_are_accepted() {
    let emulator = Emulator::start().unwrap();
    let base = emulator.base_url();
    let port = base.rsplit_once(':').unwrap().1;
    let url = |rest: &str| format!("{base}{rest}");
    for given in ["/companies", "companies", &url("/companies"), &url("/./companies"), &url("/companies?pageSize=2")] {
        for arguments in [&["api", given][..], &["api", "GET", given], &["api", "get", given, "--paginate"]] {
            let pages = arguments.contains(&"--paginate");
            if pages && given.contains('?') {
                continue;
            }
            let ended = run(&mut against(&emulator), arguments);
            assert!(ended.status == 0 && ended.stdout.contains("\"results\""), "{arguments:?}: {ended:?}");
        }
    }
    let windows =
        "the path came as C:/Program Files/Git/companies: Git Bash rewrites arguments that begin with a slash";
    let elsewhere = format!("the URL is not below the base URL {base}");
    for (given, error, hint) in [
        ("C:/Program Files/Git/companies", windows, "leave the first slash out, as in `codat-keys api companies`"),
        ("https://api.example/companies", &elsewhere, "give a path, or name the other server with --base-url"),
        (&format!("http://127.0.0.1:{port}@api.example/"), &elsewhere, "give a path"),
        (&format!("http://127.0.0.1:{port}0/companies"), &elsewhere, "give a path"),
        ("", "the path is empty", "give a path of Codat's API, like /companies"),
        ("GET", "the path is missing", "give it after the method: codat-keys api GET /companies"),
    ] {
        let ended = run(&mut against(&emulator), &["api", given]);
        assert_eq!(ended.status, 2, "{given}: {ended:?}");
        assert!(ended.stderr.starts_with(&format!("error: {error}\nhint: {hint}")), "{given}: {ended:?}");
        assert!(ended.stderr.ends_with("; nothing was sent\n"), "{given}: {ended:?}");
    }
}

#[test]
fn max_response_bytes_limits_a_response_and_each_page() {
    let page = json(200, r#"{"results":[1],"totalResults":1}"#);
    for paginate in [&[][..], &["--paginate"]] {
        let limited =
            |bytes: &str| sent(page.clone(), &[&["GET", "/x", "--max-response-bytes", bytes], paginate].concat(), "");
        let (_, ended) = limited("31");
        assert_eq!((ended.status, ended.stdout.as_str()), (10, ""), "{ended:?}");
        assert!(ended.stderr.starts_with("error: the response is larger than 31 bytes"), "{ended:?}");
        let hint = match paginate {
            [] => "hint: raise --max-response-bytes, or use --output FILE, which has no limit by default\n",
            _ => "hint: ask for smaller pages with --page-size, or raise --max-response-bytes\n",
        };
        assert!(ended.stderr.ends_with(hint), "{ended:?}");
        assert_eq!(limited("32").1.status, 0);
        let (requests, ended) = limited("0");
        assert_eq!((ended.status, requests.len()), (2, 0), "{ended:?}");
    }
}

#[test]
fn api_delete_has_the_guards_of_delete() {
    let emulator = Emulator::builder().last_key_can_be_deleted(true).start().unwrap();
    let ids = |emulator: &Emulator| {
        let listed = run(&mut against(emulator), &["list"]).stdout;
        listed.lines().map(|line| line.split('\t').next().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let own = ids(&emulator).remove(0);
    let refused = |path: &str, status: i32, error: &str| {
        let ended = run(&mut against(&emulator), &["api", "DELETE", path]);
        assert_eq!(ended.status, status, "{path}: {ended:?}");
        assert!(ended.stderr.starts_with(&format!("error: {error}\nhint: ")), "{path}: {ended:?}");
        assert!(ended.stderr.contains("--force sends the request all the same"), "{path}: {ended:?}");
    };
    let forms = |id: &str| {
        let encoded = id.replace('-', "%2D");
        [
            format!("/apiKeys/{id}"),
            format!("apiKeys/{id}/?a=b"),
            format!("/apikeys/{encoded}"),
            format!("/apiKeys/{id}%2F"),
            format!("/apiKeys%2f{id}"),
            format!("/apiKeys%5C{id}"),
            format!("/apiKeys%252F{id}"),
            format!("%2fapiKeys%255c{encoded}"),
            format!("/apiKeys;x/{id};y"),
            format!("/x/..;/apiKeys/{id}"),
            format!("/apiKeys./{id}%20"),
            format!("/apiKeys%c0%af{id}"),
        ]
    };
    for path in forms(&own) {
        refused(&path, 6, "this is the last remaining key");
    }
    assert_eq!(run(&mut against(&emulator), &["create", "ci"]).status, 0);
    for path in forms(&own) {
        refused(&path, 6, "this is the key in use");
    }
    refused(&format!("/apiKeys/{}", own.to_uppercase()), 7, "there is no such key or resource");
    assert_eq!(ids(&emulator).len(), 2);

    let other = ids(&emulator).into_iter().find(|id| *id != own).unwrap();
    assert_eq!(run(&mut against(&emulator), &["api", "DELETE", &format!("/apiKeys/{other}")]).status, 0);
    assert_eq!(ids(&emulator), std::slice::from_ref(&own));
    let ended = run(&mut against(&emulator), &["api", "DELETE", &format!("/apiKeys/{own}"), "--force"]);
    assert_eq!(ended.status, 0, "{ended:?}");
}

#[test]
fn a_delete_request_below_the_keys_names_exactly_one() {
    let refused = |path: &str, hint: &str| {
        for force in [[].as_slice(), &["--force"]] {
            let (requests, ended) = sent(json(200, "{}"), &[&["DELETE", path], force].concat(), "");
            assert_eq!((ended.status, requests.len()), (2, 0), "{path}: {ended:?}");
            assert!(ended.stderr.contains(&format!("hint: {hint}")), "{path}: {ended:?}");
        }
    };
    for path in ["/apiKeys", "apiKeys/", "/apiKeys?id=a", "/apiKeys/a/b", "/apikeys%2F", "/apiKeys/;a", "/x/apiKeys;y"]
    {
        refused(path, "delete a key with `delete`, which takes its id");
    }
    refused("/companies/..;/a", "give a path of Codat's API");
}

#[test]
fn pagination_ends_when_standard_output_is_closed() {
    let endless = r#"{"totalResults":1000000000,"results":[{"id":"a"}]}"#;
    let server = RawServer::with_replies(vec![json(200, endless)]);
    let mut command = with_key(&server.url, KEY);
    let mut child = start(command.args(["api", "GET", "/x", "--paginate"]).stdout(std::process::Stdio::piped()));
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn a_wrong_total_of_pages_is_reported() {
    let (_, ended) = sent(json(200, r#"{"totalResults":0,"results":[{"id":"a"}]}"#), &["GET", "/x", "--paginate"], "");
    assert_eq!(ended.status, 0, "{ended:?}");
    assert!(ended.stderr.contains("note: there are 1 results on all pages, and the last page tells of 0"), "{ended:?}");
}

#[test]
fn a_total_that_changes_between_pages_is_reported() {
    let page = |total| json(200, &format!(r#"{{"totalResults":{total},"results":[{{"id":"a"}}]}}"#));
    let server = RawServer::with_replies(vec![page(3), page(2)]);
    let ended = run(&mut with_key(&server.url, KEY), &["api", "/x", "--paginate", "--jsonl"]);
    assert_eq!((ended.status, ended.stdout.lines().count()), (0, 2), "{ended:?}");
    let note = "note: the total or the number of results on a page changed between two pages: results can be doubled or missing\n";
    assert_eq!(ended.stderr, note);
}

#[test]
fn a_page_in_the_middle_with_another_length_is_reported() {
    let page = |results: &str| json(200, &format!(r#"{{"totalResults":4,"results":{results}}}"#));
    let server = RawServer::with_replies(vec![page("[1]"), page("[1,2]"), page("[3]")]);
    let ended = run(&mut with_key(&server.url, KEY), &["api", "/x", "--paginate", "--jsonl"]);
    assert_eq!((ended.status, ended.stdout.lines().count()), (0, 4), "{ended:?}");
    assert!(ended.stderr.starts_with("note: the total or the number of results on a page changed"), "{ended:?}");
}

#[test]
fn an_unrequested_part_of_a_resource_fails() {
    let part = json(206, r#"{"totalResults":0,"results":[]}"#);
    for arguments in [&["/x"][..], &["/x", "--paginate"], &["/x", "--output", UNWRITTEN]] {
        let (_, ended) = sent(part.clone(), arguments, "");
        assert_eq!((ended.status, ended.stdout.as_str()), (10, ""), "{ended:?}");
        assert!(ended.stderr.starts_with("error: the response contains only a part"), "{ended:?}");
    }
    assert!(!std::path::Path::new(UNWRITTEN).exists());
    assert_eq!(sent(part, &["/x", "-H", "Range: bytes=0-9"], "").1.status, 0);
}

#[test]
#[cfg(target_os = "linux")]
fn a_change_is_reported_if_its_response_cannot_be_printed() {
    let server = RawServer::with_replies(vec![json(201, "{}")]);
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let mut command = with_key(&server.url, KEY);
    let command = command.args(["api", "POST", "/x"]).stdout(full).stderr(std::process::Stdio::piped());
    let output = start(command).wait_with_output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("note: the call was made and answered: HTTP 201"), "{said}");
}

#[test]
fn an_error_has_codats_message_and_an_ambiguous_change_its_idempotency_key() {
    let answer = json(
        400,
        r#"{"statusCode":400,"error":"Bad","validation":{"errors":[{"itemId":"name","message":"too long"}]}}"#,
    );
    let (_, ended) = sent(answer, &["POST", "/x", "-f", "name=x"], "");
    assert_eq!(ended.status, 2, "{ended:?}");
    assert!(ended.stderr.contains("Codat says: Bad; name: too long"), "{ended:?}");

    let (requests, ended) = sent(Reply::Disconnect, &["POST", "/x", "--timeout", "2"], "");
    assert_eq!(ended.status, 9, "{ended:?}");
    let key = requests[0].lines().find_map(|line| line.strip_prefix("idempotency-key: ")).unwrap();
    assert!(ended.stderr.contains(&format!("the idempotency key was {key}")), "{ended:?}");
}
