//! The exposure of a key on Linux: no command line and no output contains it, and exactly one file does.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use codat_keys_emulator::Emulator;
use rustix::process::{Pid, Signal, kill_process};
use rustix::termios::{LocalModes, tcgetattr};

use crate::home::{Home, key_file};
use crate::support::{PROGRAM, Running, clear_environment, run};
use crate::terminal::start_on_a_terminal;

#[test]
fn login_and_exec_keep_the_key_out_of_command_lines_and_output() {
    let home = Home::new();
    let key = Emulator::builder().seed(7).start().unwrap().api_key().to_owned();
    // `printf` is a shell builtin, so its arguments are in no command line. `cat` writes the command lines to a file in
    // the home folder, which the test searches for the key.
    let script = r"
        given=$CODAT_API_KEY
        printf %s $given | codat-keys login || exit 90
        unset CODAT_API_KEY
        codat-keys exec -- sh -c 'cat /proc/[0-9]*/cmdline > lines 2>/dev/null; codat-keys list' || exit 91
        codat-keys exec -- sh -c 'exit 7'; echo status $?
        codat-keys exec -- env | grep -c ^CODAT_
    ";
    let arguments = ["emulator", "--seed", "7", "exec", "--", "sh", "-c", script];
    let (ended, command_lines) = command_lines_during(&key, || run(&mut home.program(), &arguments));
    assert_eq!(ended.status, 0, "{ended:?}");
    let masked = format!("****{}", &key[36..]);
    assert!(ended.stdout.contains(&masked) && ended.stdout.contains("status 7\n2\n"), "{ended:?}");
    assert!(!ended.stdout.contains(&key) && !ended.stderr.contains(&key), "{ended:?}");

    assert!(fs::read_to_string(home.path().join("lines")).unwrap().contains("emulator"), "`cat` saw its parents");
    assert_eq!(command_lines, Vec::<String>::new());
    let files = home.files_with(&key);
    assert_eq!(files.len(), 1, "{files:?}");
    let file = home.path().join(&files[0]);
    assert_eq!((mode(&file), mode(file.parent().unwrap()), mode(&home.config())), (0o600, 0o700, 0o600));
}

#[test]
fn the_terminal_does_not_echo_the_key() {
    let (home, emulator) = (Home::new(), Emulator::start().unwrap());
    let key = emulator.api_key();
    let (mut terminal, mut child) = login_at_its_prompt(&home, emulator.base_url());
    writeln!(terminal, "{key}").unwrap();
    let mut shown = Vec::new();
    // On Linux, reading fails when the other side is closed, instead of returning the end of the file.
    let _ = terminal.read_to_end(&mut shown);
    let shown = String::from_utf8(shown).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0), "{shown}");
    assert!(shown.contains("API key of the profile `default` (not shown): ") && !shown.contains(key), "{shown}");
    assert_eq!(home.files_with(key), [key_file("default", emulator.base_url())]);
}

#[test]
fn a_signal_at_the_prompt_restores_the_terminal() {
    let (home, emulator) = (Home::new(), Emulator::start().unwrap());
    for (signal, status) in
        [(None, 130), (Some(Signal::TERM), 143), (Some(Signal::QUIT), 131), (Some(Signal::USR1), 138)]
    {
        let (mut terminal, mut child) = login_at_its_prompt(&home, emulator.base_url());
        match signal {
            None => terminal.write_all(b"\x03").unwrap(),
            Some(signal) => kill_process(Pid::from_child(&child), signal).unwrap(),
        }
        assert_eq!(child.wait().unwrap().code(), Some(status));
        assert!(shows_what_is_typed(&terminal), "{signal:?}");
    }
    assert!(!home.config().exists());
}

/// Starts a login on a controlling terminal, and waits for the prompt.
fn login_at_its_prompt(home: &Home, base_url: &str) -> (File, Running) {
    let mut login = Command::new("setsid");
    clear_environment(&mut login);
    login.args(["--ctty", "--wait", PROGRAM, "login", "--base-url", base_url]);
    login.env("XDG_CONFIG_HOME", home.path().join("config"));
    let (terminal, mut child) = start_on_a_terminal(&mut login);
    while shows_what_is_typed(&terminal) {
        assert!(child.try_wait().unwrap().is_none(), "it ended unasked");
        thread::yield_now();
    }
    (terminal, child)
}

fn shows_what_is_typed(terminal: &File) -> bool {
    tcgetattr(terminal).unwrap().local_modes.contains(LocalModes::ECHO)
}

/// Runs `watched`, and repeatedly reads the command lines of all processes during this time. Returns the command lines that
/// contain the key.
fn command_lines_during<T>(key: &str, watched: impl FnOnce() -> T) -> (T, Vec<String>) {
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let watcher = scope.spawn(|| {
            let mut found = Vec::new();
            while !done.load(Ordering::Relaxed) {
                let processes = fs::read_dir("/proc").unwrap().map(|entry| entry.unwrap().path().join("cmdline"));
                let lines = processes.filter_map(|path| fs::read(path).ok());
                let lines = lines.map(|line| String::from_utf8_lossy(&line).replace('\0', " "));
                found.extend(lines.filter(|line| line.contains(key)));
            }
            found
        });
        let result = watched();
        done.store(true, Ordering::Relaxed);
        (result, watcher.join().unwrap())
    })
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}
