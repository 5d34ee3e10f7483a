//! `cargo xtask lint layers`: checks that the modules of each crate depend on each other in one direction.
//!
//! The `mod` lines in `lib.rs` or `main.rs` declare the layers of a crate, from the top layer to the bottom layer. A
//! blank line separates two layers. A module can use modules of its own layer and of lower layers. Modules must not use
//! each other in a cycle. The check for cycles includes the submodules of each module.

mod imports;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};

use imports::Imports;

/// For each module, the modules that it uses. The value for each used module is one Rust path from the source code,
/// such as `crate::keys::Keys`. Messages show this path.
type Uses = BTreeMap<String, BTreeMap<String, String>>;

pub(crate) fn check() -> Result<()> {
    let mut faults = Vec::new();
    for folder in crates()? {
        let name = folder.display().to_string();
        let imports = Imports::read(&folder.join("src"))?;
        faults
            .extend(upward(&layers(&folder)?, &imports.uses(&[])).into_iter().map(|fault| format!("{name}: {fault}")));
        let cycles = imports.parents().iter().flat_map(|parent| cycles(&imports.uses(parent))).collect::<Vec<_>>();
        faults.extend(cycles.iter().map(|cycle| format!("{name}: a cycle: {}", cycle.join(" → "))));
    }
    ensure!(faults.is_empty(), "{}", faults.join("\n"));
    Ok(())
}

/// Returns the folders of all crates.
pub(crate) fn crates() -> Result<Vec<PathBuf>> {
    let mut crates = vec![PathBuf::from("bench")];
    for folder in ["bindings", "crates"] {
        for entry in fs::read_dir(folder).with_context(|| format!("cannot read {folder}"))? {
            crates.push(entry?.path());
        }
    }
    crates.retain(|folder| folder.join("src").is_dir());
    crates.sort();
    Ok(crates)
}

/// Returns the layers of a crate from the top layer to the bottom layer. Each layer is a list of modules.
pub(crate) fn layers(folder: &Path) -> Result<Vec<Vec<String>>> {
    let root = ["lib.rs", "main.rs"].map(|file| folder.join("src").join(file)).into_iter().find(|file| file.is_file());
    let root = root.with_context(|| format!("{} has no lib.rs and no main.rs", folder.display()))?;
    Ok(declared(&fs::read_to_string(root)?))
}

fn declared(text: &str) -> Vec<Vec<String>> {
    let mut layers = vec![Vec::new()];
    for line in text.lines() {
        let declaration = line.strip_suffix(';').and_then(|line| line.rsplit_once("mod "));
        match declaration {
            Some(("" | "pub " | "pub(crate) ", module)) => {
                layers.last_mut().expect("one layer").push(module.to_owned())
            }
            _ if line.is_empty() => layers.push(Vec::new()),
            _ => {}
        }
    }
    layers.retain(|layer| !layer.is_empty());
    layers
}

/// Returns a message for each module that uses a module of a higher layer.
fn upward(layers: &[Vec<String>], uses: &Uses) -> Vec<String> {
    let layer = |module: &String| layers.iter().position(|layer| layer.contains(module));
    let mut faults = Vec::new();
    for (module, used) in uses {
        for (other, path) in used {
            if layer(other) < layer(module) {
                faults.push(format!("`{module}` uses `{path}` of a layer above it"));
            }
        }
    }
    faults
}

/// Returns the shortest cycle of each module that depends on itself, directly or through other modules.
fn cycles(uses: &Uses) -> Vec<Vec<String>> {
    uses.keys().filter_map(|module| cycle(module, uses)).collect()
}

fn cycle(start: &str, uses: &Uses) -> Option<Vec<String>> {
    let mut seen = BTreeSet::new();
    let mut paths = VecDeque::from([vec![start.to_owned()]]);
    while let Some(path) = paths.pop_front() {
        for next in uses.get(path.last()?).into_iter().flat_map(BTreeMap::keys) {
            let longer = [path.as_slice(), std::slice::from_ref(next)].concat();
            if next == start {
                return Some(longer);
            }
            if seen.insert(next) {
                paths.push_back(longer);
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uses(pairs: &[(&str, &str)]) -> Uses {
        let mut uses = Uses::new();
        for (module, other) in pairs {
            uses.entry((*module).to_owned()).or_default().insert((*other).to_owned(), format!("crate::{other}"));
        }
        uses
    }

    #[test]
    fn blank_lines_separate_layers() {
        let text = "//! Docs: a mod line;\n\npub mod client;\nmod keys;\n\n// A comment.\n#[cfg(unix)]\nmod fork;\n\nuse fork::Fork;\n";
        assert_eq!(declared(text), [vec!["client", "keys"], vec!["fork"]]);
    }

    #[test]
    fn a_module_may_not_use_a_layer_above_it() {
        let layers = declared("mod client;\n\nmod keys;\nmod pages;\n\nmod error;\n");
        assert!(upward(&layers, &uses(&[("client", "error"), ("keys", "pages"), ("pages", "error")])).is_empty());
        let faults = upward(&layers, &uses(&[("keys", "error"), ("error", "keys")]));
        assert_eq!(faults, ["`error` uses `crate::keys` of a layer above it"]);
    }

    #[test]
    fn every_module_in_a_cycle_is_found_and_no_other() {
        let uses = uses(&[("a", "b"), ("b", "c"), ("c", "b"), ("c", "d")]);
        assert_eq!(cycles(&uses), [vec!["b", "c", "b"], vec!["c", "b", "c"]]);
    }
}
