//! Scans the files of a repository that are not objects: refs, reflogs, the configuration, the index and hooks.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use ignore::{DirEntry, WalkBuilder};

use super::repository::Repository;
use crate::tree::open;
use crate::{Event, Place, Scanner, Totals};

/// Scans the files and their names. Adds the repositories of submodules to `submodules`.
pub(super) fn scan(
    scanner: &Scanner,
    repository: &Repository,
    submodules: &mut Vec<Repository>,
    report: &(dyn Fn(Event) + Sync),
) -> Totals {
    let mut totals = Totals::default();
    let root = &repository.common_dir;
    let found = Arc::new(Mutex::new(Vec::new()));
    let mut entries = WalkBuilder::new(root);
    entries.standard_filters(false).follow_links(false);
    let (base, nested) = (root.clone(), Arc::clone(&found));
    entries.filter_entry(move |entry| is_file_of_repository(&base, entry, &nested));
    for entry in entries.build() {
        match entry {
            Ok(entry) if entry.depth() > 0 => totals += scan_entry(scanner, repository, &entry, report),
            Ok(_) => {}
            Err(error) => report(Event::Unread(Place::new(scanner.mask_path(root)), reason(scanner, &error))),
        }
    }
    let found = std::mem::take(&mut *found.lock().unwrap_or_else(PoisonError::into_inner));
    submodules.extend(found.into_iter().map(|path| Repository::of_submodule(repository.shown(&path), path)));
    totals
}

/// Leaves out objects, which git reads, and the repositories of submodules, which are added to `nested`.
fn is_file_of_repository(root: &Path, entry: &DirEntry, nested: &Mutex<Vec<PathBuf>>) -> bool {
    let path = entry.path();
    let Ok(inner) = path.strip_prefix(root) else { return true };
    if inner.starts_with("objects") && entry.depth() == 2 {
        return !is_object_folder(&entry.file_name().to_string_lossy());
    }
    let is_submodule = inner.starts_with("modules") && path.join("HEAD").is_file() && path.join("objects").is_dir();
    if is_submodule {
        nested.lock().unwrap_or_else(PoisonError::into_inner).push(path.to_owned());
    }
    !is_submodule
}

/// Returns whether a folder in `objects` contains packs, or objects whose ids start with the name.
fn is_object_folder(name: &str) -> bool {
    name == "pack" || (name.len() == 2 && name.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

fn scan_entry(scanner: &Scanner, repository: &Repository, entry: &DirEntry, report: &(dyn Fn(Event) + Sync)) -> Totals {
    let place = Place::new(scanner.mask_path(&repository.shown(entry.path())));
    scanner.scan_name(&place, entry.file_name().as_encoded_bytes(), report);
    // Only the name of a folder, a socket or a FIFO is scanned.
    match entry.path().metadata() {
        Ok(target) if target.is_file() => {}
        Ok(target) if target.is_dir() && entry.path_is_symlink() => {
            report(Event::Unread(place, "links to folders are not followed".to_owned()));
            return Totals::default();
        }
        _ => return Totals::default(),
    }
    match open(entry.path()) {
        Ok(file) => scanner.scan_text(&place, file, report),
        Err(error) => {
            report(Event::Unread(place, error.to_string()));
            Totals::default()
        }
    }
}

fn reason(scanner: &Scanner, error: &ignore::Error) -> String {
    scanner.message(error.to_string().as_bytes())
}
