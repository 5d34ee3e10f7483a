//! Runs a block as its reader would, in a folder and against an emulator of its own.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use codat_keys_emulator::Emulator;

use super::markdown::{Block, ROOT};
use crate::support::{PROGRAM, clear_environment, start};

/// Stand-ins for what a test cannot run: `cargo`, `npm`, `npx`, `pip`, and an emulator or a page that lasts until Ctrl-C.
const STAND_INS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/readme/bin");

/// What it printed, both ways, as it came.
pub(super) fn run(block: &Block) -> String {
    let emulator = Emulator::start().unwrap();
    let (folder, printed) = (tempfile::tempdir().unwrap(), tempfile::NamedTempFile::new().unwrap());
    let mut bash = Command::new("bash");
    clear_environment(&mut bash);
    bash.args(["-euo", "pipefail", "-c", &block.text])
        .current_dir(&folder)
        .env("XDG_CONFIG_HOME", folder.path().join(".config"))
        .env("PATH", format!("{STAND_INS}:{}", std::env::var("PATH").unwrap()))
        .env("XDG_CONFIG_HOME", folder.path().join("config"))
        .env("PROGRAM", PROGRAM)
        .env("ROOT", ROOT)
        .env("CODAT_BASE_URL", emulator.base_url())
        .env("CODAT_API_KEY", emulator.api_key())
        .stdin(Stdio::piped())
        .stdout(append(printed.path()))
        .stderr(append(printed.path()));
    let mut bash = start(&mut bash);
    // What a reader would paste; most blocks do not ask.
    let _ = writeln!(bash.stdin.take().unwrap(), "{}", emulator.api_key());
    let status = bash.wait().unwrap();
    let output = std::fs::read_to_string(printed.path()).unwrap();
    assert!(status.success(), "{}: {status}, after it printed:\n{output}", block.place);
    output
}

fn append(file: &Path) -> File {
    File::options().append(true).open(file).unwrap()
}

/// Whether an output is what a page shows of it, where `…` stands for anything.
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
fn an_output_matches_what_is_shown_of_it() {
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
