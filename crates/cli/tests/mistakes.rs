//! A newcomer's mistakes: each ends in one clear `error:` and one `hint:`, shown here as they are printed.

use codat_keys_emulator::Emulator;

use crate::support::{Ended, program, run, with_key};

const KEY: &str = "MadeUpKeyForTheTests0123456789abcdefGhIj";
const HEADER: &str = "Basic TWFkZVVwS2V5Rm9yVGhlVGVzdHMwMTIzNDU2Nzg5YWJjZGVmR2hJag==";

fn list_with(variable: &str, value: &str) -> Ended {
    run(program().env(variable, value), &["list"])
}

fn check(ended: &Ended, status: i32, error: &str, hint: &str) {
    assert_eq!(ended.stderr, format!("error: {error}\nhint: {hint}\n"));
    assert_eq!((ended.status, ended.stdout.as_str()), (status, ""));
}

#[test]
fn an_empty_variable() {
    check(
        &list_with("CODAT_API_KEY", ""),
        4,
        "CODAT_API_KEY is empty",
        "set CODAT_API_KEY to a value, or unset it to use another source",
    );
}

#[test]
fn a_header_in_the_key_variable() {
    check(
        &list_with("CODAT_API_KEY", HEADER),
        4,
        "CODAT_API_KEY is a whole header, where a raw key belongs",
        "put a header in CODAT_AUTH_HEADER (in code: `auth_header`)",
    );
}

#[test]
fn a_raw_key_after_basic() {
    check(
        &list_with("CODAT_AUTH_HEADER", &format!("Basic {KEY}")),
        4,
        "CODAT_AUTH_HEADER has `Basic` before text that does not decode to a key",
        "the key must be Base64-encoded after `Basic `; give the raw key alone and let this library encode it",
    );
}

#[test]
fn a_bearer_token() {
    check(
        &list_with("CODAT_AUTH_HEADER", &format!("Bearer {KEY}")),
        4,
        "CODAT_AUTH_HEADER is a `Bearer` token",
        "Codat uses Basic: give the raw key and let this library encode it",
    );
}

#[test]
fn a_colon_behind_the_key() {
    check(
        &list_with("CODAT_API_KEY", &format!("{KEY}:")),
        4,
        "CODAT_API_KEY ends in a colon",
        "remove the colon: Codat's header encodes the key alone",
    );
}

#[test]
fn quotes_around_the_key() {
    check(
        &list_with("CODAT_API_KEY", &format!("\"{KEY}\"")),
        4,
        "CODAT_API_KEY has quotes around it",
        "remove the quotes; a .env file or a YAML value may have kept them",
    );
}

#[test]
fn a_line_break_behind_the_key() {
    check(
        &list_with("CODAT_API_KEY", &format!("{KEY}\n")),
        4,
        "CODAT_API_KEY ends in a line break",
        "remove the line break at the end; `printf %s` writes none",
    );
}

#[test]
fn a_wrong_key() {
    let emulator = Emulator::builder().seed(1).start().unwrap();
    let ended = run(&mut with_key(emulator.base_url(), KEY), &["list"]);
    let (before, rest) = ended.stderr.split_once("correlation id ").unwrap();
    assert_eq!(before, "error: Codat does not accept the API key (HTTP 401; Codat says: Unauthorized; ");
    assert_eq!(
        &rest[32..],
        ")\nhint: the key is wrong or was deleted, or belongs to another instance: compare its last four characters \
         with the Portal's page Developers > API keys\n"
    );
    assert_eq!((ended.status, ended.stdout.as_str()), (4, ""));
}

#[test]
fn a_wrong_url() {
    let emulator = Emulator::start().unwrap();
    let ended = run(&mut with_key(&format!("{}/v2", emulator.base_url()), emulator.api_key()), &["list"]);
    assert!(ended.stderr.starts_with("error: there is no such key or resource (HTTP 404; "), "{ended:?}");
    assert!(ended.stderr.ends_with("hint: list the keys to see their ids, and check the base URL\n"), "{ended:?}");
    assert_eq!((ended.status, ended.stdout.as_str()), (7, ""));

    check(
        &run(&mut with_key("api.codat.io", KEY), &["list"]),
        2,
        "the base URL is not a URL",
        "write it like https://api.codat.io, or http://127.0.0.1:4010 for the emulator",
    );
    check(
        &run(&mut with_key("http://api.example", KEY), &["list"]),
        2,
        "the base URL would send the key unencrypted",
        "use https, or allow insecure HTTP if the network is trusted",
    );
}

#[test]
fn no_server() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let ended = run(&mut with_key(&format!("http://{nobody}"), KEY), &["list"]);
    let said =
        format!("error: no connection to http://{nobody} could be made: nothing listens there (connection refused)\n");
    assert!(ended.stderr.starts_with(&said), "{ended:?}");
    assert!(ended.stderr.ends_with("\nhint: check the base URL, the network and the proxy\n"), "{ended:?}");
    assert_eq!((ended.status, ended.stdout.as_str()), (10, ""));
}

#[test]
fn no_key_at_all() {
    check(
        &run(&mut program(), &["list"]),
        4,
        "no API key was given",
        "set CODAT_API_KEY to a raw key, CODAT_AUTH_HEADER to a whole header, or CODAT_API_KEY_FILE to a file that \
         holds either; or store one: codat-keys login",
    );
}

#[test]
fn two_sources_that_disagree() {
    let ended = run(program().env("CODAT_API_KEY", "another").env("CODAT_AUTH_HEADER", HEADER), &["list"]);
    check(
        &ended,
        4,
        "CODAT_API_KEY and CODAT_AUTH_HEADER hold different keys",
        "unset CODAT_API_KEY or CODAT_AUTH_HEADER",
    );
}

#[test]
fn a_key_file_that_is_not_there() {
    let ended = list_with("CODAT_API_KEY_FILE", "/nowhere/key");
    assert_eq!(ended.status, 4);
    assert!(ended.stderr.starts_with("error: the file that CODAT_API_KEY_FILE names cannot be read: "), "{ended:?}");
}

#[test]
fn a_key_as_an_argument() {
    let (dashed, assigned, flag) = (format!("--{KEY}"), format!("--timeout={KEY}"), format!("--json={KEY}"));
    for arguments in [
        &["header", KEY][..],
        &["list", KEY],
        &[KEY, "list"],
        &["list", &dashed],
        &["list", &assigned],
        &["list", &flag],
    ] {
        let ended = run(&mut program(), arguments);
        assert_eq!((ended.status, ended.stdout.as_str()), (2, ""));
        assert!(ended.stderr.starts_with("error: ") && ended.stderr.contains("\nhint: "), "{ended:?}");
        assert!(!ended.stderr.contains(KEY), "{ended:?}");
    }
}

#[test]
fn a_command_that_is_not_there() {
    let ended = run(&mut program(), &["lst"]);
    check(&ended, 2, "there is no such command", "did you mean list? `codat-keys --help` shows the usage");
    let usage = "`codat-keys --help` and `codat-keys COMMAND --help` show the usage; a key is never an argument";
    check(&run(&mut program(), &[]), 2, "no command was given", usage);
    check(&run(&mut program(), &["create"]), 2, "<NAME> is missing", usage);
    check(
        &run(&mut program(), &["list", "--timeout", "soon"]),
        2,
        "the value of --timeout <SECONDS> is not valid",
        usage,
    );
}

#[test]
fn a_proxy_or_a_ca_file_that_cannot_be_used() {
    let mut command = with_key("https://api.example", KEY);
    let ended = run(command.env("HTTPS_PROXY", "::garbage::"), &["list"]);
    check(&ended, 2, "HTTPS_PROXY is not an http or https URL", "write it like http://proxy.example:8080");
    let ended = run(with_key("https://api.example", KEY).env("CODAT_CA_FILE", "/nowhere/ca.pem"), &["list"]);
    assert!(
        ended.stderr.starts_with("error: the file that CODAT_CA_FILE names (/nowhere/ca.pem) cannot be read: "),
        "{ended:?}"
    );
    assert_eq!(ended.status, 2);
}
