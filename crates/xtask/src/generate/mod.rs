//! `cargo xtask generate`: writes all generated files, and the generated parts of pages.

mod errors;
mod examples;
mod layers;
mod marks;
mod node;
mod node_types;
mod python;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};

pub(crate) use marks::Marks;

use crate::public_api;

const FIDELITY: &str = "docs/fidelity.md";
const NODE_TYPES: &str = "node/src/native-types.ts";

/// Writes every generated file that is out of date.
pub(crate) fn write() -> Result<()> {
    let mut files = files()?;
    files.push(node_types()?);
    for library in &public_api::LIBRARIES {
        files.push(File { path: library.list.into(), text: public_api::list(library)? });
    }
    for file in files.iter().filter(|file| file.is_stale()) {
        fs::write(&file.path, &file.text).with_context(|| format!("cannot write {}", file.path.display()))?;
        println!("wrote {}", file.path.display());
    }
    Ok(())
}

/// Fails if a generated file is out of date. Does not check the lists of the public API, which [`public_api::check`]
/// checks. Does not check the types of the native module for Node, which [`check_node_types`] checks.
pub(crate) fn check() -> Result<()> {
    ensure_current(files()?)
}

/// Fails if the types of the native module for Node are out of date. The native module must have been built before the
/// check. Cargo must not compile the native module during the check.
pub(crate) fn check_node_types() -> Result<()> {
    ensure_current(vec![node_types()?])
}

fn ensure_current(files: Vec<File>) -> Result<()> {
    let stale = files.into_iter().filter(File::is_stale);
    let stale: Vec<String> = stale.map(|file| file.path.display().to_string()).collect();
    ensure!(stale.is_empty(), "not current: {}; `cargo xtask generate` mends it", stale.join(", "));
    Ok(())
}

struct File {
    path: PathBuf,
    text: String,
}

impl File {
    /// Returns true if the file is missing or out of date.
    fn is_stale(&self) -> bool {
        fs::read_to_string(&self.path).ok().as_ref() != Some(&self.text)
    }
}

fn node_types() -> Result<File> {
    Ok(File { path: NODE_TYPES.into(), text: node_types::types()? })
}

fn files() -> Result<Vec<File>> {
    let mut files = vec![File { path: FIDELITY.into(), text: codat_keys_emulator::behaviours_as_markdown() }];
    files.push(File { path: "node/src/errors.ts".into(), text: node::errors() });
    files.push(File { path: "python/codat_keys/_errors.py".into(), text: python::errors() });
    for path in pages()? {
        let text = page(&path).with_context(|| format!("in {}", path.display()))?;
        files.push(File { path, text });
    }
    Ok(files)
}

/// Returns the paths of the Markdown files with generated parts.
fn pages() -> Result<Vec<PathBuf>> {
    let packages = ["python/README.md", "node/README.md"];
    let mut pages: Vec<_> = ["README.md", "README.fr.md"].into_iter().chain(packages).map(PathBuf::from).collect();
    for entry in fs::read_dir("docs").context("cannot read docs")? {
        pages.push(entry?.path());
    }
    pages.retain(|path| path.extension().is_some_and(|extension| extension == "md") && path != Path::new(FIDELITY));
    Ok(pages)
}

fn page(path: &Path) -> Result<String> {
    let text = fs::read_to_string(path).context("cannot read it")?;
    let text = examples::splice(&text)?;
    match path.to_str() {
        Some("docs/architecture.md") => layers::MARKS.splice(&text, &layers::table()?),
        Some("docs/errors.md") => errors::MARKS.splice(&text, &errors::english()),
        Some("docs/errors.fr.md") => errors::MARKS.splice(&text, &errors::french()?),
        _ => Ok(text),
    }
}
