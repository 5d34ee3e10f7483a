//! `api --output FILE` writes a body while it arrives, and leaves no incomplete file.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::Stdio;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::time::Duration;

use codat_keys_emulator::Emulator;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::bounded::wait_until;
use crate::raw_server::{RawServer, Reply, json};
use crate::support::{against, run, start, with_key};

const KEY: &str = "MadeUpKeyA000000000000000000000000000000";
/// A user who is not the user who runs the tests.
const STRANGER: u32 = 12_345;

fn files(folder: &Path) -> Vec<String> {
    folder.read_dir().unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn a_body_is_written_for_the_owner_alone() {
    let (emulator, folder) = (Emulator::start().unwrap(), tempfile::tempdir().unwrap());
    let file = folder.path().join("companies.json");
    let path = file.to_str().unwrap();
    let ended = run(&mut against(&emulator), &["api", "/companies", "--output", path]);
    assert_eq!((ended.status, ended.stdout.as_str(), ended.stderr.as_str()), (0, "", ""));
    let body: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    assert_eq!(body["totalResults"], 5);
    assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(files(folder.path()), ["companies.json"]);
}

#[test]
fn a_file_is_replaced_only_if_asked() {
    let (server, folder) = (RawServer::with_replies(vec![json(200, "new")]), tempfile::tempdir().unwrap());
    let [file, link] = ["file", "link"].map(|name| folder.path().join(name));
    fs::write(&file, "old").unwrap();
    symlink(&file, &link).unwrap();
    for (path, arguments) in [(&file, &[][..]), (&link, &["--overwrite"]), (&folder.path().join("no/x"), &[])] {
        let arguments = [&["api", "/x", "--output", path.to_str().unwrap()], arguments].concat();
        let ended = run(&mut with_key(&server.url, KEY), &arguments);
        assert_eq!((ended.status, fs::read_to_string(&file).unwrap().as_str()), (2, "old"), "{ended:?}");
    }
    assert!(server.requests().is_empty());
    let ended = run(&mut with_key(&server.url, KEY), &["api", "/x", "-o", file.to_str().unwrap(), "--overwrite"]);
    assert_eq!((ended.status, fs::read_to_string(&file).unwrap().as_str()), (0, "new"), "{ended:?}");
    assert_eq!(files(folder.path()).len(), 2);
}

/// Another program creates a file while the response arrives.
#[test]
fn a_file_that_appears_meanwhile_is_replaced_by_the_same_rules() {
    let own = |path: &Path| fs::write(path, "theirs").unwrap();
    let link = |path: &Path| symlink("/etc/hostname", path).unwrap();
    let socket = |path: &Path| drop(UnixListener::bind(path).unwrap());
    let foreign = |path: &Path| {
        fs::write(path, "theirs").unwrap();
        chown(path, Some(STRANGER), None).unwrap();
    };
    let not_regular = "is not a regular file\n";
    let belongs = "belongs to user 12345";
    for (appears, refused) in
        [(own as fn(&Path), None), (link, Some(not_regular)), (socket, Some(not_regular)), (foreign, Some(belongs))]
    {
        if refused == Some(belongs) && !rustix::process::geteuid().is_root() {
            continue;
        }
        for method in ["GET", "POST"] {
            let folder = tempfile::tempdir().unwrap();
            let file = folder.path().join("file");
            let there = file.clone();
            let server = RawServer::with_handler(move |_| {
                appears(&there);
                json(200, "new")
            });
            let arguments = ["api", method, "/x", "--output", file.to_str().unwrap(), "--overwrite"];
            let ended = run(&mut with_key(&server.url, KEY), &arguments);
            assert_eq!((server.requests().len(), files(folder.path()).len()), (1, 1), "{ended:?}");
            let Some(refused) = refused else {
                assert_eq!((ended.status, fs::read_to_string(&file).unwrap().as_str()), (0, "new"), "{ended:?}");
                continue;
            };
            assert!(ended.status == 1 && ended.stderr.contains(refused), "{ended:?}");
            assert!(ended.stderr.contains("so it was not replaced: choose another file"), "{ended:?}");
            assert_eq!(ended.stderr.contains("note: the call was made and answered: HTTP 200"), method == "POST");
            let metadata = file.symlink_metadata().unwrap();
            assert!(!metadata.is_file() || fs::read_to_string(&file).unwrap() == "theirs", "{ended:?}");
        }
    }
}

#[test]
fn nothing_is_sent_if_the_file_cannot_be_created() {
    let (server, folder) = (RawServer::with_replies(vec![json(200, "new")]), tempfile::tempdir().unwrap());
    let long = "x".repeat(300);
    for name in ["x/", "x/.", "no/x", long.as_str()] {
        for (method, option) in [("GET", &[][..]), ("POST", &[]), ("POST", &["--overwrite"])] {
            let path = format!("{}/{name}", folder.path().display());
            let ended =
                run(&mut with_key(&server.url, KEY), &[&["api", method, "/x", "--output", &path], option].concat());
            assert_eq!((ended.status, server.requests().len()), (2, 0), "{ended:?}");
            assert!(ended.stderr.ends_with("; nothing was sent\n"), "{ended:?}");
            assert_eq!(files(folder.path()), [""; 0], "{ended:?}");
        }
    }
}

#[test]
fn the_hint_for_a_body_above_the_limit_is_true() {
    let (server, folder) = (RawServer::with_replies(vec![json(200, "new")]), tempfile::tempdir().unwrap());
    let file = folder.path().join("file");
    let arguments = ["api", "/x", "--output", file.to_str().unwrap(), "--max-response-bytes", "2"];
    let ended = run(&mut with_key(&server.url, KEY), &arguments);
    let hint = "hint: raise --max-response-bytes, or leave it out: --output has no limit by default\n";
    assert!(ended.status == 10 && ended.stderr.ends_with(hint), "{ended:?}");
}

#[test]
fn a_dash_is_standard_output() {
    let body = "x".repeat(300_000) + KEY;
    let (server, folder) = (RawServer::with_replies(vec![json(200, &body)]), tempfile::tempdir().unwrap());
    for method in ["GET", "POST"] {
        let mut command = with_key(&server.url, KEY);
        let ended = run(command.current_dir(folder.path()), &["api", method, "/x", "--output", "-"]);
        assert_eq!((ended.status, ended.stderr.as_str()), (0, ""));
        assert!(ended.stdout == body, "the body is unchanged, with its key");
    }
    assert_eq!(files(folder.path()), [""; 0]);
    let mut command = with_key(&server.url, KEY);
    let ended = run(command.current_dir(folder.path()), &["api", "/x", "--output", "./-"]);
    assert_eq!((ended.status, files(folder.path())), (0, vec!["-".to_owned()]), "{ended:?}");
}

#[test]
fn a_change_whose_output_is_a_closed_pipe_is_reported() {
    let server = RawServer::with_replies(vec![json(201, "{}")]);
    let mut command = with_key(&server.url, KEY);
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    command.args(["api", "POST", "/x", "--output", "-"]).stdout(writer).stderr(Stdio::piped());
    let output = start(&mut command).wait_with_output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("note: the call was made and answered: HTTP 201"), "{said}");
}

/// Both commands have begun before a response arrives.
#[test]
fn two_downloads_to_one_file_do_not_mix() {
    for (option, statuses) in [(&[][..], [0, 1]), (&["--overwrite"], [0, 0])] {
        let folder = tempfile::tempdir().unwrap();
        let (file, both) = (folder.path().join("file"), Arc::new(Barrier::new(2)));
        let number = AtomicUsize::new(0);
        let server = RawServer::with_handler(move |_| {
            let digit = number.fetch_add(1, Ordering::SeqCst).to_string();
            both.wait();
            json(200, &digit.repeat(1_000_000))
        });
        let path = file.to_str().unwrap();
        let command = || {
            let mut command = with_key(&server.url, KEY);
            command.args([&["api", "/x", "--timeout", "60", "--output", path][..], option].concat());
            start(command.stderr(Stdio::piped()))
        };
        let outputs = [command(), command()].map(|child| child.wait_with_output().unwrap());
        let mut ended = outputs.each_ref().map(|output| output.status.code().unwrap());
        ended.sort_unstable();
        assert_eq!(ended, statuses, "{outputs:?}");
        let failed = outputs.iter().find(|output| !output.status.success());
        let said = failed.map(|output| String::from_utf8_lossy(&output.stderr).into_owned());
        assert!(said.is_none_or(|said| said.contains("no other program made the file meanwhile")), "{outputs:?}");
        let body = fs::read_to_string(&file).unwrap();
        assert!(body.len() == 1_000_000 && ["0", "1"].iter().any(|digit| body == digit.repeat(1_000_000)));
        assert_eq!(files(folder.path()), ["file"]);
    }
}

#[test]
fn an_incomplete_body_leaves_no_file() {
    let declared = "HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\nstart";
    let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nstart\r\n1f4\r\nx";
    for (method, reply, status) in [
        ("GET", Reply::Bytes(declared.into()), 10),
        ("GET", Reply::Bytes(chunked.into()), 10),
        ("POST", Reply::Bytes(declared.into()), 9),
        ("GET", Reply::Endless("HTTP/1.1 200 OK\r\n\r\n"), 10),
        ("GET", json(404, "{}"), 7),
    ] {
        let (server, folder) = (RawServer::with_replies(vec![reply]), tempfile::tempdir().unwrap());
        let file = folder.path().join("file");
        let arguments = ["api", method, "/x", "--output", file.to_str().unwrap(), "--max-response-bytes", "1000000"];
        let ended = run(&mut with_key(&server.url, KEY), &arguments);
        assert_eq!((ended.status, server.requests().len()), (status, 1), "{ended:?}");
        assert_eq!(files(folder.path()), [""; 0], "{ended:?}");
    }
}

#[test]
fn a_signal_leaves_no_file() {
    let start_of_body = b"HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\nstart".to_vec();
    for (method, status) in [("GET", 130), ("POST", 9)] {
        let reply = Reply::Slow(vec![start_of_body.clone()], Duration::from_secs(3600));
        let (server, folder) = (RawServer::with_replies(vec![reply]), tempfile::tempdir().unwrap());
        let file = folder.path().join("file");
        let mut command = with_key(&server.url, KEY);
        command.args(["api", method, "/x", "--timeout", "60", "--output", file.to_str().unwrap()]);
        let child = start(command.stderr(Stdio::piped()));
        let has_begun = || {
            folder.path().read_dir().unwrap().any(|entry| entry.unwrap().metadata().is_ok_and(|file| file.len() == 5))
        };
        wait_until("the start of the body is written", has_begun);
        assert!(!file.exists());
        kill_process(Pid::from_child(&child), Signal::INT).unwrap();
        let ended = child.wait_with_output().unwrap();
        assert_eq!((ended.status.code(), files(folder.path()).len()), (Some(status), 0), "{ended:?}");
    }
}
