//! Scans the files that are staged for the next commit.

use std::io::{self, BufRead as _, Write as _};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use super::batch;
use super::command::{self, Process};
use super::locate::Location;
use super::object::ObjectScanner;
use super::repository::Repository;
use crate::{Error, Event, Place, Scanner, Totals};

/// Scans the files of the index that differ from the current commit.
pub(super) fn scan(
    scanner: &Scanner,
    repository: &Repository,
    report: &(dyn Fn(Event) + Sync),
) -> Result<Totals, Error> {
    let name = scanner.mask_path(&repository.name);
    let failed = |message: &[u8]| Error::Git { place: name.clone(), message: scanner.message(message) };
    let mut staged = Staged {
        objects: ObjectScanner::new(scanner, name.clone()),
        repository,
        cat_file: cat_file(repository)?,
        report,
        totals: Totals::default(),
    };
    let mut command = diff_index(repository, &base(repository, &failed)?);
    let mut list = Process::spawn(&mut command)?;
    let read = staged.read(&mut list);
    list.finish().map_err(|message| failed(&message))?;
    if let Err(error) = read {
        report(Event::Unread(Place::new(name.clone()), error.to_string()));
    }
    Ok(staged.totals)
}

/// Returns the current commit, or an empty tree before the first commit.
fn base(repository: &Repository, failed: &dyn Fn(&[u8]) -> Error) -> Result<String, Error> {
    let mut command = repository.git();
    let mut id = command::output(command.args(["rev-parse", "--verify", "--quiet", "HEAD^{commit}"]))?;
    if id.is_err() {
        let mut command = repository.git();
        id = command::output(command.args(["hash-object", "-t", "tree", "--stdin"]))?;
    }
    Ok(String::from_utf8_lossy(&id.map_err(|message| failed(&message))?).trim().to_owned())
}

fn cat_file(repository: &Repository) -> Result<Process, Error> {
    Process::spawn(repository.git().args(["cat-file", "--batch"]).stdin(Stdio::piped()))
}

fn diff_index(repository: &Repository, base: &str) -> Command {
    let mut command = repository.git();
    if let Some(index) = index_of_hook(repository) {
        command.env("GIT_INDEX_FILE", index);
    }
    command.args(["diff-index", "--cached", "--raw", "-z", "--no-abbrev", "--no-renames", "--no-ext-diff"]);
    command.args(["--no-textconv", "--ignore-submodules=all", base, "--"]);
    command
}

/// Returns the index that git prepares for a commit of some files, if this process is part of its hook.
fn index_of_hook(repository: &Repository) -> Option<PathBuf> {
    let index = PathBuf::from(std::env::var_os("GIT_INDEX_FILE")?).canonicalize().ok()?;
    index.starts_with(repository.git_dir.canonicalize().ok()?).then_some(index)
}

struct Staged<'a> {
    objects: ObjectScanner<'a>,
    repository: &'a Repository,
    cat_file: Process,
    report: &'a (dyn Fn(Event) + Sync),
    totals: Totals,
}

impl Staged<'_> {
    /// Reads the output of `git diff-index -z`: `:MODE MODE ID ID STATUS`, and the path.
    fn read(&mut self, list: &mut Process) -> io::Result<()> {
        let mut fields = list.stdout()?.split(0);
        while let (Some(entry), Some(path)) = (fields.next().transpose()?, fields.next().transpose()?) {
            let entry = String::from_utf8_lossy(&entry);
            let mut parts = entry.split(' ').skip(1);
            let (Some(mode), Some(id)) = (parts.next(), parts.nth(1)) else {
                return Err(io::ErrorKind::InvalidData.into());
            };
            self.scan_name(&path);
            // A deleted or unmerged file has no id. The id of a submodule is that of a commit in another repository.
            if mode != "160000" && id.bytes().any(|digit| digit != b'0') {
                self.scan_blob(id, path)?;
            }
        }
        Ok(())
    }

    fn scan_blob(&mut self, id: &str, path: Vec<u8>) -> io::Result<()> {
        let place = Place::new(self.objects.repository.clone()).child(self.objects.scanner.mask(&path));
        let location = Location { path: Some(path), ..Location::default() };
        if let Err(error) = self.read_blob(id, &location) {
            // Git ends if an object is damaged.
            (self.report)(Event::Unread(place, error.to_string()));
            self.cat_file = cat_file(self.repository).map_err(io::Error::other)?;
        }
        Ok(())
    }

    fn read_blob(&mut self, id: &str, location: &Location) -> io::Result<()> {
        self.cat_file.stdin()?.write_all(format!("{id}\n").as_bytes())?;
        let header = batch::header(&mut self.cat_file)?.ok_or_else(|| io::Error::other("git cannot read the file"))?;
        let (scanner, report) = (self.objects.scanner, self.report);
        self.totals +=
            self.objects.scan(&mut self.cat_file, &header, &|found| report(found.located(scanner, location)))?;
        Ok(())
    }

    fn scan_name(&self, path: &[u8]) {
        let scanner = self.objects.scanner;
        let place = Place::new(self.objects.repository.clone()).child(scanner.mask(path));
        scanner.scan_name(&place, path, self.report);
    }
}
