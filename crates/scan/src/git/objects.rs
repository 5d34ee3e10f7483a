//! Scans all objects of a repository.

use std::io::{self, BufRead as _, Write as _};
use std::process::Stdio;
use std::sync::Mutex;

use super::batch;
use super::command::Process;
use super::object::ObjectScanner;
use super::pending::Pending;
use super::repository::Repository;
use crate::{Error, Event, Place, Scanner, Totals};

/// The number of times that git is started again after a damaged object.
const MAX_RESTARTS: usize = 100;

/// Scans the objects of a repository, and of the repositories from which it borrows objects.
pub(super) fn scan(
    scanner: &Scanner,
    repository: &Repository,
    report: &(dyn Fn(Event) + Sync),
) -> Result<Totals, Error> {
    let name = scanner.mask_path(&repository.name);
    let unread = |reason: &[u8]| report(Event::Unread(Place::new(name.clone()), scanner.message(reason)));
    let pending = Pending { scanner, repository, report, found: Mutex::default() };
    let mut objects = Objects { scanner: ObjectScanner::new(scanner, name.clone()), pending, count: 0 };
    let mut totals = Totals::default();
    let mut command = repository.git();
    command.args(["cat-file", "--batch-all-objects", "--batch", "--unordered"]);
    let mut process = Process::spawn(&mut command)?;
    for restarts in 0.. {
        let read = objects.read(&mut process, &mut totals);
        match (process.finish(), read) {
            (Ok(()), Ok(())) => break,
            (Ok(()), Err(error)) => unread(error.to_string().as_bytes()),
            (Err(message), _) => unread(&message),
        }
        if restarts == MAX_RESTARTS {
            unread(b"too many objects are damaged: the objects after them are not scanned");
            break;
        }
        // The object after those that have been read is damaged.
        objects.count += 1;
        process = objects.resume()?;
    }
    objects.pending.finish();
    Ok(totals)
}

struct Objects<'a> {
    scanner: ObjectScanner<'a>,
    pending: Pending<'a>,
    /// The number of objects that have been read.
    count: usize,
}

impl Objects<'_> {
    fn read(&mut self, process: &mut Process, totals: &mut Totals) -> io::Result<()> {
        while let Some(header) = batch::header(process)? {
            *totals += self.scanner.scan(process, &header, &|found| self.pending.add(found))?;
            self.count += 1;
        }
        Ok(())
    }

    /// Starts git with the objects after the first `count`. Git lists the objects in the same order each time.
    fn resume(&self) -> Result<Process, Error> {
        let mut command = self.pending.repository.git();
        command.args(["cat-file", "--batch-all-objects", "--batch-check=%(objectname)", "--unordered"]);
        let mut list = Process::spawn(&mut command)?;
        let mut command = self.pending.repository.git();
        let mut process = Process::spawn(command.args(["cat-file", "--batch", "--buffer"]).stdin(Stdio::piped()))?;
        let (stdin, skipped) = (process.take_stdin(), self.count);
        std::thread::spawn(move || -> io::Result<()> {
            let mut input = io::BufWriter::new(stdin.ok_or(io::ErrorKind::BrokenPipe)?);
            for line in list.stdout()?.split(b'\n').skip(skipped) {
                input.write_all(&line?)?;
                input.write_all(b"\n")?;
            }
            input.flush()
        });
        Ok(process)
    }
}
