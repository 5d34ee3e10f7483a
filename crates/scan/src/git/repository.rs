//! Finds the repository of a folder.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use ignore::{DirEntry, WalkBuilder};

use super::command;
use crate::{Error, Scanner};

/// A repository, with its linked worktrees.
pub(super) struct Repository {
    /// The folder as the caller names it.
    pub(super) name: PathBuf,
    /// The same folder without links.
    folder: PathBuf,
    /// The folder `.git` of the worktree.
    pub(super) git_dir: PathBuf,
    /// The folder with the objects and refs, which all worktrees share.
    pub(super) common_dir: PathBuf,
}

impl Repository {
    /// Finds the repository that contains a folder, as git does.
    pub(super) fn discover(scanner: &Scanner, folder: &Path) -> Result<Self, Error> {
        let unreadable = |source| Error::Unreadable { place: scanner.mask_path(folder), source };
        let path = folder.canonicalize().map_err(unreadable)?;
        let mut safe = OsString::from("safe.directory=");
        safe.push(&path);
        let mut command = command::git(&[safe]);
        command.current_dir(&path).args(["rev-parse", "--absolute-git-dir"]);
        let git_dir = match command::output(&mut command)? {
            Ok(output) => path_of(output),
            Err(message) => return Err(discovery_error(scanner, folder, &message)),
        };
        let mut command = command::git_in(&git_dir);
        let common_dir = match command::output(command.args(["rev-parse", "--git-common-dir"]))? {
            Ok(output) => git_dir.join(path_of(output)),
            Err(message) => return Err(discovery_error(scanner, folder, &message)),
        };
        let common_dir = common_dir.canonicalize().map_err(unreadable)?;
        let repository = Self { name: folder.to_owned(), folder: path, git_dir, common_dir };
        repository.check(scanner)?;
        Ok(repository)
    }

    /// Makes the repository of a submodule.
    pub(super) fn of_submodule(name: PathBuf, git_dir: PathBuf) -> Self {
        Self { name, folder: git_dir.clone(), common_dir: git_dir.clone(), git_dir }
    }

    /// Looks for FIFOs and devices. Git would open them and wait without end.
    pub(super) fn check(&self, scanner: &Scanner) -> Result<(), Error> {
        let mut builder = WalkBuilder::new(&self.common_dir);
        let mut files = builder.standard_filters(false).build().flatten();
        match files.find(is_endless) {
            Some(file) => Err(Error::Git {
                place: scanner.mask_path(&self.name),
                message: format!("{} is not a file", scanner.mask_path(&self.shown(file.path()))),
            }),
            None => Ok(()),
        }
    }

    pub(super) fn git(&self) -> Command {
        command::git_in(&self.git_dir)
    }

    /// Returns a path in the repository as the caller would name it, if it is in the folder that the caller has named.
    pub(super) fn shown(&self, path: &Path) -> PathBuf {
        path.strip_prefix(&self.folder).map_or_else(|_| path.to_owned(), |rest| self.name.join(rest))
    }
}

fn discovery_error(scanner: &Scanner, folder: &Path, message: &[u8]) -> Error {
    let folder = scanner.mask_path(folder);
    let message = scanner.message(message);
    if message.contains("dubious ownership") || message.contains("unsafe repository") {
        Error::UnsafeOwner(folder)
    } else if message.contains("not a git repository") {
        Error::NotARepository(folder)
    } else {
        Error::Git { place: folder, message }
    }
}

/// Returns whether an entry is a FIFO or a device, or a link to one.
#[cfg(unix)]
fn is_endless(entry: &DirEntry) -> bool {
    use std::os::unix::fs::FileTypeExt as _;

    let kind = match entry.file_type() {
        Some(kind) if kind.is_symlink() => entry.path().metadata().ok().map(|target| target.file_type()),
        kind => kind,
    };
    kind.is_some_and(|kind| kind.is_fifo() || kind.is_char_device() || kind.is_block_device())
}

#[cfg(not(unix))]
fn is_endless(_entry: &DirEntry) -> bool {
    false
}

/// Returns the path in the output of a git command.
fn path_of(mut output: Vec<u8>) -> PathBuf {
    if output.last() == Some(&b'\n') {
        output.pop();
    }
    path_from_bytes(&output)
}

#[cfg(unix)]
fn path_from_bytes(bytes: &[u8]) -> PathBuf {
    use std::os::unix::ffi::OsStrExt as _;
    PathBuf::from(std::ffi::OsStr::from_bytes(bytes))
}

#[cfg(not(unix))]
fn path_from_bytes(bytes: &[u8]) -> PathBuf {
    PathBuf::from(String::from_utf8_lossy(bytes).into_owned())
}
