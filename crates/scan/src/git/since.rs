//! Scans the objects of new commits.

use std::io;

use super::batch;
use super::command::{self, Process};
use super::locate::Location;
use super::object::ObjectScanner;
use super::repository::Repository;
use crate::{Error, Event, Place, Scanner, Totals};

/// Scans the objects that are reachable from the current commit, and not from the revision.
pub(super) fn scan(
    scanner: &Scanner,
    repository: &Repository,
    revision: &str,
    report: &(dyn Fn(Event) + Sync),
) -> Result<Totals, Error> {
    let since = commit(scanner, repository, revision)?;
    let head = commit(scanner, repository, "HEAD")?;
    let mut command = repository.git();
    command.args(["rev-list", "--objects", "--in-commit-order", "--date-order", "--reverse", "--missing=print"]);
    let mut list = Process::spawn(command.args([&head, "--not", &since, "--"]))?;
    let mut command = repository.git();
    command.args(["cat-file", "--buffer", "--batch=%(objectname) %(objecttype) %(objectsize) %(rest)"]);
    let mut process = Process::spawn(command.stdin(list.take_output()))?;
    // The command holds the end of the pipe. If it stays open, the first process does not notice the end of the second.
    drop(command);
    let name = scanner.mask_path(&repository.name);
    let mut totals = Totals::default();
    let read = read(ObjectScanner::new(scanner, name.clone()), &mut process, &mut totals, report);
    let read = read.map_err(|error| error.to_string().into_bytes());
    for ended in [process.finish(), list.finish(), read] {
        if let Err(message) = ended {
            report(Event::Unread(Place::new(name.clone()), scanner.message(&message)));
            break;
        }
    }
    Ok(totals)
}

/// Returns the id of the commit of a revision.
fn commit(scanner: &Scanner, repository: &Repository, revision: &str) -> Result<String, Error> {
    let unknown = || Error::UnknownRevision(scanner.mask(revision.as_bytes()));
    if revision.is_empty() || revision.starts_with('-') || revision.contains('\0') {
        return Err(unknown());
    }
    let mut command = repository.git();
    command.args(["rev-parse", "--verify", "--quiet", &format!("{revision}^{{commit}}")]);
    let id = command::output(&mut command)?.map_err(|_| unknown())?;
    Ok(String::from_utf8_lossy(&id).trim().to_owned())
}

/// Reads the objects. Each commit precedes the objects that it adds, with their paths.
fn read(
    mut scanner: ObjectScanner<'_>,
    process: &mut Process,
    totals: &mut Totals,
    report: &(dyn Fn(Event) + Sync),
) -> io::Result<()> {
    let (mut commit, mut missing) = (None, 0);
    while let Some(mut header) = batch::header(process)? {
        if header.kind == "missing" {
            missing += 1;
            continue;
        }
        if header.kind == "commit" {
            commit = Some(header.id.clone());
        }
        let path = Some(std::mem::take(&mut header.rest));
        let location = Location { path, commit: commit.clone(), ..Location::default() };
        let keys = scanner.scanner;
        *totals += scanner.scan(process, &header, &|found| report(found.located(keys, &location)))?;
    }
    if missing > 0 {
        let reason = format!("{missing} objects are missing: in a partial clone, fetch them first");
        report(Event::Unread(Place::new(scanner.repository), reason));
    }
    Ok(())
}
