//! The list of the public items of the core, in `crates/core/public-api.txt`. A change of the public API changes this
//! file, so that reviewers notice it.

use std::env;
use std::fs;
use std::process::{Command, ExitCode, ExitStatus};

use anyhow::{Context as _, Result, ensure};
use public_api::Builder;

use crate::process::{command, run};

pub(crate) const LIST: &str = "crates/core/public-api.txt";

/// The file to which rustdoc writes the docs of the core as JSON.
const JSON: &str = "target/doc/codat_keys.json";

/// The environment variable that makes this program act as rustdoc. See [`as_rustdoc`].
const AS_RUSTDOC: &str = "XTASK_AS_RUSTDOC";

/// Returns the list of the public items of the core. Omits blanket implementations and implementations of auto traits.
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

/// Fails if `crates/core/public-api.txt` is out of date, and prints the differences.
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

/// Runs rustdoc, if cargo started this program in place of rustdoc. Returns the exit code of rustdoc. Sets
/// `RUSTC_BOOTSTRAP` for rustdoc, because the JSON format of rustdoc is unstable. This variable must not be set for
/// cargo, because cargo would then build many dependencies again.
pub(crate) fn as_rustdoc() -> Option<Result<ExitCode>> {
    env::var_os(AS_RUSTDOC)?;
    let status = Command::new("rustdoc").args(env::args_os().skip(1)).env("RUSTC_BOOTSTRAP", "1").status();
    let code = |status: ExitStatus| if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    Some(status.map(code).context("rustdoc cannot start"))
}
