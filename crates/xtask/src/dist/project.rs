//! An empty Node project, in which the built packages are installed and tried.

use std::env::consts::EXE_SUFFIX;
use std::fs;
use std::path::{Path, PathBuf, absolute};
use std::process::Command;

use anyhow::{Result, ensure};
use serde_json::Value;

use super::name;
use crate::npm::npm;
use crate::process::{command, program, run as run_to_end, run_quietly, stdout};

/// The folder of the Node example programs. The documentation pages contain copies of these programs.
const EXAMPLES: &str = "node/examples";

/// The options of the TypeScript compiler for the examples, similar to the options that users typically set. The caller
/// adds the value of `--typeRoots`: a folder of this repository that contains the types of Node.
const COMPILE: &str = "--strict --module nodenext --target es2022 --types node --typeRoots";

pub(super) struct Project {
    folder: PathBuf,
}

impl Project {
    pub(super) fn new(name: &str) -> Result<Self> {
        let folder = absolute(Path::new("target/dist-npm").join(name))?;
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        fs::create_dir_all(&folder)?;
        fs::write(folder.join("package.json"), r#"{ "private": true }"#)?;
        Ok(Self { folder })
    }

    /// Installs the packages in `archives`, and checks that npm installs no other packages.
    pub(super) fn install_offline(&self, archives: &[&Path]) -> Result<()> {
        // Uses an empty cache. npm skips the native packages for other platforms, which are not published yet.
        run_quietly(npm("install --offline --cache cache", &self.folder).args(archives))?;
        let installed: Value = serde_json::from_slice(&fs::read(self.folder.join("node_modules/.package-lock.json"))?)?;
        let brought = installed["packages"].as_object().map_or(0, serde_json::Map::len);
        ensure!(brought == archives.len(), "{archives:?} bring {}", installed["packages"]);
        Ok(())
    }

    /// Returns the size of the installed packages in megabytes.
    pub(super) fn megabytes(&self) -> Result<f64> {
        Ok(bytes_below(&self.folder.join("node_modules"))? as f64 / 1e6)
    }

    /// Returns the command that runs the program `program` of an installed package.
    pub(super) fn npx(&self, program: &str) -> Command {
        let mut npx = npm("exec --offline --", &self.folder);
        npx.arg(program);
        npx
    }

    /// Runs every example program with a new emulator, and returns the names of the examples.
    pub(super) fn run_examples(&self) -> Result<Vec<String>> {
        let mut names = Vec::new();
        for file in fs::read_dir(EXAMPLES)? {
            let file = file?.path();
            let copy = self.folder.join(name(&file));
            let built = match copy.extension().and_then(|end| end.to_str()) {
                Some("mts") => copy.with_extension("mjs"),
                Some("cjs" | "mjs") => copy.clone(),
                _ => continue,
            };
            fs::copy(&file, &copy)?;
            if built != copy {
                self.compile(&copy)?;
            }
            let mut exec = program(absolute(format!("target/release/codat-keys{EXE_SUFFIX}"))?);
            stdout(exec.args(["emulator", "exec", "--", "node"]).arg(built).current_dir(&self.folder))?;
            names.push(name(&file).to_owned());
        }
        ensure!(!names.is_empty(), "{EXAMPLES} has no program");
        names.sort();
        Ok(names)
    }

    fn compile(&self, file: &Path) -> Result<()> {
        let modules = absolute("node/node_modules")?;
        let mut tsc = command("node");
        tsc.arg(modules.join("typescript/bin/tsc")).args(COMPILE.split(' ')).arg(modules.join("@types")).arg(file);
        run_to_end(tsc.current_dir(&self.folder))
    }
}

fn bytes_below(folder: &Path) -> Result<u64> {
    fs::read_dir(folder)?.try_fold(0, |bytes, file| {
        let file = file?;
        let kind = file.file_type()?;
        Ok(bytes + if kind.is_dir() { bytes_below(&file.path())? } else { file.metadata()?.len() })
    })
}
