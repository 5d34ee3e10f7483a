//! Files, standard input and responses in encodings other than UTF-8 without a byte order mark.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use codat_keys_emulator::Emulator;
use tempfile::TempDir;

use crate::home::Home;
use crate::raw_server::{RawServer, Reply, json};
use crate::support::{Ended, program, run, run_with_input, with_key};

const KEY: &str = "MadeUpKeyInEncodings00000000000000000000";
const KEYS: &str = r#"{"results":[{"id":"a","apiKey":"MadeUpKeyOfAnother00000000000000000000ab"}],"totalResults":1}"#;

fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

/// Returns the text with a byte order mark, in UTF-8 and in UTF-16.
fn marked(text: &str) -> [Vec<u8>; 2] {
    let text = format!("\u{feff}{text}");
    [text.clone().into_bytes(), utf16(&text)]
}

struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.0.path().join(name);
        fs::write(&path, bytes).unwrap();
        path
    }
}

fn with_input(command: &mut Command, arguments: &[&str], input: &Path) -> Ended {
    let output = command.args(arguments).stdin(File::open(input).unwrap()).stdout(Stdio::piped()).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ended { status: output.status.code().unwrap(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

#[test]
fn a_key_on_standard_input_can_have_a_byte_order_mark() {
    let folder = Folder::new();
    let plain = run_with_input(&mut program(), &["header"], &format!("{KEY}\n")).stdout;
    assert!(plain.starts_with("Basic "), "{plain}");
    for bytes in marked(&format!("{KEY}\r\n")) {
        let ended = with_input(&mut program(), &["header"], &folder.file("key", &bytes));
        assert_eq!((ended.status, ended.stdout.as_str()), (0, plain.as_str()), "{ended:?}");
    }
    let ended = with_input(&mut program(), &["header"], &folder.file("key", &utf16(KEY)));
    assert_eq!(ended.status, 4);
    assert_eq!(ended.stderr, "error: the credential is encoded as UTF-16\nhint: save it as UTF-8\n");
}

#[test]
fn a_template_can_be_utf8_or_utf16_with_a_byte_order_mark() {
    let folder = Folder::new();
    let inject = |bytes: &[u8]| {
        let path = folder.file("template", bytes);
        run(&mut with_key("https://api.codat.io", KEY), &["inject", path.to_str().unwrap()])
    };
    for bytes in marked("key: {{ codat.key }}\n") {
        let ended = inject(&bytes);
        assert_eq!((ended.status, ended.stdout), (0, format!("key: {KEY}\n")));
    }
    for (bytes, what) in
        [(utf16("{{ codat.key }}"), "is encoded as UTF-16"), (b"\xe9".to_vec(), "is not encoded as UTF-8")]
    {
        let ended = inject(&bytes);
        assert_eq!(ended.status, 2);
        assert!(ended.stderr.ends_with(&format!(" {what}\nhint: give a text file in UTF-8\n")), "{ended:?}");
    }
}

#[test]
fn the_configuration_can_be_utf8_or_utf16_with_a_byte_order_mark() {
    let home = Home::new();
    home.write_config("");
    for bytes in marked("[profiles.work]\nbase_url = \"https://api.codat.io\"\nsource = \"keyring\"\n") {
        fs::write(home.config(), bytes).unwrap();
        let ended = run(&mut home.program(), &["profile", "list"]);
        assert!(ended.status == 0 && ended.stdout.contains("work"), "{ended:?}");
    }
    fs::write(home.config(), utf16("# nothing")).unwrap();
    let ended = run(&mut home.program(), &["profile", "list"]);
    assert_eq!(ended.status, 2);
    assert!(ended.stderr.ends_with("config.toml is encoded as UTF-16\nhint: save it as UTF-8\n"), "{ended:?}");
}

#[test]
fn faults_and_state_can_have_a_byte_order_mark() {
    let folder = Folder::new();
    let emulator = |option: &str, bytes: &[u8]| {
        let file = folder.file("file", bytes);
        run(&mut program(), &["emulator", option, file.to_str().unwrap(), "exec", "--", "true"])
    };
    for bytes in marked(r#"{"faults":[]}"#) {
        let ended = emulator("--faults", &bytes);
        assert_eq!(ended.status, 0, "{ended:?}");
    }
    let ended = emulator("--faults", &utf16(r#"{"faults":[]}"#));
    assert_eq!(ended.status, 1);
    assert!(ended.stderr.ends_with("file is encoded as UTF-16\nhint: save it as UTF-8\n"), "{ended:?}");

    let state = folder.0.path().join("state");
    let start = ["emulator", "--state", state.to_str().unwrap(), "exec", "--", "true"];
    assert_eq!(run(&mut program(), &start).status, 0);
    let [in_utf8, in_utf16] = marked(&fs::read_to_string(&state).unwrap());
    fs::write(&state, in_utf8).unwrap();
    let ended = run(&mut program(), &start);
    assert_eq!(ended.status, 0, "{ended:?}");
    fs::write(&state, in_utf16).unwrap();
    let ended = run(&mut program(), &start);
    assert!(ended.status != 0 && ended.stderr.contains("it is encoded as UTF-16: save it as UTF-8"), "{ended:?}");
}

#[test]
fn a_body_is_converted_to_utf8_unless_its_type_is_given() {
    let (folder, body) = (Folder::new(), r#"{"faults":[]}"#);
    let send = |bytes: &[u8], more: &[&str]| {
        let server = RawServer::with_replies(vec![json(200, "{}")]);
        let file = folder.file("body", bytes);
        let arguments = [&["api", "PUT", "/_emulator/faults", "--input", file.to_str().unwrap()], more].concat();
        let ended = run(&mut with_key(&server.url, KEY), &arguments);
        (ended, server.requests().pop().unwrap_or_default())
    };
    for bytes in marked(body) {
        let (ended, sent) = send(&bytes, &[]);
        assert!(ended.status == 0 && sent.ends_with(&format!("\r\n\r\n{body}")), "{ended:?} {sent}");
    }
    for (bytes, what) in [(utf16(body), "is encoded as UTF-16"), (b"\xe9".to_vec(), "is not encoded as UTF-8")] {
        let (ended, sent) = send(&bytes, &[]);
        assert_eq!((ended.status, sent.as_str()), (2, ""), "{ended:?}");
        assert!(
            ended.stderr.contains(&format!("body {what}\nhint: save it as UTF-8, or name what it is: ")),
            "{ended:?}"
        );
    }
    let (ended, sent) = send(b"\xef\xbb\xbfa,b", &["--header", "Content-Type: text/csv"]);
    assert!(ended.status == 0 && sent.ends_with("\u{feff}a,b"), "{ended:?} {sent}");
}

/// A body in an encoding in which keys cannot be masked is not printed.
#[test]
fn keys_are_masked_in_every_encoding_of_a_response() {
    let head = |more: &str, length: usize| {
        format!("HTTP/1.1 200 OK\r\n{more}connection: close\r\ncontent-length: {length}\r\n\r\n").into_bytes()
    };
    let secret = "MadeUpKeyOfAnother";
    let gzip = b"\x1f\x8b\x08\0";
    let server = RawServer::with_replies(vec![Reply::Bytes(
        [&head("content-encoding: gzip\r\n", gzip.len())[..], gzip].concat(),
    )]);
    let ended = run(&mut with_key(&server.url, KEY), &["api", "GET", "/apiKeys"]);
    assert_eq!((ended.status, ended.stdout.as_str(), server.requests().len()), (10, "", 1));
    assert!(ended.stderr.contains("the response is encoded as `gzip`"), "{ended:?}");

    let [in_utf8, in_utf16] = marked(KEYS);
    for body in [
        in_utf8.clone(),
        in_utf16,
        utf16(KEYS),
        KEYS.replace(":\"a\"", ":\"\u{e9}\"").chars().map(|c| c as u8).collect(),
    ] {
        let server = RawServer::with_replies(vec![Reply::Bytes([&head("", body.len())[..], &body].concat())]);
        let output = with_key(&server.url, KEY).args(["api", "GET", "/apiKeys"]).output().unwrap();
        let letters: Vec<u8> = output.stdout.iter().copied().filter(|byte| *byte != 0).collect();
        let shown = String::from_utf8_lossy(&letters);
        assert!(output.status.success() && !shown.contains(secret) && shown.contains("****"), "{shown}");
    }
    let server = RawServer::with_replies(vec![Reply::Bytes([&head("", in_utf8.len())[..], &in_utf8].concat())]);
    let ended = run(&mut with_key(&server.url, KEY), &["api", "GET", "/apiKeys", "--paginate", "--jsonl"]);
    assert_eq!((ended.status, ended.stdout.as_str()), (0, "{\"id\":\"a\",\"apiKey\":\"****00ab\"}\n"), "{ended:?}");
}

#[test]
fn a_proxy_that_requires_a_password_is_not_retried() {
    let proxy = RawServer::with_replies(vec![json(407, "")]);
    let url = proxy.url.replace("http://", "http://user:MadeUpPassword@");
    let ended = run(with_key("https://codat.example", KEY).env("HTTPS_PROXY", url), &["list"]);
    let said = format!(
        "error: the proxy {} answered 407 Proxy Authentication Required when asked to connect to codat.example:443\n\
         hint: give the user name and the password in the proxy's URL: http://USER:PASSWORD@HOST:PORT\n",
        proxy.url
    );
    assert_eq!((ended.status, ended.stderr, proxy.requests().len()), (10, said, 1));
}

#[test]
fn a_request_without_a_body_has_a_content_length_of_zero() {
    let server = RawServer::with_replies(vec![json(200, "{}")]);
    for method in ["POST", "PUT", "PATCH"] {
        assert_eq!(run(&mut with_key(&server.url, KEY), &["api", method, "/companies/x/data/all"]).status, 0);
    }
    assert!(server.requests().iter().all(|request| request.contains("\r\ncontent-length: 0\r\n")));
}

/// The agent of a secret store writes files of this kind, and the reader cannot change their mode.
#[test]
fn doctor_reports_who_can_read_a_file_of_another_owner() {
    let (emulator, folder) = (Emulator::start().unwrap(), Folder::new());
    let file = folder.file("key", emulator.api_key().as_bytes());
    fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
    if std::os::unix::fs::chown(&file, Some(12_345), None).is_err() {
        eprintln!("skipped: only root can change the owner of a file");
        return;
    }
    let mut command = program();
    command.env("CODAT_BASE_URL", emulator.base_url()).env("CODAT_API_KEY_FILE", &file);
    let ended = run(&mut command, &["doctor"]);
    assert_eq!(ended.status, 0, "{ended:?}");
    let line = ended.stdout.lines().find(|line| line.starts_with("CODAT_API_KEY_FILE")).unwrap();
    assert!(line.contains("in use: a raw key, ****"), "{line}");
    assert!(line.ends_with("; every user of this machine can read the file"), "{line}");

    let home = Home::new();
    home.write_config(&format!(
        "profile = \"work\"\n[profiles.work]\nbase_url = \"{}\"\nsource = {{ file = \"{}\" }}",
        emulator.base_url(),
        file.display()
    ));
    let ended = run(&mut home.program(), &["doctor"]);
    assert_eq!(ended.status, 0, "{ended:?}");
    let line = ended.stdout.lines().find(|line| line.starts_with("profile in use")).unwrap();
    assert!(line.ends_with("; every user of this machine can read the file"), "{line}");
}
