//! The program as the first process of a container, which ignores signals that it does not handle, and inherits orphans.

use std::fs;
use std::io::{BufRead, BufReader, Lines};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use codat_keys_emulator::Emulator;
use rustix::process::{Pid, Signal, kill_process};

use crate::support::{PROGRAM, SERVERS, clear_environment};

/// The timeout of each step. It is much longer than any step takes.
const LIMIT: Duration = Duration::from_secs(30);

/// The program as the first process of a PID namespace, and its output.
struct Container {
    outside: Child,
    said: Lines<BufReader<ChildStdout>>,
}

impl Container {
    /// Starts the program. Returns `None` if this machine does not allow namespaces.
    fn start(arguments: &[&str], emulator: Option<&Emulator>) -> Option<Self> {
        let made =
            Command::new("unshare").args(["--pid", "--fork", "--mount-proc", "true"]).stderr(Stdio::null()).status();
        if !made.is_ok_and(|status| status.success()) {
            eprintln!("no namespace can be made here");
            return None;
        }
        let mut command = Command::new("unshare");
        clear_environment(&mut command);
        if let Some(emulator) = emulator {
            command.env("CODAT_BASE_URL", emulator.base_url()).env("CODAT_API_KEY", emulator.api_key());
        }
        // In its own session, so that no terminal sends it signals.
        command.args(["--pid", "--fork", "--kill-child", "--mount-proc", "setsid", PROGRAM]).args(arguments);
        let mut outside = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let said = BufReader::new(outside.stdout.take().unwrap()).lines();
        Some(Self { outside, said })
    }

    fn line(&mut self) -> String {
        self.said.next().unwrap().unwrap()
    }

    /// Sends a signal to the first process of the namespace, and returns its exit status.
    fn end(mut self, signal: Signal) -> i32 {
        let id = self.outside.id();
        let children = fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap();
        let init = children.trim().parse().ok().and_then(Pid::from_raw).unwrap();
        kill_process(init, signal).unwrap();
        let started = Instant::now();
        loop {
            if let Some(status) = self.outside.try_wait().unwrap() {
                return status.code().unwrap_or(-1);
            }
            assert!(started.elapsed() < LIMIT, "it does not end");
            sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        let _ = self.outside.kill();
        let _ = self.outside.wait();
    }
}

#[test]
fn the_emulator_and_the_page_end_on_each_signal() {
    let emulator = Emulator::start().unwrap();
    for signal in [Signal::TERM, Signal::INT, Signal::HUP] {
        for arguments in SERVERS {
            let Some(mut running) = Container::start(arguments, Some(&emulator)) else { return };
            running.line();
            assert!(running.line().contains("http://127.0.0.1:"));
            assert_eq!(running.end(signal), 0, "{arguments:?}, {signal:?}");
        }
    }
}

#[test]
fn a_command_with_the_key_receives_each_signal() {
    let emulator = Emulator::start().unwrap();
    // A first process without a signal handler would ignore the signal.
    let wait = ["--", "sh", "-c", "echo ready; exec sleep 60"];
    for (signal, status) in [(Signal::TERM, 128 + 15), (Signal::INT, 128 + 2), (Signal::HUP, 128 + 1)] {
        for command in [&["exec"][..], &["emulator", "exec"]] {
            let Some(mut running) = Container::start(&[command, &wait].concat(), Some(&emulator)) else { return };
            assert_eq!(running.line(), "ready");
            assert_eq!(running.end(signal), status, "{command:?}, {signal:?}");
        }
    }
}

#[test]
fn a_waiting_call_ends_on_sigterm() {
    let emulator = Emulator::start().unwrap();
    emulator.set_faults(r#"{"faults":[{"fault":"delay-before","milliseconds":600000}]}"#).unwrap();
    let Some(running) = Container::start(&["list"], Some(&emulator)) else { return };
    let started = Instant::now();
    while !journal(&emulator).contains("/apiKeys") {
        assert!(started.elapsed() < LIMIT, "it does not call");
        sleep(Duration::from_millis(10));
    }
    assert_eq!(running.end(Signal::TERM), 143);
}

#[test]
fn orphans_are_reaped() {
    let emulator = Emulator::start().unwrap();
    // The inner shell prints the id of its child and ends first, so that the first process inherits the child.
    let script = "orphan=$(sh -c 'sleep 0.1 >/dev/null & echo $!'); \
                  for _ in $(seq 200); do [ -e /proc/$orphan ] || { echo reaped; exit; }; sleep 0.05; done; echo left";
    for command in [&["exec"][..], &["emulator", "exec"]] {
        let arguments = [command, &["--", "sh", "-c", script]].concat();
        let Some(mut running) = Container::start(&arguments, Some(&emulator)) else { return };
        assert_eq!(running.line(), "reaped", "{command:?}");
    }
}

fn journal(emulator: &Emulator) -> String {
    crate::support::run(&mut crate::support::against(emulator), &["api", "GET", "/_emulator/journal"]).stdout
}
