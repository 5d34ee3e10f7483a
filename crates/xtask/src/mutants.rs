//! `cargo xtask mutants`: runs mutation tests. A mutation test breaks the code on purpose, and checks that tests fail.
//! For some modules of the core, cargo-mutants generates the changes. For other modules, each patch in `tests/mutants`
//! contains one change, and names the tests that must fail.

mod source;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Output, Stdio};
use std::{fmt, fs};

use anyhow::{Context as _, Result, ensure};

use crate::process::{command, stdout};
use crate::{node, page, python};

/// A folder with a copy of the sources. The patches are applied to this copy.
const COPY: &str = "target/mutants/tree";
const BUILT: &str = "target/mutants/built";
const NODE: node::Package = node::Package { root: COPY, built: BUILT };
const PAGE: page::Tests = page::Tests { root: COPY, built: BUILT };
const PYTHON: python::Package = python::Package { root: COPY, built: BUILT, environment: "target/mutants/python-venv" };

struct Mutant {
    name: String,
    patch: PathBuf,
    tests: Vec<Test>,
}

/// A test that must fail when a patch is applied. The first lines of a patch file name its tests. Each of these lines
/// has the form `KIND: TEST`.
enum Test {
    /// A Rust test: the arguments of `cargo test`. In a patch file: `test: -p codat-keys --test core x::y`.
    Cargo(String),
    /// A Python test: its id in pytest. In a patch file: `pytest: tests/test_x.py::test_y`.
    Pytest(String),
    /// A Node test: the name of a file in `node/tests` without its suffix, and the start of the test's name. In a patch
    /// file: `node: FILE TEST`.
    Node(String, String),
    /// A browser test of the API keys page: the name of a file in `tests/page` without its suffix, and the start of the
    /// test's name. In a patch file: `page: FILE TEST`.
    Page(String, String),
}

/// Runs the mutation tests that the arguments of `cargo xtask mutants` select:
/// - `patches`: the patches in `tests/mutants`;
/// - `source`: the changes that cargo-mutants generates in all modules. Paths of modules after `source` select the
///   changes in these modules;
/// - names of patches: the patches with these names.
///
/// Without arguments, runs all mutation tests.
pub(crate) fn run(arguments: &[&str]) -> Result<ExitCode> {
    copy_sources()?;
    let caught = match arguments {
        [] => patches(&[])? & source::run(&[])?,
        ["patches"] => patches(&[])?,
        ["source", files @ ..] => source::run(files)?,
        names => patches(names)?,
    };
    Ok(if caught { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Fails if a patch in `tests/mutants` no longer applies, or if a module for cargo-mutants does not exist.
pub(crate) fn check() -> Result<()> {
    for mutant in mutants()? {
        let mut apply = command("git apply --check");
        ensure!(apply.arg(&mutant.patch).status()?.success(), "{} does not apply any more", mutant.name);
    }
    source::check()
}

/// Runs the mutation tests of the patches in `names`. If `names` is empty, runs the mutation tests of all patches.
/// First checks that the tests pass without the patches. Then applies one patch at a time, and checks that the tests of
/// the patch fail. Returns false if a check failed.
fn patches(names: &[&str]) -> Result<bool> {
    let mut mutants = mutants()?;
    for name in names {
        ensure!(mutants.iter().any(|mutant| mutant.name == *name), "tests/mutants has no patch {name}");
    }
    mutants.retain(|mutant| names.is_empty() || names.contains(&mutant.name.as_str()));
    let (mut caught, mut missed) = (0, 0);
    mutants.retain(|mutant| {
        let failing = mutant.tests.iter().find_map(|test| match test.passes() {
            Ok(passes) => (!passes).then(|| format!("{test} fails without the patch")),
            Err(error) => Some(format!("{error:#}")),
        });
        if let Some(reason) = &failing {
            println!("{}: FAILED: {reason}", mutant.name);
            missed += 1;
        }
        failing.is_none()
    });
    for mutant in &mutants {
        patch(&mutant.patch, false).with_context(|| format!("{} does not apply any more", mutant.name))?;
        for test in &mutant.tests {
            let (count, result) = match test.passes() {
                Ok(false) => (&mut caught, "caught".to_owned()),
                Ok(true) => (&mut missed, format!("SURVIVED {test}")),
                Err(error) => (&mut missed, format!("FAILED: {error:#}")),
            };
            *count += 1;
            println!("{}: {result}", mutant.name);
        }
        patch(&mutant.patch, true)?;
    }
    println!("mutants: {caught} caught, {missed} not caught");
    Ok(missed == 0)
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
    let tests: Vec<Test> = text.lines().map_while(Test::read).collect();
    ensure!(
        !tests.is_empty(),
        "{}: begin it with `test: ARGUMENTS`, `pytest: TEST`, `node: FILE TEST` or `page: FILE TEST`",
        patch.display()
    );
    let name = patch.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    Ok(Mutant { name, tests, patch: patch.canonicalize()? })
}

/// Copies the sources to [`COPY`], except files that git ignores. Unchanged files keep their modification time, so
/// cargo rebuilds little. Removes the copies of files that no longer exist.
fn copy_sources() -> Result<()> {
    let listed = stdout(&mut command("git ls-files --cached --others --exclude-standard"))?;
    let files: BTreeSet<&str> = listed.lines().filter(|file| Path::new(file).is_file()).collect();
    for file in &files {
        let copy = Path::new(COPY).join(file);
        let text = fs::read(file)?;
        if fs::read(&copy).ok().as_ref() != Some(&text) {
            fs::create_dir_all(copy.parent().context("every copy has a folder")?)?;
            fs::write(&copy, text)?;
        }
    }
    let mut untracked = command("git --work-tree=. ls-files --others --exclude-standard");
    let untracked = stdout(untracked.current_dir(COPY).env("GIT_DIR", fs::canonicalize(".git")?))?;
    for file in untracked.lines().filter(|file| !files.contains(file)) {
        fs::remove_file(Path::new(COPY).join(file))?;
    }
    Ok(())
}

fn patch(patch: &Path, reverse: bool) -> Result<()> {
    let mut apply = Command::new("git");
    // Hides the surrounding repository from git, so that the paths in a patch are relative to the copy.
    apply.current_dir(COPY).env("GIT_CEILING_DIRECTORIES", fs::canonicalize("target")?).arg("apply");
    if reverse {
        apply.arg("--reverse");
    }
    ensure!(apply.arg(patch).status()?.success(), "git apply failed");
    Ok(())
}

impl Test {
    fn read(line: &str) -> Option<Self> {
        let in_file = |test: &str| test.split_once(' ').map(|(file, name)| (file.to_owned(), name.to_owned()));
        match line.split_once(": ")? {
            ("test", test) => Some(Self::Cargo(test.into())),
            ("pytest", test) => Some(Self::Pytest(test.into())),
            ("node", test) => in_file(test).map(|(file, name)| Self::Node(file, name)),
            ("page", test) => in_file(test).map(|(file, name)| Self::Page(file, name)),
            _ => None,
        }
    }

    /// Runs the test, and returns whether it passes. A test that does not exist counts as failed.
    fn passes(&self) -> Result<bool> {
        // A build error is an error of the patch, whereas a crash of the test counts as a failed test.
        match self {
            Self::Cargo(test) => {
                let build = cargo_test("--no-run", test)?;
                ensure!(build.status.success(), "{self} cannot be built:\n{}", String::from_utf8_lossy(&build.stderr));
                let run = cargo_test("", test)?;
                let text = String::from_utf8_lossy(&run.stdout);
                let ran =
                    |line: &str| line.starts_with("test result: ok. ") && !line.starts_with("test result: ok. 0 ");
                Ok(run.status.success() && text.lines().any(ran))
            }
            Self::Pytest(test) => {
                PYTHON.install()?;
                // Sets a timeout that ends the process, because a test may hang with a patch applied.
                let mut pytest = PYTHON.module("pytest -q -x -n 0 --timeout=60 --timeout-method=thread")?;
                Ok(pytest.arg(test).stdin(Stdio::null()).output()?.status.success())
            }
            Self::Node(file, name) => {
                NODE.install()?;
                node_passes(NODE.test(file, name))
            }
            Self::Page(file, name) => {
                PAGE.install()?;
                node_passes(PAGE.some(file, name)?)
            }
        }
    }
}

impl fmt::Display for Test {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cargo(test) => write!(f, "`cargo test {test}`"),
            Self::Pytest(test) => write!(f, "`pytest {test}`"),
            Self::Node(file, name) => write!(f, "`{name}` in {file}.test.mts"),
            Self::Page(file, name) => write!(f, "`{name}` in {file}.test.mjs"),
        }
    }
}

fn node_passes(mut tests: Command) -> Result<bool> {
    let run = tests.stdin(Stdio::null()).output()?;
    let text = String::from_utf8_lossy(&run.stdout);
    Ok(run.status.success() && text.lines().any(|line| line.starts_with("ℹ pass ") && line != "ℹ pass 0"))
}

fn cargo_test(option: &str, test: &str) -> Result<Output> {
    let built = fs::canonicalize("target")?.join(Path::new(BUILT).strip_prefix("target")?);
    // The default features of the core build aws-lc. The other crates use the core with ring.
    let features = if test.starts_with("-p codat-keys ") { "--no-default-features --features ring" } else { "" };
    let mut cargo = command(&format!("cargo test --quiet {option} {features} {test}"));
    Ok(cargo.current_dir(COPY).env("CARGO_TARGET_DIR", built).stdin(Stdio::null()).output()?)
}
