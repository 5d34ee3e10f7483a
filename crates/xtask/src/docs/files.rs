//! Copying and listing of files.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};

/// The folder of the files that [`super::run`] writes as input for mdBook and pdoc.
pub(super) const SOURCES: &str = "target/docs-sources";

/// Copies a file. Creates the folder of the copy if the folder does not exist.
pub(super) fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to.parent().unwrap_or(Path::new(".")))?;
    fs::copy(from, to).with_context(|| format!("cannot copy {} to {}", from.display(), to.display()))?;
    Ok(())
}

/// Writes a file. Creates the folder of the file if the folder does not exist.
pub(super) fn write(file: &Path, text: &str) -> Result<()> {
    fs::create_dir_all(file.parent().unwrap_or(Path::new(".")))?;
    fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))
}

/// Returns the paths of all files below a folder. The paths are relative to the folder, and contain slashes.
pub(super) fn below(folder: &Path) -> Result<BTreeSet<String>> {
    let (mut files, mut waiting) = (BTreeSet::new(), vec![String::new()]);
    while let Some(parent) = waiting.pop() {
        for entry in fs::read_dir(folder.join(&parent))? {
            let entry = entry?;
            let path = format!("{parent}{}", entry.file_name().to_string_lossy());
            match entry.file_type()?.is_dir() {
                true => waiting.push(format!("{path}/")),
                false => drop(files.insert(path)),
            }
        }
    }
    Ok(files)
}
