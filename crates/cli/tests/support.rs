//! Runs the program: no variable of the caller's, no terminal, everything captured.

use std::io::Write;
use std::process::{Command, Output, Stdio};

use codat_keys_emulator::Emulator;

pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_codat-keys");

/// The program, with nothing of Codat's in its environment.
pub(crate) fn program() -> Command {
    let mut command = Command::new(PROGRAM);
    clear_environment(&mut command);
    command
}

/// Without the caller's variables, configuration and keyring.
pub(crate) fn clear_environment(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy().to_uppercase();
        if text.starts_with("CODAT_") || text.ends_with("_PROXY") || text == "NO_COLOR" {
            command.env_remove(name);
        }
    }
    // Where nothing can ever be made.
    command.env("XDG_CONFIG_HOME", "/dev/null").env("APPDATA", "/dev/null");
    command.env("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nowhere");
}

pub(crate) fn with_key(url: &str, key: &str) -> Command {
    let mut command = program();
    command.env("CODAT_BASE_URL", url).env("CODAT_API_KEY", key);
    command
}

pub(crate) fn against(emulator: &Emulator) -> Command {
    with_key(emulator.base_url(), emulator.api_key())
}

#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

pub(crate) fn run(command: &mut Command, arguments: &[&str]) -> Ended {
    run_with_input(command, arguments, "")
}

pub(crate) fn run_with_input(command: &mut Command, arguments: &[&str], input: &str) -> Ended {
    let command = command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // A program that reads no input may have ended already.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let Output { status, stdout, stderr } = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ended { status: status.code().unwrap_or(-1), stdout: text(stdout), stderr: text(stderr) }
}
