//! The npm packages of the library and of the command-line program. The library and the program each have a main
//! package and a native package. The main package contains JavaScript. The native package contains the compiled code
//! for this platform.

use std::env::consts::{DLL_PREFIX, DLL_SUFFIX, EXE_SUFFIX};
use std::fs;
use std::path::{Path, PathBuf, absolute};

use anyhow::{Result, ensure};
use serde_json::json;

use super::platforms::{PLATFORMS, Platform};
use super::project::Project;
use super::{DIST, LICENCES, MEGABYTES, VERSION, files, megabytes, name, try_command};
use crate::node;
use crate::npm::npm;
use crate::process::{run as run_to_end, run_quietly, stdout};
use crate::rust::{Profile, RELEASE};

/// The folder of the library's `package.json`.
const LIBRARY: &str = "node";
/// The folder of the command-line program's `package.json`.
const CLI: &str = "crates/cli/npm";

/// The prefix of the names of the library's native packages.
const MODULES: &str = "@codat-keys/";
/// The prefix of the names of the native packages of the command-line program.
const PROGRAMS: &str = "@codat-keys/cli-";

/// The archives of a main package and of its native package for this platform.
pub(super) struct Packed {
    pub(super) main: PathBuf,
    pub(super) native: PathBuf,
}

pub(super) struct Dist {
    library: Packed,
    cli: Packed,
}

impl Dist {
    pub(super) fn try_out(&self) -> Result<()> {
        library_stands_alone(&self.library)?;
        program_runs(&self.cli)
    }
}

/// Builds the npm packages and checks their contents.
pub(super) fn build() -> Result<Dist> {
    let library = library(&RELEASE)?;
    let program = build_crate(&RELEASE, "codat-keys-cli", &format!("codat-keys{EXE_SUFFIX}"))?;
    let launcher = |folder: &Path| copy(&Path::new(CLI).join("codat-keys.js"), folder, "codat-keys.js");
    let cli = Packed {
        main: main_package(CLI, PROGRAMS, launcher)?,
        native: native_package(PROGRAMS, "The program of codat-keys-cli", &program, name(&program))?,
    };
    run_quietly(node::HERE.npm("exec -- attw").arg(&library.main))?;
    for archive in [&library.main, &library.native, &cli.main, &cli.native] {
        run_quietly(node::HERE.npm("exec -- publint --strict").arg(archive))?;
        check(archive)?;
    }
    Ok(Dist { library, cli })
}

/// Builds the npm packages of the library, but not those of the command-line program.
pub(super) fn library(profile: &Profile) -> Result<Packed> {
    node::HERE.install_tools()?;
    let module = build_crate(profile, "codat-keys-node", &format!("{DLL_PREFIX}codat_keys_node{DLL_SUFFIX}"))?;
    let compile = |folder: &Path| {
        let dist = folder.join("dist");
        run_to_end(node::HERE.npm("exec -- tsc --outDir").arg(&dist))?;
        run_to_end(node::HERE.npm("exec -- node bundle.mjs").arg(dist))
    };
    Ok(Packed {
        main: main_package(LIBRARY, MODULES, compile)?,
        native: native_package(MODULES, "The native module of codat-keys", &module, "codat-keys.node")?,
    })
}

fn build_crate(profile: &Profile, package: &str, built: &str) -> Result<PathBuf> {
    profile.build(package)?;
    Ok(Path::new("target").join(profile.folder).join(built))
}

/// Packs a main package. `fill` adds the JavaScript files. The `package.json` of the package gets the version of the
/// workspace, and optional dependencies on the native packages of all platforms. The `package.json` in the repository
/// cannot contain these dependencies, because npm cannot lock packages that are not published yet.
fn main_package(sources: &str, platforms: &str, fill: impl Fn(&Path) -> Result<()>) -> Result<PathBuf> {
    let folder = lay_out()?;
    for file in ["package.json", "README.md"] {
        copy(&Path::new(sources).join(file), &folder, file)?;
    }
    fill(&folder)?;
    let native = PLATFORMS.iter().map(|it| format!("optionalDependencies[{platforms}{}]={VERSION}", it.name()));
    run_to_end(npm("pkg set", &folder).arg(format!("version={VERSION}")).args(native))?;
    run_to_end(&mut npm("pkg delete devDependencies files prettier scripts", &folder))?;
    pack(&folder)
}

fn native_package(platforms: &str, what: &str, built: &Path, file: &str) -> Result<PathBuf> {
    let (folder, platform) = (lay_out()?, Platform::here()?);
    copy(built, &folder, file)?;
    let mut manifest = json!({
        "name": format!("{platforms}{}", platform.name()),
        "version": VERSION,
        "description": format!("{what} for {}", platform.name()),
        "license": env!("CARGO_PKG_LICENSE"),
        "repository": { "type": "git", "url": format!("git+{}.git", env!("CARGO_PKG_REPOSITORY")) },
        // Requires every package manager to unpack this package. Some would otherwise read its files from the archive.
        "preferUnplugged": true,
    });
    platform.restrict(&mut manifest);
    fs::write(folder.join("package.json"), format!("{manifest:#}\n"))?;
    fs::write(folder.join("README.md"), format!("{what} for {}, which installs it by itself.\n", platform.name()))?;
    pack(&folder)
}

/// Creates the folder of a package, and adds the licences. The caller adds all other files.
fn lay_out() -> Result<PathBuf> {
    let folder = absolute("target/dist-npm/package")?;
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(&folder)?;
    for licence in LICENCES {
        copy(Path::new(licence), &folder, licence)?;
    }
    Ok(folder)
}

fn copy(file: &Path, folder: &Path, name: &str) -> Result<()> {
    fs::copy(file, folder.join(name))?;
    Ok(())
}

fn pack(folder: &Path) -> Result<PathBuf> {
    let dist = absolute(DIST)?;
    let packed = stdout(npm("pack --loglevel error --pack-destination", folder).arg(&dist))?;
    Ok(dist.join(packed))
}

fn check(archive: &Path) -> Result<()> {
    let files = files(archive)?;
    for wanted in LICENCES.into_iter().chain(["README.md", "package.json"]) {
        ensure!(
            files.lines().any(|file| file.trim_end() == format!("package/{wanted}")),
            "{} lacks {wanted}",
            name(archive)
        );
    }
    let stray = files.lines().find(|file| is_stray(file));
    ensure!(stray.is_none(), "{} has {}", name(archive), stray.unwrap_or_default());
    Ok(())
}

/// Returns true if an npm package must not contain this file.
fn is_stray(file: &str) -> bool {
    let file = file.trim_end();
    let built = |file: &str| [".js", ".mjs", ".d.ts", ".d.mts"].iter().any(|end| file.ends_with(end));
    match file.strip_prefix("package/").map(|file| file.split_once('/').unwrap_or(("", file))) {
        Some(("", "README.md" | "package.json" | "codat-keys.js" | "codat-keys.node")) => false,
        Some(("", file)) => file.strip_suffix(EXE_SUFFIX) != Some("codat-keys") && !LICENCES.contains(&file),
        Some(("dist", file)) => file.contains('/') || !built(file),
        _ => true,
    }
}

fn library_stands_alone(library: &Packed) -> Result<()> {
    let project = Project::new("library")?;
    project.install_offline(&[&library.main, &library.native])?;
    let installed = project.megabytes()?;
    ensure!(installed <= MEGABYTES, "the library takes {installed:.1} MB, more than {MEGABYTES} MB");
    let examples = project.run_examples()?;
    println!(
        "{} and {} ({:.1} MB): install {installed:.1} MB and nothing else, run {}",
        name(&library.main),
        name(&library.native),
        megabytes(&library.main)? + megabytes(&library.native)?,
        examples.join(", "),
    );
    Ok(())
}

fn program_runs(cli: &Packed) -> Result<()> {
    let project = Project::new("cli")?;
    project.install_offline(&[&cli.main, &cli.native])?;
    let version = try_command(|| project.npx("codat-keys-cli"))?;
    println!(
        "{} and {} ({:.1} MB): `{version}` lists keys",
        name(&cli.main),
        name(&cli.native),
        megabytes(&cli.main)? + megabytes(&cli.native)?
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_and_tests_are_stray() {
        for file in
            ["package/src/index.ts", "package/tests/x.mjs", "package/dist/tests/x.js", "package/dist/x.ts", "x.js"]
        {
            assert!(is_stray(file), "{file}");
        }
        for file in ["package/LICENSE-MIT", "package/dist/index.d.mts ", "package/codat-keys.node", "package/README.md"]
        {
            assert!(!is_stray(file), "{file}");
        }
    }
}
