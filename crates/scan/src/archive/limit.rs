//! Limits what an archive can expand to.

use std::cell::Cell;
use std::io::{self, Read};

/// The number of bytes that are read from the archives in a file, decompressed.
const MAX_BYTES: u64 = 16 << 30;
/// The number of bytes that are read from the archives in a file for each byte of the file. Only compressed files inside
/// other ones expand more.
const MAX_RATIO: u64 = 1100;
/// The number of bytes up to which the ratio is not checked.
const FREE: u64 = 16 << 20;

/// The number of bytes that were read from a file, and from the archives in it.
#[derive(Default)]
pub(super) struct Budget {
    file: Cell<u64>,
    expanded: Cell<u64>,
}

impl Budget {
    /// Counts the bytes of the file.
    pub(super) fn of_file<R: Read>(&self, reader: R) -> impl Read {
        let count = move |read| {
            self.file.set(self.file.get() + read);
            Ok(())
        };
        Counted { reader, count }
    }

    /// Counts the bytes of an archive in the file, and fails beyond the limits.
    pub(super) fn of_archive<R: Read>(&self, reader: R) -> impl Read {
        Counted { reader, count: move |read| self.expand(read) }
    }

    fn expand(&self, read: u64) -> io::Result<()> {
        let expanded = self.expanded.get() + read;
        self.expanded.set(expanded);
        if expanded > MAX_BYTES {
            return Err(io::Error::other(format!("the archive expands to more than {} GiB", MAX_BYTES >> 30)));
        }
        if expanded > FREE + MAX_RATIO * self.file.get() {
            return Err(io::Error::other(format!("the archive expands to more than {MAX_RATIO} times its size")));
        }
        Ok(())
    }
}

struct Counted<R, F> {
    reader: R,
    count: F,
}

impl<R: Read, F: Fn(u64) -> io::Result<()>> Read for Counted<R, F> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(buffer)?;
        (self.count)(read as u64)?;
        Ok(read)
    }
}
