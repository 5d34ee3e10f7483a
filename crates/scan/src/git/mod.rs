//! Scans git repositories with the program `git`.
//!
//! Nothing that a repository names is run: no hook, no filter, no file system monitor and no transport. The settings in
//! `command` precede those of the repository, and only commands that need none of them are used.

mod batch;
mod command;
mod files;
mod locate;
mod object;
mod objects;
mod pending;
mod repository;
mod since;
mod staged;

use std::path::Path;

use repository::Repository;

use crate::finding::is_unsafe;
use crate::{Error, Event, Scanner, Totals};

/// The number of characters of a message of git that are kept.
const MAX_MESSAGE: usize = 300;

impl Scanner {
    /// Scans the repository that contains a folder, and reports what it finds.
    ///
    /// Reads all objects, also those that no branch or reflog leads to, and the files in the folder `.git`: refs,
    /// reflogs, the configuration, the index and hooks. So it finds a key in a deleted file, in an amended or dangling
    /// commit, in a stash, in a message, a note or a tag, and in the name of a branch or a file. It reads the repositories
    /// of submodules in `.git/modules` as well. It does not read the files of the worktree.
    ///
    /// A finding in an object names its path and the oldest commit that holds it, see [`GitObject`](crate::GitObject).
    /// These findings are reported at the end. A key in the name of a file is reported once for each path.
    ///
    /// Runs the program `git`, without hooks, without other programs that the repository names, and without a network.
    /// In a partial clone, objects that have not been fetched are not scanned.
    ///
    /// # Errors
    /// An error if git is not installed, if the folder is not in a repository, or if git does not read the repository.
    pub fn scan_git(&self, repository: &Path, report: &(dyn Fn(Event) + Sync)) -> Result<Totals, Error> {
        let mut repositories = vec![Repository::discover(self, repository)?];
        let mut totals = Totals::default();
        while let Some(repository) = repositories.pop() {
            totals += files::scan(self, &repository, &mut repositories, report);
            totals += objects::scan(self, &repository, report)?;
        }
        Ok(totals)
    }

    /// Scans the files that are staged for the next commit and differ from the last one, and their paths. Before the
    /// first commit, these are all files of the index. Reports as [`scan_git`](Self::scan_git) does.
    ///
    /// Within a hook, git can name another index with the variable `GIT_INDEX_FILE`. It is used if it is in the folder
    /// `.git` of the repository.
    ///
    /// # Errors
    /// As [`scan_git`](Self::scan_git).
    pub fn scan_staged(&self, repository: &Path, report: &(dyn Fn(Event) + Sync)) -> Result<Totals, Error> {
        staged::scan(self, &Repository::discover(self, repository)?, report)
    }

    /// Scans what the history of the current commit contains and that of another revision does not: files, names of
    /// files and messages. Reports as [`scan_git`](Self::scan_git) does.
    ///
    /// # Errors
    /// [`Error::UnknownRevision`] if there is no such commit, or no current commit. Otherwise as
    /// [`scan_git`](Self::scan_git).
    pub fn scan_since(
        &self,
        repository: &Path,
        revision: &str,
        report: &(dyn Fn(Event) + Sync),
    ) -> Result<Totals, Error> {
        since::scan(self, &Repository::discover(self, repository)?, revision, report)
    }

    /// Returns the last line of a message of git, which says why git ended, without keys and control characters.
    fn message(&self, message: &[u8]) -> String {
        let text = self.mask(message.trim_ascii());
        let line = text.lines().find(|line| line.starts_with("fatal: ")).or_else(|| text.lines().next_back());
        let line = line.unwrap_or_default().trim_start_matches("fatal: ");
        line.chars().filter(|character| !is_unsafe(*character)).take(MAX_MESSAGE).collect()
    }
}
