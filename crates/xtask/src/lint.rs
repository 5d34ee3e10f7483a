//! `cargo xtask lint`: every check that is not a test.

use std::process::ExitCode;

use anyhow::{Result, ensure};

use crate::process::{command, run as run_to_end};
use crate::{generate, mutants, node, page, pin, python, tools};

type Check = fn() -> Result<()>;

const CHECKS: [(&str, Check); 12] = [
    ("format", format),
    ("clippy", || run_to_end(&mut command("cargo clippy --workspace --all-targets --locked -- -D warnings"))),
    // Libraries only: the documentation of a command line is its help, which is no Markdown.
    ("docs", || run_to_end(command("cargo doc --workspace --no-deps --lib").env("RUSTDOCFLAGS", "-D warnings"))),
    ("python types", python_types),
    ("node package", node_package),
    ("page tests", || page::HERE.check()),
    ("generated files", generate::check),
    ("spelling", || run_to_end(&mut tools::typos()?)),
    ("workflows", workflows),
    ("mutants apply", mutants::check),
    ("pinned packages", pin::check),
    // The list of advisories is not on a package registry: the published workflow checks it.
    ("dependencies", dependencies),
];

/// The workspace of the fuzz targets.
const FUZZ: &str = "fuzz/Cargo.toml";

/// Runs every check, or those that are named, whatever became of the one before, and says of each whether it is `ok` or
/// `FAILED`.
pub(crate) fn run(names: &[&str]) -> Result<ExitCode> {
    for name in names {
        let known = || CHECKS.map(|(name, _)| name).join(", ");
        ensure!(CHECKS.iter().any(|(check, _)| check == name), "there is no check `{name}`, but {}", known());
    }
    let mut summary = String::new();
    let mut code = ExitCode::SUCCESS;
    for (name, check) in CHECKS.iter().filter(|(name, _)| names.is_empty() || names.contains(name)) {
        println!("\n== {name}");
        match check() {
            Ok(()) => summary += &format!("{name}: ok\n"),
            Err(error) => {
                eprintln!("{error:#}");
                summary += &format!("{name}: FAILED\n");
                code = ExitCode::FAILURE;
            }
        }
    }
    print!("\n== summary\n{summary}");
    Ok(code)
}

fn format() -> Result<()> {
    run_to_end(&mut command("cargo fmt --all --check"))?;
    run_to_end(command("cargo fmt --check --manifest-path").arg(FUZZ))
}

/// The package's own types by both checkers, then whether the stub says of the native module what there is.
fn python_types() -> Result<()> {
    python::HERE.install()?;
    run_to_end(&mut python::HERE.module("mypy --strict codat_keys examples tests")?)?;
    let mut pyright = python::HERE.module("pyright codat_keys examples tests --pythonpath")?;
    let interpreter = pyright.get_program().to_owned();
    run_to_end(pyright.arg(interpreter))?;
    run_to_end(&mut python::HERE.module("mypy.stubtest codat_keys._native")?)
}

/// Its types while it is built, then what it exports to each kind of module.
fn node_package() -> Result<()> {
    node::HERE.install()?;
    run_to_end(&mut node::HERE.npm("run --silent check"))
}

fn workflows() -> Result<()> {
    run_to_end(tools::zizmor()?.args(["--offline", "--no-progress", ".github/workflows"]))?;
    match tools::actionlint() {
        Some(mut actionlint) => run_to_end(&mut actionlint),
        None => {
            println!("actionlint was not run: there is no Go");
            Ok(())
        }
    }
}

fn dependencies() -> Result<()> {
    for manifest in ["Cargo.toml", FUZZ] {
        let mut deny = tools::cargo_deny()?;
        deny.args([
            "--locked",
            "--manifest-path",
            manifest,
            "--config",
            "deny.toml",
            "check",
            "--hide-inclusion-graph",
        ]);
        run_to_end(deny.args(["licenses", "bans", "sources"]))?;
    }
    Ok(())
}
