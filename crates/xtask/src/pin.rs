//! `cargo xtask pin`: pins the Python packages for tests and tools by version and hash. [`check`] fails if a package is
//! not pinned.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use crate::process::{command, run};
use crate::tools;

/// The names of the requirements files, and the minimum version of Python for each. Each name stands for two files:
/// `NAME.in` lists the wanted packages, and uv writes their pinned versions to `NAME.txt`.
const REQUIREMENTS: [(&str, &str); 6] = [
    ("bench/python/requirements", "3.11"),
    ("crates/xtask/tools/checks", "3.9"),
    ("crates/xtask/tools/dist", "3.9"),
    ("crates/xtask/tools/docs", "3.9"),
    ("crates/xtask/tools/pin", "3.9"),
    ("python/requirements-dev", "3.9"),
];

const RESOLVE: &str = "pip compile --universal --generate-hashes --upgrade --no-annotate --no-config --quiet";

/// Writes the newest versions and the hashes of the Python packages to the requirements files.
pub(crate) fn write() -> Result<()> {
    for (file, python) in REQUIREMENTS {
        let mut uv = tools::uv()?;
        uv.args(RESOLVE.split(' ')).args(["--custom-compile-command", "cargo xtask pin", "--python-version", python]);
        run(uv.arg(format!("{file}.in")).arg("--output-file").arg(format!("{file}.txt")))?;
        println!("resolved {file}.txt");
    }
    Ok(())
}

/// Fails if a Python or npm package is not pinned by hash. Also fails if a `NAME.in` in [`REQUIREMENTS`] lists a
/// package that is missing in `NAME.txt`.
pub(crate) fn check() -> Result<()> {
    for (file, _) in REQUIREMENTS {
        let [wanted, pinned] = [format!("{file}.in"), format!("{file}.txt")].map(fs::read_to_string);
        requirements(&wanted?, &pinned?).with_context(|| format!("{file}.txt: run `cargo xtask pin`"))?;
    }
    let listed = command("git ls-files --cached --others --exclude-standard *package.json").output()?;
    for manifest in std::str::from_utf8(&listed.stdout)?.lines() {
        let package: Value = serde_json::from_str(&fs::read_to_string(manifest)?)?;
        // Skips a package without dependencies, because it has no lock file.
        if ["dependencies", "devDependencies", "optionalDependencies"].iter().any(|kind| package[kind].is_object()) {
            let file = Path::new(manifest).with_file_name("package-lock.json");
            let text = fs::read_to_string(&file).with_context(|| format!("{} is missing", file.display()))?;
            lock_file(&text).with_context(|| file.display().to_string())?;
        }
    }
    Ok(())
}

fn requirements(wanted: &str, pinned: &str) -> Result<()> {
    let lines: Vec<&str> = pinned.lines().filter(|line| !line.starts_with('#')).collect();
    let is_hash = |line: &str| line.starts_with("    --hash=sha256:");
    for (at, line) in lines.iter().enumerate().filter(|(_, line)| !is_hash(line)) {
        let is_pinned = line.contains("==") && lines.get(at + 1).is_some_and(|next| is_hash(next));
        ensure!(is_pinned, "no hash for {line}");
    }
    for line in wanted.lines().filter(|line| !line.starts_with('#')) {
        let name = line.split(['=', ';']).next().unwrap_or_default();
        ensure!(lines.iter().any(|line| line.starts_with(&format!("{name}=="))), "{name} is not pinned");
    }
    Ok(())
}

/// Checks that an npm lock file contains a hash for every package, and no URL of a registry. Without such a URL, npm
/// uses the registry in the configuration of the user.
fn lock_file(text: &str) -> Result<()> {
    let lock: Value = serde_json::from_str(text)?;
    for (name, package) in lock["packages"].as_object().context("it has no packages")? {
        ensure!(name.is_empty() || package["integrity"].is_string(), "no hash for {name}");
        ensure!(package["resolved"].is_null(), "{name} names a server: npm must run with the `.npmrc` of that folder");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_requirement_without_a_hash_is_named() {
        let (wanted, hash) = ("# tools\nuv\ntwine; python_version >= \"3.10\"\n", "    --hash=sha256:00\n");
        let pinned = format!("# made by\nuv==1.0 \\\n{hash}twine==7.0.0 ; python_version >= '3.10' \\\n{hash}");
        assert!(requirements(wanted, &pinned).is_ok());
        for (pinned, error) in [
            (pinned.replacen(hash, "", 1), "no hash for uv==1.0 \\"),
            (pinned.replace("uv==1.0", "uv>=1.0"), "no hash for uv>=1.0 \\"),
            (pinned.replace("twine==", "twine-stubs=="), "twine is not pinned"),
        ] {
            assert_eq!(requirements(wanted, &pinned).unwrap_err().to_string(), error);
        }
    }

    #[test]
    fn a_package_of_npm_without_a_hash_is_named() {
        let lock = |package: &str| lock_file(&format!(r#"{{"packages":{{"":{{}},"node_modules/a":{package}}}}}"#));
        assert!(lock(r#"{"integrity":"sha512-"}"#).is_ok());
        assert_eq!(lock("{}").unwrap_err().to_string(), "no hash for node_modules/a");
        let server = lock(r#"{"integrity":"sha512-","resolved":"https://example.com/a.tgz"}"#).unwrap_err();
        assert!(server.to_string().starts_with("node_modules/a names a server"), "{server}");
    }
}
