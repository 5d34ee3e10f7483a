//! `cargo xtask fuzz`: builds the targets of `fuzz`, and runs each of them for some seconds.

use std::fs;
use std::path::{Path, absolute};
use std::process::{Command, ExitCode};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread;
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};

use crate::process::run as run_to_end;
use crate::tools;

const TARGETS: &str = "fuzz/fuzz_targets";

/// Without a sanitizer: these need an unstable compiler, and find errors of unsafe code, of which the targets have none.
const OPTIONS: [&str; 6] = ["--sanitizer", "none", "--codegen-units", "16", "--fuzz-dir", "fuzz"];

/// Runs as many targets at once as there are cores. What libFuzzer learns stays in `target/fuzz`; the inputs in `fuzz/corpus`
/// are where it begins.
pub(crate) fn run(seconds: &str, names: &[&str]) -> Result<ExitCode> {
    let seconds: u32 = seconds.parse().context("give a whole number of seconds")?;
    let targets = targets(names)?;
    let begin = Instant::now();
    run_to_end(&mut cargo_fuzz("build")?)?;
    println!("fuzz: built in {} s", begin.elapsed().as_secs());

    let (next, failed) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let work = || {
        while let Some(target) = targets.get(next.fetch_add(1, Relaxed)) {
            match fuzz(target, seconds) {
                Ok(inputs) => println!("{target}: {inputs} inputs, no finding"),
                Err(error) => {
                    println!("{target}: FAILED\n{error:#}");
                    failed.fetch_add(1, Relaxed);
                }
            }
        }
    };
    thread::scope(|scope| {
        (0..thread::available_parallelism().map_or(1, usize::from)).for_each(|_| drop(scope.spawn(work)))
    });
    let failed = failed.into_inner();
    println!("fuzz: {} targets for {seconds} s each, {failed} FAILED", targets.len());
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Those that are named, or all.
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

/// Returns the number of inputs that were tried. The error of a finding says where the input is.
fn fuzz(target: &str, seconds: u32) -> Result<String> {
    let learned = absolute("target/fuzz/corpus")?.join(target);
    fs::create_dir_all(&learned)?;
    let mut fuzz = cargo_fuzz("run")?;
    fuzz.arg(target).arg(learned).arg(absolute("fuzz/corpus")?.join(target)).arg("--");
    fuzz.arg(format!("-max_total_time={seconds}")).args(["-max_len=4096", "-timeout=60", "-print_final_stats=1"]);
    let output = fuzz.output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    // The beginning is how it went until then.
    let end = said.find("panicked at").or_else(|| said.find("ERROR: libFuzzer")).unwrap_or(0);
    ensure!(output.status.success(), "{}", &said[end..]);
    let runs = said.lines().find_map(|line| line.strip_prefix("stat::number_of_executed_units:"));
    Ok(runs.context("it did not say how many inputs it tried")?.trim().to_owned())
}

fn cargo_fuzz(command: &str) -> Result<Command> {
    let mut fuzz = tools::cargo_fuzz()?;
    fuzz.arg(command).args(OPTIONS).arg("--target-dir").arg(absolute(Path::new("target/fuzz"))?);
    Ok(fuzz)
}
