//! `cargo xtask lint`: every check that is not a test.

use std::env;
use std::process::{ExitCode, ExitStatus};

use anyhow::{Result, ensure};

use crate::process::{command, program, run as run_to_end, run_by_line};
use crate::{generate, layers, mutants, node, page, parallel, pin, python, tools};

type Check = fn() -> Result<()>;

/// The checks start in this order: those that take longest come first.
const CHECKS: [(&str, Check); 13] = [
    ("clippy", || run_to_end(&mut command("cargo clippy --workspace --all-targets --locked -- -D warnings"))),
    // The list of advisories is not on a package registry: the published workflow checks it.
    ("dependencies", dependencies),
    ("python types", python_types),
    ("node package", node_package),
    // Libraries only: the documentation of a command line is its help, which is no Markdown.
    ("docs", || run_to_end(command("cargo doc --workspace --no-deps --lib").env("RUSTDOCFLAGS", "-D warnings"))),
    ("page tests", || page::HERE.check()),
    ("format", format),
    ("layers", layers::check),
    ("generated files", generate::check),
    ("spelling", || run_to_end(&mut tools::typos()?)),
    ("workflows", workflows),
    ("mutants apply", mutants::check),
    ("pinned packages", pin::check),
];

/// The workspace of the fuzz targets.
const FUZZ: &str = "fuzz/Cargo.toml";

/// Runs the named checks, or all, whatever became of the others, and prints `ok` or `FAILED` for each.
pub(crate) fn run(names: &[&str]) -> Result<ExitCode> {
    for name in names {
        let known = || CHECKS.map(|(name, _)| name).join(", ");
        ensure!(CHECKS.iter().any(|(check, _)| check == name), "there is no check `{name}`, but {}", known());
    }
    let checks: Vec<_> = CHECKS.into_iter().filter(|(name, _)| names.is_empty() || names.contains(name)).collect();
    let results = match checks.as_slice() {
        [(_, check)] => vec![check().inspect_err(|error| eprintln!("{error:#}")).is_ok()],
        checks => parallel::map(checks, |(name, _)| run_apart(name)),
    };
    if results.len() > 1 {
        println!("\n== summary");
    }
    for ((name, _), ok) in checks.iter().zip(&results) {
        println!("{name}: {}", if *ok { "ok" } else { "FAILED" });
    }
    Ok(if results.contains(&false) { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Runs a check in a process of its own, and prints its output once it has ended, so that checks that run in parallel do
/// not mix. Returns whether it succeeded.
fn run_apart(name: &str) -> bool {
    let run = || -> Result<(ExitStatus, String)> {
        let mut output = String::new();
        let mut check = program(env::current_exe()?);
        check.args(["lint", name]);
        let status = run_by_line(check, |line| output += &format!("{line}\n"))?;
        Ok((status, output))
    };
    let (ok, output) =
        run().map_or_else(|error| (false, format!("{error:#}\n")), |(status, output)| (status.success(), output));
    print!("\n== {name}\n{output}");
    ok
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
