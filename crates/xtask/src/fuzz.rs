//! `cargo xtask fuzz`: builds the fuzz targets and runs each of them for the given number of seconds.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result, ensure};

use crate::cost::measure;
use crate::parallel;
use crate::process::{command, program as start, run as run_to_end, stdout};

const TARGETS: &str = "fuzz/fuzz_targets";

/// The compiler flags for fuzz targets. cargo-fuzz uses the same flags, and in addition flags for sanitizers. The
/// stable compiler has no sanitizers. The fuzz targets need no sanitizers, because sanitizers find errors in unsafe
/// code, and the fuzz targets contain no unsafe code.
const RUSTFLAGS: &str = "--cfg fuzzing -Cpasses=sancov-module -Ccodegen-units=16 \
    -Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
    -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares \
    -Cllvm-args=-sanitizer-coverage-stack-depth -Cllvm-args=-simplifycfg-branch-fold-threshold=0";

/// Runs the fuzz targets in `names`, in parallel on all cores. Each fuzz target runs for `seconds` seconds. The initial
/// inputs are in `fuzz/corpus`. libFuzzer stores new inputs in `target/fuzz`.
pub(crate) fn run(seconds: &str, names: &[&str]) -> Result<ExitCode> {
    let seconds: u32 = seconds.parse().context("give a whole number of seconds")?;
    let targets = targets(names)?;
    let (programs, cost) = measure(build);
    let programs = programs?;
    println!("fuzz: built ({cost})");

    let failed = parallel::map(&targets, parallel::cores(), |target| {
        let inputs = fuzz(&programs.join(target), target, seconds);
        match &inputs {
            Ok(inputs) => println!("{target}: {inputs} inputs, no finding"),
            Err(error) => println!("{target}: FAILED\n{error:#}"),
        }
        inputs.is_err()
    });
    let failed = failed.into_iter().filter(|failed| *failed).count();
    println!("fuzz: {} targets for {seconds} s each, {failed} FAILED", targets.len());
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Returns the fuzz targets in `names`. If `names` is empty, returns all fuzz targets.
fn targets(names: &[&str]) -> Result<Vec<String>> {
    let mut targets: Vec<String> = fs::read_dir(TARGETS)
        .with_context(|| format!("cannot read {TARGETS}"))?
        .filter_map(|file| Some(file.ok()?.path().file_stem()?.to_string_lossy().into_owned()))
        .collect();
    targets.sort();
    for name in names {
        ensure!(targets.iter().any(|target| target == name), "{TARGETS} has no {name}: it has {}", targets.join(", "));
    }
    targets.retain(|target| names.is_empty() || names.contains(&target.as_str()));
    Ok(targets)
}

/// Builds the fuzz targets, and returns the folder of their programs. Passes the option `--target` to cargo, so that
/// cargo does not apply `RUSTFLAGS` to build scripts and procedural macros. Cargo can then reuse the build scripts and
/// procedural macros of other builds.
fn build() -> Result<PathBuf> {
    let platform = stdout(&mut command("rustc --print host-tuple"))?;
    let mut cargo = command("cargo build --locked --bins --manifest-path fuzz/Cargo.toml --target-dir target --target");
    run_to_end(cargo.arg(&platform).env("RUSTFLAGS", RUSTFLAGS))?;
    Ok(Path::new("target").join(platform).join("debug"))
}

/// Runs a fuzz target, and returns the number of tried inputs. If libFuzzer finds an input that fails, the error
/// contains the path of this input.
fn fuzz(program: &Path, target: &str, seconds: u32) -> Result<String> {
    let [learned, findings] = ["corpus", "artifacts"].map(|folder| Path::new("target/fuzz").join(folder).join(target));
    fs::create_dir_all(&learned)?;
    fs::create_dir_all(&findings)?;
    let mut fuzz = start(program);
    fuzz.arg(learned).arg(Path::new("fuzz/corpus").join(target));
    // libFuzzer writes each input that fails to a path with this prefix.
    fuzz.arg(format!("-artifact_prefix={}/", findings.display())).arg(format!("-max_total_time={seconds}"));
    let output = fuzz.args(["-max_len=4096", "-timeout=60", "-print_final_stats=1"]).output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    // Skips the output before the failure, which is progress information.
    let end = said.find("panicked at").or_else(|| said.find("ERROR: libFuzzer")).unwrap_or(0);
    ensure!(output.status.success(), "{}", &said[end..]);
    let runs = said.lines().find_map(|line| line.strip_prefix("stat::number_of_executed_units:"));
    Ok(runs.context("it did not say how many inputs it tried")?.trim().to_owned())
}
