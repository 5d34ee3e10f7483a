//! `cargo xtask mutants`: each patch in `tests/mutants` takes one mechanism out; the test that it names must turn red.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Output, Stdio};

use anyhow::{Context as _, Result, bail, ensure};

use crate::process::command;

/// Where the patched sources are built, apart from the working tree.
const COPY: &str = "target/mutants/tree";
const BUILT: &str = "target/mutants/built";

struct Mutant {
    name: String,
    patch: PathBuf,
    /// The arguments of `cargo test` that run the test, from the patch's first line: `test: -p codat-keys --test core x::y`.
    test: String,
}

/// Copies the sources, sees every named test green, then applies each patch alone and sees it red.
pub(crate) fn run() -> Result<ExitCode> {
    let mutants = mutants()?;
    copy_sources()?;
    for test in mutants.iter().map(|mutant| &mutant.test) {
        ensure!(passes(test)?, "`cargo test {test}` fails without any patch");
    }
    let mut survived = 0;
    for mutant in &mutants {
        patch(&mutant.patch, false).with_context(|| format!("{} does not apply any more", mutant.name))?;
        let caught = !passes(&mutant.test)?;
        patch(&mutant.patch, true)?;
        println!("{}: {}", mutant.name, if caught { "caught" } else { "SURVIVED" });
        survived += usize::from(!caught);
    }
    println!("mutants: {} caught, {survived} survived", mutants.len() - survived);
    Ok(if survived == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Fails if a patch does not apply any more.
pub(crate) fn check() -> Result<()> {
    for mutant in mutants()? {
        let mut apply = command("git apply --check");
        ensure!(apply.arg(&mutant.patch).status()?.success(), "{} does not apply any more", mutant.name);
    }
    Ok(())
}

fn mutants() -> Result<Vec<Mutant>> {
    let mut patches: Vec<PathBuf> = fs::read_dir("tests/mutants")?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()
        .context("cannot read tests/mutants")?;
    patches.retain(|path| path.extension().is_some_and(|extension| extension == "patch"));
    patches.sort();
    patches.into_iter().map(read).collect()
}

fn read(patch: PathBuf) -> Result<Mutant> {
    let text = fs::read_to_string(&patch)?;
    let test = text.lines().next().and_then(|line| line.strip_prefix("test: "));
    let Some(test) = test else { bail!("{}: the first line must be `test: ARGUMENTS`", patch.display()) };
    let name = patch.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    Ok(Mutant { name, test: test.to_owned(), patch: patch.canonicalize()? })
}

/// What git tracks or would track. A file that has not changed keeps its time, so that little is built again.
fn copy_sources() -> Result<()> {
    let listed = command("git ls-files --cached --others --exclude-standard").output()?;
    ensure!(listed.status.success(), "git cannot list the sources");
    let files: Vec<&str> =
        std::str::from_utf8(&listed.stdout)?.lines().filter(|file| Path::new(file).is_file()).collect();
    for file in &files {
        let copy = Path::new(COPY).join(file);
        let text = fs::read(file)?;
        if fs::read(&copy).ok().as_ref() != Some(&text) {
            fs::create_dir_all(copy.parent().context("every copy has a folder")?)?;
            fs::write(&copy, text)?;
        }
    }
    Ok(())
}

fn patch(patch: &Path, reverse: bool) -> Result<()> {
    let mut apply = Command::new("git");
    // Outside of any repository as far as git knows, so that paths are taken from this folder.
    apply.current_dir(COPY).env("GIT_CEILING_DIRECTORIES", fs::canonicalize("target")?).arg("apply");
    if reverse {
        apply.arg("--reverse");
    }
    ensure!(apply.arg(patch).status()?.success(), "git apply failed");
    Ok(())
}

/// Whether the tests run and pass. A test that does not exist counts as failed without a patch, and so is noticed.
fn passes(test: &str) -> Result<bool> {
    // Built first: a mutant that does not build proves nothing, while one that crashes is caught.
    let build = cargo_test("--no-run", test)?;
    ensure!(build.status.success(), "`cargo test {test}` cannot be built:\n{}", String::from_utf8_lossy(&build.stderr));
    let run = cargo_test("", test)?;
    let text = String::from_utf8_lossy(&run.stdout);
    let ran =
        text.lines().any(|line| line.starts_with("test result: ok. ") && !line.starts_with("test result: ok. 0 "));
    Ok(run.status.success() && ran)
}

fn cargo_test(option: &str, test: &str) -> Result<Output> {
    let built = fs::canonicalize("target")?.join(Path::new(BUILT).strip_prefix("target")?);
    let mut cargo = command(&format!("cargo test --quiet {option} {test}"));
    Ok(cargo.current_dir(COPY).env("CARGO_TARGET_DIR", built).stdin(Stdio::null()).output()?)
}
