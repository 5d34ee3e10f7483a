//! Mistakes of new users. Each results in one `error:` line and one `hint:` line, which the tests contain literally.

use codat_keys_emulator::Emulator;

use crate::support::{Ended, against, program, run, with_key};

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
    assert!(ended.stderr.starts_with("error: there is no such resource (HTTP 404; "), "{ended:?}");
    assert!(ended.stderr.ends_with("hint: check the path and the base URL\n"), "{ended:?}");
    assert_eq!((ended.status, ended.stdout.as_str()), (7, ""));

    check(
        &run(&mut with_key("api.codat.io", KEY), &["list"]),
        2,
        "CODAT_BASE_URL is not a URL",
        "write it like https://api.codat.io, or http://127.0.0.1:4010 for the emulator",
    );
    check(
        &run(&mut with_key("http://api.example", KEY), &["list"]),
        2,
        "CODAT_BASE_URL would send the key unencrypted to http://api.example",
        "use https; where the network is trusted, CODAT_ALLOW_INSECURE_HTTP=true allows http",
    );
}

#[test]
fn no_server() {
    // Another test could listen on a port that was closed a moment ago.
    let closed_port = "127.0.0.1:1";
    let ended = run(&mut with_key(&format!("http://{closed_port}"), KEY), &["list"]);
    let said = format!(
        "error: no connection to http://{closed_port} could be made: nothing listens there (connection refused), \
         after 4 attempts in "
    );
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

/// Arguments, and the expected error and hint.
const USAGE: &[(&[&str], &str, &str)] = &[
    (&["lst"], "there is no command `lst`", "did you mean list? `codat-keys --help` shows the usage"),
    (&[], "no command was given", "`codat-keys --help` shows the usage"),
    (&["profile"], "no command was given", "`codat-keys profile --help` shows the usage"),
    (&["profile", "nope"], "there is no command `nope`", "`codat-keys profile --help` shows the usage"),
    (&["create"], "<NAME> is missing", "`codat-keys create --help` shows the usage"),
    (&["exec"], "<COMMAND>... is missing", "`codat-keys exec --help` shows the usage"),
    (
        &["list", "--jsno"],
        "the argument `--jsno` was not expected",
        "did you mean --json? `codat-keys list --help` shows the usage",
    ),
    (
        &["list", "--nothing-like-it=x"],
        "the argument `--nothing-like-it` was not expected",
        "`codat-keys list --help` shows the usage; a key is never an argument",
    ),
    (
        &["list", "now"],
        "the argument `now` was not expected",
        "`codat-keys list --help` shows the usage; a key is never an argument",
    ),
    (
        &["list", "--timeout", "abc"],
        "the value of --timeout <SECONDS> is not a whole number of seconds, 1 or more",
        "`codat-keys list --help` shows the usage",
    ),
    (
        &["list", "--timeout", "0"],
        "the value of --timeout <SECONDS> is not a whole number of seconds, 1 or more",
        "`codat-keys list --help` shows the usage",
    ),
    (&["list", "--timeout"], "--timeout <SECONDS> has no value", "`codat-keys list --help` shows the usage"),
    (&["list", "--json=yes"], "--json takes no value", "`codat-keys list --help` shows the usage"),
    (&["list", "--reveal", "--reveal"], "--reveal is given twice", "`codat-keys list --help` shows the usage"),
    (
        &["list", "--base-url", "api.codat.io"],
        "the value of --base-url <URL> is not a URL like https://api.codat.io",
        "`codat-keys list --help` shows the usage",
    ),
    (
        &["list", "--proxy", "proxy.example"],
        "the value of --proxy <URL> is not a URL like http://proxy.example:8080",
        "`codat-keys list --help` shows the usage",
    ),
    (
        &["list", "--profile", "Work"],
        "--profile is no name of a profile",
        "write it with at most 32 lower-case letters, digits, `-` and `_`: work, staging-eu",
    ),
    (
        &["list", "--profile", "nope"],
        "--profile names the profile `nope`, which is not in /dev/null/codat-keys/config.toml",
        "there is none; `codat-keys login --profile nope` makes it",
    ),
    (
        &["profile", "show", "nope"],
        "there is no profile `nope` in /dev/null/codat-keys/config.toml",
        "there is none; `codat-keys login --profile nope` makes it",
    ),
    (
        &["profile", "show", "Nope"],
        "<NAME> is no name of a profile",
        "write it with at most 32 lower-case letters, digits, `-` and `_`: work, staging-eu",
    ),
    (&["completions", "tcsh"], "the value of <SHELL> is not valid", "give one of bash, elvish, fish, powershell, zsh"),
    (&["login", "--store", "disk"], "the value of --store <PLACE> is not valid", "give one of keyring, file"),
    (
        &["emulator", "--port", "70000"],
        "the value of --port <PORT> is not a number from 0 to 65535",
        "`codat-keys emulator --help` shows the usage",
    ),
    #[cfg(feature = "portal")]
    (
        &["portal", "--port", "x"],
        "the value of --port <PORT> is not a number from 0 to 65535",
        "`codat-keys portal --help` shows the usage",
    ),
    (
        &["emulator", "--seed", "x"],
        "the value of --seed <NUMBER> is not a whole number from 0 on",
        "`codat-keys emulator --help` shows the usage",
    ),
    (
        &["emulator", "--invoices", "1000001"],
        "the value of --invoices <NUMBER> is not a whole number from 0 to 1000000",
        "`codat-keys emulator --help` shows the usage",
    ),
    (
        &["emulator", "--host", "localhost"],
        "the value of --host <ADDRESS> is not an IP address like 127.0.0.1 or 0.0.0.0",
        "`codat-keys emulator --help` shows the usage",
    ),
    (&["emulator", "exec"], "<COMMAND>... is missing", "`codat-keys emulator exec --help` shows the usage"),
    (
        &["audit", "--max-age", "90"],
        "the value of --max-age <AGE> is not a number with a unit",
        "write it in hours, days or weeks: --max-age 90d",
    ),
    (
        &["api", "GET", "/companies", "--param", "page"],
        "the value of --param <NAME=VALUE> is not NAME=VALUE",
        "`codat-keys api --help` shows the usage",
    ),
    (
        &["api", "GET", "/companies", "--header", "page"],
        "the value of --header <NAME: VALUE> is not NAME: VALUE",
        "`codat-keys api --help` shows the usage",
    ),
    (
        &["api", "GET", "/companies", "--paginate", "--page-size", "all"],
        "the value of --page-size <NUMBER> is not a number from 1 to 5000",
        "`codat-keys api --help` shows the usage",
    ),
    (&["show", "ci", "--overwrite"], "--out <FILE> is missing", "`codat-keys show --help` shows the usage"),
    (
        &["show", "ci", "--out", "key.txt", "--reveal"],
        "--out <FILE> and --reveal do not go together",
        "`codat-keys show --help` shows the usage",
    ),
    (&["man", "nope"], "there is no command `nope`", "`codat-keys --help` lists the commands"),
    (&["help", "nope"], "there is no command `nope`", "`codat-keys --help` lists the commands"),
    (&["help", "list", "nope"], "there is no command `list nope`", "`codat-keys --help` lists the commands"),
];

#[test]
fn wrong_arguments_are_named_with_what_is_accepted() {
    for (arguments, error, hint) in USAGE {
        check(&run(&mut program(), arguments), 2, error, hint);
    }
}

#[test]
fn an_emulator_that_cannot_start() {
    let folder = tempfile::tempdir().unwrap();
    let faults = folder.path().join("faults.json");
    let faults = faults.to_str().unwrap();
    let correct = "correct the file: docs/emulator.md shows a script of faults";
    std::fs::write(faults, "{").unwrap();
    let what = r#"the faults must be JSON: [...] or {"faults": [...]}"#;
    let ended = run(&mut program(), &["emulator", "--faults", faults]);
    check(&ended, 2, &format!("the faults in {faults} (--faults) cannot be used: {what}"), correct);

    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let listener = std::net::TcpListener::bind(taken).unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    for (arguments, error, hint) in [
        (
            &["--port", &*port][..],
            "cannot listen on 127.0.0.1:",
            "choose another --port, or leave it out for a free one",
        ),
        (
            &["--host", "192.0.2.1"],
            "cannot listen on 192.0.2.1:0: ",
            "give --host an address of this machine: 127.0.0.1, or 0.0.0.0 for every network",
        ),
        (
            &["--allow-host", "http://codat"],
            "the allowed host `http://codat` is not a host name without scheme and port",
            "give --allow-host a host name only, like codat",
        ),
        (&["--state", "/nowhere/state.json"], "/nowhere/state.json", "choose another --state, or leave it out"),
    ] {
        let ended = run(&mut program(), &[&["emulator"], arguments].concat());
        assert!(ended.stderr.starts_with(&format!("error: the emulator cannot start: {error}")), "{ended:?}");
        assert!(ended.stderr.ends_with(&format!("\nhint: {hint}\n")), "{ended:?}");
        assert_eq!((ended.status, ended.stdout.as_str()), (1, ""));
    }
}

#[test]
fn an_unknown_path_is_a_missing_resource() {
    let emulator = Emulator::start().unwrap();
    let ended = run(&mut against(&emulator), &["api", "GET", "/nope"]);
    assert!(ended.stderr.starts_with("error: there is no such resource (HTTP 404; "), "{ended:?}");
    assert!(ended.stderr.ends_with("\nhint: check the path and the base URL\n"), "{ended:?}");
    assert_eq!((ended.status, ended.stdout.as_str()), (7, ""));
}

#[test]
fn deleting_the_key_in_use_requires_its_option() {
    let emulator = Emulator::start().unwrap();
    run(&mut against(&emulator), &["create", "ci"]);
    let own = run(&mut against(&emulator), &["whoami"]).stdout;
    let id = own.split('\t').next().unwrap();
    check(
        &run(&mut against(&emulator), &["delete", id, "--yes"]),
        6,
        "this is the key in use",
        "use another key to delete it, or add --allow-key-in-use",
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
