//! Running other programs without a shell.

use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader, Read as _, pipe};
use std::process::{Child, Command, ExitStatus, Stdio};

use anyhow::{Context as _, Result, ensure};

use crate::cost::wait;

/// Returns the command in `line`. The words are separated by white space. Quoting is not supported.
pub(crate) fn command(line: &str) -> Command {
    let mut words = line.split_whitespace();
    let mut command = program(words.next().unwrap_or_default());
    command.args(words);
    command
}

/// Returns the command that runs a program without arguments.
pub(crate) fn program(path: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(path);
    // Removes the variables that `cargo run` sets for xtask. Otherwise, a change of these variables would make ring's
    // build script rebuild the whole TLS stack.
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(|name| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_")) {
            command.env_remove(name);
        }
    }
    command
}

/// Runs a command until it ends. Fails if its exit status is not zero.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let status = wait(start(command)?)?;
    ensure!(status.success(), "`{}` failed: {status}", line(command));
    Ok(())
}

/// Runs a command until it ends, and hides its output. Fails if its exit status is not zero. The error then contains
/// the output.
pub(crate) fn run_quietly(command: &mut Command) -> Result<()> {
    let mut output = String::new();
    let status = run_by_line(command, |line| output += &format!("{line}\n"))?;
    ensure!(status.success(), "`{}` failed: {status}\n{output}", line(command));
    Ok(())
}

/// Runs a command until it ends, and returns its standard output. Fails if its exit status is not zero.
pub(crate) fn stdout(command: &mut Command) -> Result<String> {
    let mut child = start(command.stdout(Stdio::piped()))?;
    let mut output = Vec::new();
    child.stdout.take().context("no pipe")?.read_to_end(&mut output)?;
    let status = wait(child)?;
    ensure!(status.success(), "`{}` failed: {status}", line(command));
    Ok(String::from_utf8(output)?.trim_end().to_owned())
}

/// Runs a command until it ends. Calls `read` with each line of its standard output and standard error.
pub(crate) fn run_by_line(command: &mut Command, mut read: impl FnMut(&str)) -> Result<ExitStatus> {
    let (output, writer) = pipe()?;
    let child = start(command.stdout(writer.try_clone()?).stderr(writer))?;
    // Drops the writing ends of the pipe in `command`. Reading ends only when all writing ends are closed.
    command.stdout(Stdio::null()).stderr(Stdio::null());
    for bytes in BufReader::new(output).split(b'\n') {
        read(String::from_utf8_lossy(&bytes?).trim_end());
    }
    Ok(wait(child)?)
}

fn start(command: &mut Command) -> Result<Child> {
    command.spawn().with_context(|| format!("`{}` cannot start", line(command)))
}

fn line(command: &Command) -> String {
    let words: Vec<_> = [command.get_program()].into_iter().chain(command.get_args()).collect();
    words.join(" ".as_ref()).to_string_lossy().into_owned()
}
