//! Runs a shell block in its own folder and with its own emulator.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use codat_keys_emulator::Emulator;

use super::markdown::{Block, ROOT};
use crate::support::{PROGRAM, clear_environment, start};

/// Fake programs in place of the programs that a test cannot run: `cargo`, `npm`, `npx`, `pip`, and an emulator or a
/// page that runs until Ctrl-C.
const FAKE_PROGRAMS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/readme/bin");

/// Runs a block and returns its standard output and standard error in the order of the writes.
pub(super) fn run(block: &Block) -> String {
    let emulator = Emulator::start().unwrap();
    let (folder, printed) = (tempfile::tempdir().unwrap(), tempfile::NamedTempFile::new().unwrap());
    let mut bash = Command::new("bash");
    clear_environment(&mut bash);
    bash.args(["-euo", "pipefail", "-c", &block.text])
        .current_dir(&folder)
        .env("XDG_CONFIG_HOME", folder.path().join(".config"))
        .env("PATH", format!("{FAKE_PROGRAMS}:{}", std::env::var("PATH").unwrap()))
        .env("XDG_CONFIG_HOME", folder.path().join("config"))
        .env("XDG_STATE_HOME", folder.path().join("state"))
        .env("PROGRAM", PROGRAM)
        .env("ROOT", ROOT)
        .env("CODAT_BASE_URL", emulator.base_url())
        .env("CODAT_API_KEY", emulator.api_key())
        .stdin(Stdio::piped())
        .stdout(append(printed.path()))
        .stderr(append(printed.path()));
    let mut bash = start(&mut bash);
    // The key that a user would paste. Most blocks do not read standard input.
    let _ = writeln!(bash.stdin.take().unwrap(), "{}", emulator.api_key());
    let status = bash.wait().unwrap();
    let output = std::fs::read_to_string(printed.path()).unwrap();
    assert!(status.success(), "{}: {status}, after it printed:\n{output}", block.place);
    output
}

fn append(file: &Path) -> File {
    File::options().append(true).open(file).unwrap()
}

/// Returns true if an output matches the text on a page. `…` matches any text.
pub(super) fn matches(output: &str, shown: &str) -> bool {
    let mut parts = shown.split('…');
    let Some(mut rest) = output.strip_prefix(parts.next().unwrap_or_default()) else { return false };
    let mut parts = parts.peekable();
    while let Some(part) = parts.next() {
        let found = if parts.peek().is_none() { rest.rfind(part) } else { rest.find(part) };
        let Some(at) = found else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.is_empty()
}

#[test]
fn output_is_compared_with_ellipses() {
    for (output, shown, expected) in [
        ("a\n", "a\n", true),
        ("a b c\n", "a … c\n", true),
        ("a\nb\nc\n", "a\n…", true),
        ("a c c\n", "a … c\n", true),
        ("a\n", "b\n", false),
        ("a b\n", "a …c\n", false),
        ("a\nb\n", "a\n", false),
    ] {
        assert_eq!(matches(output, shown), expected, "{output:?} {shown:?}");
    }
}
