//! Scans a text with its name.

use std::io::{self, Read};

use crate::{Event, Place, Scanner, Totals};

/// A function that gets what a scan reports.
pub(crate) type Report<'a> = &'a (dyn Fn(Event) + Sync);

impl Scanner {
    /// Scans a stream as it is, without opening it.
    pub(crate) fn scan_plain(&self, place: &Place, reader: impl Read, report: Report<'_>) -> Totals {
        let mut counted = Counted { reader, bytes: 0 };
        if let Err(error) = self.scan_reader(&mut counted, &mut |found| report(Event::Finding(place.clone(), found))) {
            report(Event::Unread(place.clone(), error.to_string()));
        }
        Totals { texts: 1, bytes: counted.bytes }
    }

    /// Scans a name for keys. The place of a finding is `file name` in the place of the text.
    pub(crate) fn scan_name(&self, place: &Place, name: &[u8], report: Report<'_>) {
        for found in self.scan_bytes(name) {
            report(Event::Finding(place.child("file name"), found));
        }
    }
}

/// A reader that counts the bytes that were read.
struct Counted<R> {
    reader: R,
    bytes: u64,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(buffer)?;
        self.bytes += read as u64;
        Ok(read)
    }
}
