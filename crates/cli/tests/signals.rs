//! Terminating signals: the exit status, the reported outcome of the call, and the removal of files.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use codat_keys::{ApiKey, AuthorizationHeader};
use codat_keys_emulator::Emulator;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::bounded::wait_until;
use crate::raw_server::{RawServer, Reply, json};
use crate::support::{PROGRAM, Running, SERVERS, against, clear_environment, program, run, start, with_key};
use crate::terminal::start_on_a_terminal;

const KEY: &str = "MadeUpKeyA000000000000000000000000000000";

const SIGNALS: [(Signal, i32); 3] = [(Signal::INT, 130), (Signal::TERM, 143), (Signal::HUP, 129)];

/// All signals whose default action ends a program, except SIGKILL and signals that report a defect.
const ALL: [Signal; 10] = [
    Signal::INT,
    Signal::TERM,
    Signal::HUP,
    Signal::USR1,
    Signal::USR2,
    Signal::ALARM,
    Signal::VTALARM,
    Signal::PROF,
    Signal::XCPU,
    Signal::IO,
];

/// Starts a server with two keys. It sends no response to the requests that `is_silent` selects.
fn server(is_silent: impl Fn(&str) -> bool + Send + Sync + 'static) -> RawServer {
    RawServer::with_handler(move |request| match is_silent(request) {
        true => Reply::Hang,
        false => json(
            200,
            &format!(
                r#"{{"results":[{{"id":"a","apiKey":"{KEY}"}},
                    {{"id":"b","name":"ci","apiKey":"MadeUpKeyB000000000000000000000000000000"}}]}}"#
            ),
        ),
    })
}

fn is_change(request: &str) -> bool {
    !request.starts_with("GET ")
}

fn send(child: &Running, signal: Signal) {
    // The process may have ended already.
    let _ = kill_process(Pid::from_child(child), signal);
}

/// Runs a command, waits until the request that `is_last` selects has arrived, and sends a signal to the command.
fn stopped(server: &RawServer, command: &mut Command, signal: Signal, is_last: impl Fn(&str) -> bool) -> Output {
    let child = start(command.stdout(Stdio::piped()).stderr(Stdio::piped()));
    wait_until("the last request has arrived", || server.requests().iter().any(|request| is_last(request)));
    send(&child, signal);
    child.wait_with_output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn a_signal_ends_all_pages_under_way() {
    let server = RawServer::with_handler(|request| match request.contains("page=1&") {
        true => json(200, r#"{"totalResults":9,"results":[{"id":"a"}]}"#),
        false => Reply::Hang,
    });
    let arguments = ["api", "/x", "--paginate", "--jsonl", "--page-size", "1", "--concurrency", "4"];
    let mut command = with_key(&server.url, KEY);
    let child = start(command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()));
    wait_until("four pages are under way", || server.requests().len() == 5);
    send(&child, Signal::INT);
    let ended = child.wait_with_output().unwrap();
    assert_eq!((ended.status.code(), text(&ended.stdout).as_str()), (Some(130), "{\"id\":\"a\"}\n"), "{ended:?}");
}

#[test]
fn a_cancelled_read_exits_with_the_status_of_the_signal() {
    for (signal, status) in SIGNALS {
        for arguments in [&["list"][..], &["show", "ci"], &["whoami"], &["audit"], &["doctor"], &["api", "/companies"]]
        {
            let server = server(|_| true);
            let ended = stopped(&server, with_key(&server.url, KEY).args(arguments), signal, |_| true);
            assert_eq!(ended.status.code(), Some(status), "{arguments:?} {signal:?}: {ended:?}");
            assert!(text(&ended.stderr).ends_with("hint: nothing was changed\n"), "{arguments:?}: {ended:?}");
        }
    }
}

#[test]
fn a_cancelled_change_reports_an_unknown_outcome() {
    for (signal, _) in SIGNALS {
        for (arguments, said) in [
            (&["create", "new"][..], "note: the idempotency key was "),
            (&["delete", "b", "--yes"], "it is unknown whether the change took effect"),
            (&["api", "POST", "/apiKeys", "-f", "name=new"], "it is unknown whether the change took effect"),
            (&["api", "DELETE", "/apiKeys/b"], "it is unknown whether the change took effect"),
        ] {
            let server = server(is_change);
            let ended = stopped(&server, with_key(&server.url, KEY).args(arguments), signal, is_change);
            assert_eq!(ended.status.code(), Some(9), "{arguments:?} {signal:?}: {ended:?}");
            assert!(text(&ended.stderr).contains(said), "{arguments:?} {signal:?}: {ended:?}");
        }
        let server = server(is_change);
        let mut command = with_key(&server.url, KEY);
        let ended = stopped(&server, command.args(["create", "new", "--json"]), signal, is_change);
        let said: Value = serde_json::from_slice(&ended.stderr).unwrap();
        assert!(said["error"]["idempotencyKey"].is_string(), "{said}");
    }
}

#[test]
fn a_signal_leaves_no_new_or_incomplete_file() {
    for (signal, _) in SIGNALS {
        for before in [None, Some("before")] {
            let (server, folder) = (server(is_change), tempfile::tempdir().unwrap());
            let file = folder.path().join("key");
            before.inspect(|before| fs::write(&file, before).unwrap());
            let mut command = with_key(&server.url, KEY);
            let command = command.args(["create", "new", "--overwrite", "--out"]).arg(&file);
            let ended = stopped(&server, command, signal, is_change);
            assert_eq!(ended.status.code(), Some(9), "{ended:?}");
            assert_eq!(fs::read_to_string(&file).ok().as_deref(), before, "{signal:?}");
            assert_eq!(folder.path().read_dir().unwrap().count(), usize::from(before.is_some()), "{signal:?}");
        }
    }
}

/// Returns all signals whose default action ends a program, except SIGQUIT.
fn all() -> impl Iterator<Item = Signal> {
    #[cfg(target_os = "linux")]
    let more = [Signal::POWER, Signal::STKFLT, real_time(0), real_time(3), real_time(30)];
    #[cfg(not(target_os = "linux"))]
    let more = [];
    ALL.into_iter().chain(more)
}

#[cfg(target_os = "linux")]
#[allow(unsafe_code, reason = "rustix names no real-time signals")]
pub(crate) fn real_time(number: i32) -> Signal {
    // SAFETY: the C library uses only the signals below SIGRTMIN.
    unsafe { Signal::from_raw_unchecked(libc::SIGRTMIN() + number) }
}

#[test]
fn every_terminating_signal_is_handled() {
    for signal in all() {
        let server = server(|_| true);
        let ended = stopped(&server, with_key(&server.url, KEY).arg("list"), signal, |_| true);
        assert_eq!(ended.status.code(), Some(128 + signal.as_raw()), "{signal:?}: {ended:?}");
    }
    for signal in all().chain([Signal::QUIT]) {
        let (server, folder) = (server(is_change), tempfile::tempdir().unwrap());
        let mut command = with_key(&server.url, KEY);
        let command = command.args(["create", "new", "--out"]).arg(folder.path().join("key"));
        let ended = stopped(&server, command, signal, is_change);
        let status = if signal == Signal::QUIT { 131 } else { 9 };
        assert_eq!(ended.status.code(), Some(status), "{signal:?}: {ended:?}");
        assert_eq!(folder.path().read_dir().unwrap().count(), 0, "{signal:?}");
    }
}

#[test]
fn a_signal_ends_a_program_with_a_blocked_standard_stream() {
    let (emulator, pipe) = (Emulator::start().unwrap(), std::io::pipe().unwrap());
    fill(&pipe.1);
    let full = || Stdio::from(pipe.1.try_clone().unwrap());
    let silent = server(|_| true);
    let mut child = start(with_key(&silent.url, KEY).arg("list").stderr(full()));
    wait_until("it lists", || !silent.requests().is_empty());
    send(&child, Signal::TERM);
    assert_eq!(child.wait().unwrap().code(), Some(143));

    // The key is deleted, and the command blocks while it reports the deletion, before the signal arrives.
    let server = server(|_| false);
    let mut child = start(with_key(&server.url, KEY).args(["delete", "b", "--yes"]).stderr(full()));
    wait_until("it has deleted", || server.requests().iter().any(|request| request.starts_with("DELETE ")));
    std::thread::sleep(std::time::Duration::from_millis(200));
    send(&child, Signal::TERM);
    child.wait().unwrap();

    for arguments in SERVERS {
        let mut child = start(against(&emulator).args(*arguments).stdout(full()).stderr(Stdio::null()));
        wait_until("it handles signals", || handles_signals(&child));
        std::thread::sleep(std::time::Duration::from_millis(200));
        send(&child, Signal::TERM);
        assert_eq!(child.wait().unwrap().code(), Some(0), "{arguments:?}");
    }
}

#[test]
fn an_emulator_with_long_requests_ends_at_once() {
    let mut child = start(program().args(["emulator", "--json", "--invoices", "1000000"]).stdout(Stdio::piped()));
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let started: Value = serde_json::from_str(&line).unwrap();
    let address = started["baseUrl"].as_str().unwrap().strip_prefix("http://").unwrap();
    let authorization = AuthorizationHeader::from(&ApiKey::parse(started["apiKey"].as_str().unwrap()).unwrap());
    // Each request compares a million texts.
    let request = format!(
        "GET /companies/c0da7000-0000-4000-8000-000000000001/data/invoices?query=status~z HTTP/1.1\r\n\
         host: localhost\r\nauthorization: {}\r\n\r\n",
        authorization.expose_secret()
    );
    let mut connections: Vec<TcpStream> = (0..40).map(|_| TcpStream::connect(address).unwrap()).collect();
    for connection in &mut connections {
        connection.write_all(request.as_bytes()).unwrap();
    }
    connections[0].read_exact(&mut [0]).unwrap();
    let began = Instant::now();
    send(&child, Signal::TERM);
    assert_eq!(child.wait().unwrap().code(), Some(0));
    // The other requests take at least ten seconds without optimization.
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
}

#[test]
fn a_cancelled_login_stores_nothing() {
    for (signal, status) in SIGNALS {
        let (home, server) = (tempfile::tempdir().unwrap(), server(|_| true));
        let mut login = program();
        login.args(["login", "--base-url", &server.url]).env("XDG_CONFIG_HOME", home.path());
        let mut child = start(login.stdin(Stdio::piped()).stderr(Stdio::piped()));
        child.stdin.take().unwrap().write_all(KEY.as_bytes()).unwrap();
        wait_until("the key is tried", || !server.requests().is_empty());
        send(&child, signal);
        let ended = child.wait_with_output().unwrap();
        assert_eq!(ended.status.code(), Some(status), "{ended:?}");
        assert_eq!(home.path().read_dir().unwrap().count(), 0);
    }
}

#[test]
fn a_signal_ends_a_blocked_read_or_write() {
    let emulator = Emulator::start().unwrap();
    let mut pipe = std::io::pipe().unwrap();
    for (signal, status) in SIGNALS {
        // The commands wait for standard input, to which the test writes nothing.
        for arguments in [
            &["header"][..],
            &["login"],
            &["inject"],
            &["api", "POST", "/x", "--input", "-"],
            &["emulator", "--faults", "/dev/stdin"],
        ] {
            let mut command = against(&emulator);
            let mut child =
                start(command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped()));
            let input = child.stdin.take();
            wait_until("it handles signals", || handles_signals(&child));
            send(&child, signal);
            let ended = child.wait_with_output().unwrap();
            drop(input);
            assert_eq!(ended.status.code(), Some(status), "{arguments:?} {signal:?}: {ended:?}");
        }
    }
    // The command blocks, because its standard output is full.
    let server = server(|_| false);
    fill(&pipe.1);
    let mut command = with_key(&server.url, KEY);
    let child = start(command.arg("list").stdout(pipe.1.try_clone().unwrap()).stderr(Stdio::piped()));
    wait_until("it has listed", || !server.requests().is_empty());
    send(&child, Signal::TERM);
    assert_eq!(child.wait_with_output().unwrap().status.code(), Some(143));
    pipe.0.read_exact(&mut [0; 1]).unwrap();
}

#[test]
fn a_signal_during_the_output_of_a_key_reports_how_to_fetch_the_key() {
    let (emulator, pipe) = (Emulator::start().unwrap(), std::io::pipe().unwrap());
    fill(&pipe.1);
    let mut command = against(&emulator);
    let command = command.args(["create", "new", "--reveal"]).stdout(pipe.1.try_clone().unwrap());
    let mut child = start(command.stderr(Stdio::piped()));
    let mut said = [0; 1];
    child.stderr.as_mut().unwrap().read_exact(&mut said).unwrap();
    send(&child, Signal::TERM);
    let ended = child.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(143), "{ended:?}");
    assert!(text(&ended.stderr).contains("note: the key exists: fetch it with `codat-keys show --id "), "{ended:?}");
}

/// A process receives two copies if its launcher forwards the signals of the process group. systemd can send SIGTERM and
/// SIGHUP together.
#[test]
fn copies_of_a_signal_count_as_one() {
    let equal = [Signal::INT, Signal::TERM, Signal::HUP].map(|signal| (signal, signal));
    for (signal, other) in equal.into_iter().chain([(Signal::TERM, Signal::HUP), (Signal::HUP, Signal::INT)]) {
        let server = server(is_change);
        let mut command = with_key(&server.url, KEY);
        let child = start(command.args(["create", "new"]).stdout(Stdio::null()).stderr(Stdio::piped()));
        wait_until("the last request has arrived", || server.requests().iter().any(|request| is_change(request)));
        for _ in 0..20 {
            send(&child, signal);
            send(&child, other);
            std::thread::sleep(Duration::from_millis(2));
        }
        let ended = child.wait_with_output().unwrap();
        assert_eq!(ended.status.code(), Some(9), "{signal:?} and {other:?}: {ended:?}");
        let stderr = text(&ended.stderr);
        assert!(stderr.contains("note: the idempotency key was "), "{signal:?} and {other:?}: {ended:?}");
    }
}

#[test]
fn a_second_signal_exits_immediately_and_leaves_no_file() {
    let (server, folder, pipe) = (server(is_change), tempfile::tempdir().unwrap(), std::io::pipe().unwrap());
    // The command blocks while it reports the first signal.
    fill(&pipe.1);
    let mut command = with_key(&server.url, KEY);
    let command = command.args(["create", "new", "--out"]).arg(folder.path().join("key"));
    let mut child = start(command.stdout(Stdio::null()).stderr(pipe.1.try_clone().unwrap()));
    wait_until("the last request has arrived", || server.requests().iter().any(|request| is_change(request)));
    wait_until("it has ended", || {
        send(&child, Signal::TERM);
        child.try_wait().unwrap().is_some()
    });
    assert_eq!(child.wait().unwrap().code(), Some(143));
    assert_eq!(folder.path().read_dir().unwrap().count(), 0);
}

#[test]
#[cfg(target_os = "linux")]
fn a_pipe_in_place_of_the_reserved_file_does_not_delay_the_end() {
    use rustix::fs::{CWD, FileType, Mode, mknodat};

    let (server, folder) = (server(is_change), tempfile::tempdir().unwrap());
    let key = folder.path().join("key");
    let mut command = with_key(&server.url, KEY);
    let mut child = start(command.args(["create", "new", "--out"]).arg(&key));
    wait_until("the last request has arrived", || server.requests().iter().any(|request| is_change(request)));
    std::fs::remove_file(&key).unwrap();
    mknodat(CWD, &key, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    send(&child, Signal::QUIT);
    wait_until("it has ended", || child.try_wait().unwrap().is_some());
    assert_eq!(child.wait().unwrap().code(), Some(131));
    assert!(key.exists(), "the pipe belongs to another user");
}

#[test]
#[cfg(target_os = "linux")]
fn ignored_signals_stay_ignored() {
    let server = server(|_| true);
    let mut command = Command::new("sh");
    clear_environment(&mut command);
    command.args(["-c", r#"trap "" HUP INT TERM USR1; exec "$0" list"#, PROGRAM]);
    command.env("CODAT_BASE_URL", &server.url).env("CODAT_API_KEY", KEY);
    let mut child = start(&mut command);
    wait_until("it lists", || !server.requests().is_empty());
    for signal in [Signal::HUP, Signal::INT, Signal::TERM, Signal::USR1] {
        assert_eq!(signals(&child, "SigIgn") >> (signal.as_raw() - 1) & 1, 1, "{signal:?}");
        send(&child, signal);
    }
    send(&child, Signal::USR2);
    assert_eq!(child.wait().unwrap().code(), Some(128 + Signal::USR2.as_raw()));
}

#[test]
fn a_closed_terminal_does_not_change_the_exit_status() {
    let server = server(is_change);
    let (terminal, mut child) = start_on_a_terminal(with_key(&server.url, KEY).args(["create", "new"]));
    wait_until("the last request has arrived", || server.requests().iter().any(|request| is_change(request)));
    drop(terminal);
    send(&child, Signal::HUP);
    assert_eq!(child.wait().unwrap().code(), Some(9));
}

#[test]
fn the_emulator_and_the_page_exit_with_status_0_on_each_signal() {
    let emulator = Emulator::start().unwrap();
    for (signal, _) in SIGNALS {
        for arguments in SERVERS {
            let mut child = start(against(&emulator).args(*arguments).stdout(Stdio::piped()).stderr(Stdio::piped()));
            child.stdout.as_mut().unwrap().read_exact(&mut [0; 1]).unwrap();
            send(&child, signal);
            let ended = child.wait_with_output().unwrap();
            assert_eq!((ended.status.code(), text(&ended.stderr).as_str()), (Some(0), ""), "{arguments:?} {signal:?}");
        }
    }
    assert_eq!(run(&mut against(&emulator), &["list"]).status, 0);
}

/// Fills a pipe, so that further writes block.
pub(crate) fn fill(pipe: &std::io::PipeWriter) {
    use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
    let flags = fcntl_getfl(pipe).unwrap();
    fcntl_setfl(pipe, flags | OFlags::NONBLOCK).unwrap();
    for size in [4096, 1] {
        while (&mut &*pipe).write(&[b' '; 4096][..size]).is_ok() {}
    }
    fcntl_setfl(pipe, flags).unwrap();
}

/// Returns true if the process has installed its handler for SIGQUIT, which it installs last.
#[cfg(target_os = "linux")]
fn handles_signals(child: &Running) -> bool {
    signals(child, "SigCgt") & (1 << 2) != 0
}

/// Waits for a fixed time, because other systems do not report the handlers of a process.
#[cfg(not(target_os = "linux"))]
fn handles_signals(_: &Running) -> bool {
    std::thread::sleep(std::time::Duration::from_millis(500));
    true
}

/// Returns a set of signals from `/proc/PID/status`.
#[cfg(target_os = "linux")]
fn signals(child: &Running, set: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(set)?.strip_prefix(":\t")).unwrap();
    u64::from_str_radix(line, 16).unwrap()
}
