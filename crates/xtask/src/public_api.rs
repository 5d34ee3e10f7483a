//! The lists of the public items of the core and the emulator. Each crate has its list in the file `public-api.txt`. A
//! change of the public API changes this file, so reviewers notice the change.

use std::env;
use std::fs;
use std::process::{Command, ExitCode, ExitStatus};

use anyhow::{Context as _, Result, ensure};
use public_api::Builder;

use crate::process::{command, run};

/// A library crate with a list of its public items.
pub(crate) struct Library {
    pub(crate) list: &'static str,
    /// The arguments of cargo that select the package and its features. The core is built with the feature `ring`
    /// instead of its default features. The default features select aws-lc, which takes longer to compile. The features
    /// of the core do not change its public API.
    package: &'static str,
    /// The file to which rustdoc writes the docs as JSON.
    json: &'static str,
}

pub(crate) const LIBRARIES: [Library; 2] = [
    Library {
        list: "crates/core/public-api.txt",
        package: "codat-keys --no-default-features --features ring",
        json: "target/doc/codat_keys.json",
    },
    Library {
        list: "crates/emulator/public-api.txt",
        package: "codat-keys-emulator",
        json: "target/doc/codat_keys_emulator.json",
    },
];

/// The environment variable that makes this program act as rustdoc. See [`as_rustdoc`].
const AS_RUSTDOC: &str = "XTASK_AS_RUSTDOC";

/// Returns the list of the public items of a library. Omits blanket implementations and implementations of auto traits.
pub(crate) fn list(library: &Library) -> Result<String> {
    let mut rustdoc = command(&format!("cargo rustdoc --quiet --locked --lib --package {}", library.package));
    rustdoc.args(["--", "-Zunstable-options", "--output-format=json"]);
    run(rustdoc.env("RUSTDOC", env::current_exe()?).env(AS_RUSTDOC, "1"))?;
    let api = Builder::from_rustdoc_json(library.json).omit_blanket_impls(true).omit_auto_trait_impls(true).build();
    let api = api.context(
        "the JSON of this rustdoc cannot be read: use the Rust version of .github/workflows/ci.yml, or the version of the \
         crate public-api for this compiler",
    )?;
    Ok(api.to_string())
}

/// Fails if a `public-api.txt` is out of date, and prints the differences.
pub(crate) fn check() -> Result<()> {
    LIBRARIES.iter().try_for_each(check_list)
}

fn check_list(library: &Library) -> Result<()> {
    let (committed, current) = (fs::read_to_string(library.list).unwrap_or_default(), list(library)?);
    let without = |lines: &str, others: &str, sign: char| {
        let others: Vec<&str> = others.lines().collect();
        lines.lines().filter(|line| !others.contains(line)).for_each(|line| println!("{sign}{line}"));
    };
    without(&committed, &current, '-');
    without(&current, &committed, '+');
    ensure!(committed == current, "the public API differs from {}: `cargo xtask generate` writes it", library.list);
    Ok(())
}

/// Runs rustdoc if cargo started this program in place of rustdoc, and returns the exit code of rustdoc. Otherwise,
/// returns `None`. Sets `RUSTC_BOOTSTRAP` for rustdoc, because the JSON format of rustdoc is unstable. This variable
/// must not be set for cargo, because cargo would then build many dependencies again.
pub(crate) fn as_rustdoc() -> Option<Result<ExitCode>> {
    env::var_os(AS_RUSTDOC)?;
    let status = Command::new("rustdoc").args(env::args_os().skip(1)).env("RUSTC_BOOTSTRAP", "1").status();
    let code = |status: ExitStatus| if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    Some(status.map(code).context("rustdoc cannot start"))
}
