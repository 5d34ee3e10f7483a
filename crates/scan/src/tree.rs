//! Scans streams, and the files of a folder.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use ignore::{DirEntry, WalkBuilder, WalkState};

#[cfg(feature = "archive")]
use crate::archive;
use crate::text::Report;
use crate::{Event, Place, Scanner, Totals};

impl Scanner {
    /// Scans a stream, and passes what it finds to `report`. A stream that cannot be read to its end is reported as
    /// [`Event::Unread`]. With the feature `archive`, an archive is opened: its entries and their names are scanned.
    pub fn scan_text(&self, place: &Place, reader: impl Read, report: Report<'_>) -> Totals {
        #[cfg(feature = "archive")]
        return archive::scan(self, place, reader, report);
        #[cfg(not(feature = "archive"))]
        self.scan_plain(place, reader, report)
    }

    /// Scans files, and folders with all files in them, also hidden files and files that git ignores. The names of files
    /// are scanned too. Links in folders are not followed, and files other than regular files are not opened. Uses as many
    /// threads as the machine has cores, so the order of the findings varies.
    ///
    /// What cannot be read is reported as [`Event::Unread`].
    pub fn scan_tree(&self, roots: &[PathBuf], report: Report<'_>) -> Totals {
        self.scan_tree_until(&AtomicBool::new(false), roots, report)
    }

    /// Does the same as [`scan_tree`](Self::scan_tree), but ends soon after `is_stopped` has become true.
    pub fn scan_tree_until(&self, is_stopped: &AtomicBool, roots: &[PathBuf], report: Report<'_>) -> Totals {
        let totals = Mutex::new(Totals::default());
        let Some((first, others)) = roots.split_first() else { return Totals::default() };
        let mut files = WalkBuilder::new(first);
        for root in others {
            files.add(root);
        }
        files.standard_filters(false).follow_links(false);
        files.build_parallel().run(|| {
            Box::new(|entry| {
                if is_stopped.load(Relaxed) {
                    return WalkState::Quit;
                }
                match entry {
                    Ok(entry) => *lock(&totals) += self.scan_entry(is_stopped, &entry, report),
                    Err(error) => report(Event::Unread(self.place_of(&error), self.mask(reason(&error).as_bytes()))),
                }
                WalkState::Continue
            })
        });
        totals.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn scan_entry(&self, is_stopped: &AtomicBool, entry: &DirEntry, report: Report<'_>) -> Totals {
        let place = Place::new(self.mask_path(entry.path()));
        self.scan_name(&place, entry.file_name().as_encoded_bytes(), report);
        // A root can be a link.
        let is_file = match entry.depth() {
            0 => entry.path().is_file(),
            _ => entry.file_type().is_some_and(|kind| kind.is_file()),
        };
        if !is_file {
            if entry.depth() == 0 && !entry.path().is_dir() {
                report(Event::Unread(place, "it is neither a file nor a folder".into()));
            }
            return Totals::default();
        }
        match open(entry.path()) {
            Ok(file) => self.scan_text(&place, StoppableReader { file, is_stopped }, report),
            Err(error) => {
                report(Event::Unread(place, error.to_string()));
                Totals::default()
            }
        }
    }

    /// Returns the place that an error names.
    fn place_of(&self, error: &ignore::Error) -> Place {
        match error {
            ignore::Error::WithPath { path, .. } => Place::new(self.mask_path(path)),
            ignore::Error::WithDepth { err, .. } => self.place_of(err),
            ignore::Error::Loop { child, .. } => Place::new(self.mask_path(child)),
            _ => Place::default(),
        }
    }
}

/// Returns the message of an error without the path.
fn reason(error: &ignore::Error) -> String {
    match error {
        ignore::Error::WithPath { err, .. } | ignore::Error::WithDepth { err, .. } => reason(err),
        error => error.to_string(),
    }
}

/// A file that cannot be read after `is_stopped` has become true.
struct StoppableReader<'a> {
    file: File,
    is_stopped: &'a AtomicBool,
}

impl Read for StoppableReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.is_stopped.load(Relaxed) {
            return Err(io::Error::other("the scan was stopped"));
        }
        self.file.read(buffer)
    }
}

/// Opens a file. Does not wait for the other end of a FIFO that has replaced the file.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    options.read(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, rustix::fs::OFlags::NONBLOCK.bits() as i32);
    let file = options.open(path)?;
    match file.metadata()?.is_file() {
        true => Ok(file),
        false => Err(io::Error::other("it is not a regular file")),
    }
}

fn lock(totals: &Mutex<Totals>) -> std::sync::MutexGuard<'_, Totals> {
    totals.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
