//! Opens archives and compressed files: gzip, zip, tar, zstd, bzip2 and xz, one inside the other.

mod limit;

use std::io::{self, BufReader, Cursor, Read};

use crate::text::Report;
use crate::{Event, Place, Scanner, Totals};
use limit::Budget;

/// The number of archives, one inside the other, that are opened.
const MAX_DEPTH: usize = 10;
/// The number of bytes from which the format is recognized. The name of the format of a tar file is at 257.
const HEAD: usize = 512;
/// The size of a zip file that is opened. It is read into memory, because its directory is at its end.
const MAX_ZIP: usize = 64 << 20;

/// A format of archives or compressed files.
#[derive(Clone, Copy, PartialEq)]
enum Format {
    Gzip,
    Zstd,
    Bzip2,
    Xz,
    Tar,
    Zip,
}

impl Format {
    fn of(head: &[u8]) -> Option<Self> {
        Some(match head {
            [0x1f, 0x8b, 8, ..] => Self::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Self::Zstd,
            [b'B', b'Z', b'h', b'1'..=b'9', 0x31, 0x41, 0x59, 0x26, ..] => Self::Bzip2,
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Self::Xz,
            [b'P', b'K', 3, 4, ..] => Self::Zip,
            _ if head.get(257..262) == Some(b"ustar") => Self::Tar,
            _ => return None,
        })
    }
}

/// Returns whether a text that begins with these bytes is an archive or a compressed file.
#[cfg(feature = "git")]
pub(crate) fn is_archive(head: &[u8]) -> bool {
    Format::of(head).is_some()
}

/// Scans a stream. If it is an archive, scans its entries instead.
pub(crate) fn scan(scanner: &Scanner, place: &Place, reader: impl Read, report: Report<'_>) -> Totals {
    let budget = Budget::default();
    Opener { scanner, report, budget: &budget }.open(place, Box::new(budget.of_file(reader)), 0)
}

struct Opener<'a> {
    scanner: &'a Scanner,
    report: Report<'a>,
    budget: &'a Budget,
}

impl Opener<'_> {
    fn open(&self, place: &Place, mut reader: Box<dyn Read + '_>, depth: usize) -> Totals {
        let mut head = Vec::new();
        if let Err(error) = reader.by_ref().take(HEAD as u64).read_to_end(&mut head) {
            return self.unread(place, &error).and(self.scanner.scan_plain(place, &head[..], self.report));
        }
        let format = Format::of(&head);
        let whole = Cursor::new(head).chain(reader);
        let Some(format) = format else { return self.scanner.scan_plain(place, whole, self.report) };
        if depth == MAX_DEPTH {
            return self.unread(place, &io::Error::other(format!("it is inside {MAX_DEPTH} other archives")));
        }
        let whole = BufReader::new(whole);
        match format {
            Format::Gzip => self.inner(place, flate2::bufread::MultiGzDecoder::new(whole), depth),
            Format::Bzip2 => self.inner(place, bzip2::bufread::MultiBzDecoder::new(whole), depth),
            Format::Xz => self.inner(place, lzma_rust2::XzReader::new(whole, true), depth),
            Format::Zstd => match ruzstd::decoding::StreamingDecoder::new(whole) {
                Ok(decoder) => self.inner(place, decoder, depth),
                Err(error) => self.unread(place, &io::Error::other(error.to_string())),
            },
            Format::Tar => self.tar(place, whole, depth),
            Format::Zip => self.zip(place, whole, depth),
        }
    }

    /// Opens the decompressed stream.
    fn inner(&self, place: &Place, reader: impl Read, depth: usize) -> Totals {
        self.open(place, Box::new(self.budget.of_archive(reader)), depth + 1)
    }

    fn tar(&self, place: &Place, reader: impl Read, depth: usize) -> Totals {
        let mut totals = Totals::default();
        let mut archive = tar::Archive::new(reader);
        let entries = match archive.entries() {
            Ok(entries) => entries,
            Err(error) => return self.unread(place, &error),
        };
        for entry in entries {
            let entry = match entry {
                Ok(entry) => entry,
                Err(error) => return totals.and(self.unread(place, &error)),
            };
            let name = entry.path_bytes().into_owned();
            let place = self.entry(place, &name);
            if let Some(target) = entry.link_name_bytes() {
                self.scanner.scan_name(&place, &target, self.report);
            }
            totals += self.inner(&place, entry, depth);
        }
        totals
    }

    fn zip(&self, place: &Place, mut reader: impl Read, depth: usize) -> Totals {
        let mut bytes = Vec::new();
        if let Err(error) = reader.by_ref().take(MAX_ZIP as u64 + 1).read_to_end(&mut bytes) {
            return self.unread(place, &error);
        }
        if bytes.len() > MAX_ZIP {
            let error = io::Error::other(format!("zip files of more than {} MiB are not opened", MAX_ZIP >> 20));
            return self.unread(place, &error).and(self.scanner.scan_plain(
                place,
                Cursor::new(bytes).chain(reader),
                self.report,
            ));
        }
        let mut archive = match zip::ZipArchive::new(Cursor::new(&bytes[..])) {
            Ok(archive) => archive,
            Err(error) => {
                return self.unread(place, &error.into()).and(self.scanner.scan_plain(place, &bytes[..], self.report));
            }
        };
        self.scanner.scan_name(place, archive.comment(), self.report);
        let mut totals = Totals::default();
        for index in 0..archive.len() {
            match archive.by_index(index) {
                Ok(entry) => {
                    let place = self.entry(place, entry.name_raw());
                    totals += self.inner(&place, entry, depth);
                }
                Err(error) => totals += self.unread(&place.child(format!("entry {}", index + 1)), &error.into()),
            }
        }
        totals
    }

    /// Returns the place of an entry, and scans its name.
    fn entry(&self, place: &Place, name: &[u8]) -> Place {
        let place = place.child(self.scanner.mask(name));
        self.scanner.scan_name(&place, name, self.report);
        place
    }

    fn unread(&self, place: &Place, error: &io::Error) -> Totals {
        let text = self.scanner.mask(error.to_string().as_bytes());
        (self.report)(Event::Unread(place.clone(), text));
        Totals::default()
    }
}
