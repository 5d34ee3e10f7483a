//! The public API of the SDK, as a list of items in `crates/core/public-api.txt`. A change of the API changes the list,
//! so that a reviewer sees each change.

use std::env;
use std::fs;
use std::process::{Command, ExitCode, ExitStatus};

use anyhow::{Context as _, Result, ensure};
use public_api::Builder;

use crate::process::{command, run};

pub(crate) const LIST: &str = "crates/core/public-api.txt";

/// The file in which rustdoc describes the crate as JSON.
const JSON: &str = "target/doc/codat_keys.json";

/// The variable that makes this program act as rustdoc. See [`as_rustdoc`].
const AS_RUSTDOC: &str = "XTASK_AS_RUSTDOC";

/// Returns the list of public items. Omits blanket implementations and implementations of auto traits, which say little
/// about the crate.
pub(crate) fn list() -> Result<String> {
    // The features do not change the public API. The default features build aws-lc.
    let features = "--no-default-features --features ring";
    let mut rustdoc = command(&format!("cargo rustdoc --quiet --locked --package codat-keys --lib {features}"));
    rustdoc.args(["--", "-Zunstable-options", "--output-format=json"]);
    run(rustdoc.env("RUSTDOC", env::current_exe()?).env(AS_RUSTDOC, "1"))?;
    let api = Builder::from_rustdoc_json(JSON).omit_blanket_impls(true).omit_auto_trait_impls(true).build();
    let api = api.context(
        "the JSON of this rustdoc cannot be read: use the Rust version of .github/workflows/ci.yml, or the version of the \
         crate public-api for this compiler",
    )?;
    Ok(api.to_string())
}

/// Fails if the public items differ from the committed list in `crates/core/public-api.txt`, and prints the
/// differences.
pub(crate) fn check() -> Result<()> {
    let (committed, current) = (fs::read_to_string(LIST).unwrap_or_default(), list()?);
    let without = |lines: &str, others: &str, sign: char| {
        let others: Vec<&str> = others.lines().collect();
        lines.lines().filter(|line| !others.contains(line)).for_each(|line| println!("{sign}{line}"));
    };
    without(&committed, &current, '-');
    without(&current, &committed, '+');
    ensure!(committed == current, "the public API differs from {LIST}: `cargo xtask generate` writes it");
    Ok(())
}

/// Runs rustdoc if cargo started this program as rustdoc, and returns its exit code. JSON is an unstable output format,
/// which the stable rustdoc writes only with `RUSTC_BOOTSTRAP`. If cargo itself had this variable, it would build many
/// dependencies again, because their build scripts read it.
pub(crate) fn as_rustdoc() -> Option<Result<ExitCode>> {
    env::var_os(AS_RUSTDOC)?;
    let status = Command::new("rustdoc").args(env::args_os().skip(1)).env("RUSTC_BOOTSTRAP", "1").status();
    let code = |status: ExitStatus| if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    Some(status.map(code).context("rustdoc cannot start"))
}
