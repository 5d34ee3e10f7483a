//! Scans one object in the output of `git cat-file --batch`.

use std::io::{self, Read};

use super::batch::{self, Header};
use super::command::Process;
use super::locate::Location;
use crate::{Event, Finding, GitObject, Place, Scanner, Totals};

/// The size up to which a blob is read into memory.
const MAX_BLOB_IN_MEMORY: u64 = 1 << 20;
/// The size up to which a commit, a tag or a tree is read into memory.
const MAX_IN_MEMORY: u64 = 16 << 20;

/// What was found in an object, before its path and its commit are known. The second name of the place is that of the
/// object.
pub(super) struct Found {
    pub(super) event: Event,
    /// The name of the file, if the object is a tree and the key is in this name.
    pub(super) file_name: Option<Vec<u8>>,
}

/// Scans the objects of a repository one after the other.
pub(super) struct ObjectScanner<'a> {
    pub(super) scanner: &'a Scanner,
    /// The name of the repository.
    pub(super) repository: String,
    buffer: Vec<u8>,
}

impl<'a> ObjectScanner<'a> {
    pub(super) fn new(scanner: &'a Scanner, repository: String) -> Self {
        Self { scanner, repository, buffer: Vec::new() }
    }

    /// Scans the object whose header has been read.
    pub(super) fn scan(
        &mut self,
        process: &mut Process,
        header: &Header,
        report: &(dyn Fn(Found) + Sync),
    ) -> io::Result<Totals> {
        if header.kind == "missing" {
            let reason = "git does not have the object".to_owned();
            report(Found { event: Event::Unread(self.place(header), reason), file_name: None });
            return Ok(Totals::default());
        }
        let limit = if header.kind == "blob" { MAX_BLOB_IN_MEMORY } else { MAX_IN_MEMORY };
        let mut body = process.stdout()?.take(header.size);
        let totals = if header.size <= limit {
            // Zeros are written only where the buffer grows.
            self.buffer.resize(header.size as usize, 0);
            body.read_exact(&mut self.buffer)?;
            self.scan_buffer(header, report)
        } else {
            let totals = self.scan_text(header, &mut body, report);
            // An archive can end before its file does.
            io::copy(&mut body, &mut io::sink())?;
            totals
        };
        if body.limit() > 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        batch::end(process)?;
        Ok(totals)
    }

    fn scan_buffer(&self, header: &Header, report: &(dyn Fn(Found) + Sync)) -> Totals {
        #[cfg(feature = "archive")]
        if header.kind == "blob" && crate::archive::is_archive(&self.buffer) {
            return self.scan_text(header, &self.buffer[..], report);
        }
        let findings = self.scanner.scan_bytes(&self.buffer);
        if !findings.is_empty() {
            let place = self.place(header);
            if header.kind != "tree" || !self.scan_file_names(&place, header, report) {
                findings.into_iter().for_each(|finding| report(Found::new(&place, finding)));
            }
        }
        Totals { texts: 1, bytes: header.size }
    }

    fn scan_text(&self, header: &Header, body: impl Read, report: &(dyn Fn(Found) + Sync)) -> Totals {
        self.scanner.scan_text(&self.place(header), body, &|event| report(Found { event, file_name: None }))
    }

    /// Scans the names in a tree. Returns whether a key was found.
    fn scan_file_names(&self, place: &Place, header: &Header, report: &(dyn Fn(Found) + Sync)) -> bool {
        let place = place.child("file name");
        let mut is_found = false;
        for name in file_names(&self.buffer, header.id.len() / 2) {
            for finding in self.scanner.scan_bytes(name) {
                is_found = true;
                report(Found { file_name: Some(name.to_vec()), ..Found::new(&place, finding) });
            }
        }
        is_found
    }

    fn place(&self, header: &Header) -> Place {
        let object = GitObject { id: header.id.clone(), kind: header.kind.clone(), ..GitObject::default() };
        Place { names: vec![self.repository.clone(), short_name(&object)], object: Some(object) }
    }
}

impl Found {
    fn new(place: &Place, finding: Finding) -> Self {
        Self { event: Event::Finding(place.clone(), finding), file_name: None }
    }

    pub(super) fn object(&self) -> Option<&GitObject> {
        let (Event::Finding(place, _) | Event::Unread(place, _)) = &self.event;
        place.object.as_ref()
    }

    /// Returns the event with the path and the commit of the object.
    pub(super) fn located(mut self, scanner: &Scanner, location: &Location) -> Event {
        let (Event::Finding(place, _) | Event::Unread(place, _)) = &mut self.event;
        let (Some(object), [_, name, ..]) = (&mut place.object, &mut place.names[..]) else { return self.event };
        let path = location.path.as_ref().map(|path| match &self.file_name {
            Some(file_name) if path.is_empty() => file_name.clone(),
            Some(file_name) => [path, &b"/"[..], file_name].concat(),
            None => path.clone(),
        });
        object.path = path.or(self.file_name).filter(|path| !path.is_empty()).map(|path| scanner.mask(&path));
        object.commit.clone_from(&location.commit);
        object.is_unreachable = location.is_unreachable;
        *name = match (&object.path, object.kind.as_str()) {
            (Some(path), "tag") => format!("tag {path}"),
            (Some(path), _) => path.clone(),
            (None, _) => short_name(object),
        };
        self.event
    }
}

/// Returns the kind and the first digits of the id.
fn short_name(object: &GitObject) -> String {
    format!("{} {}", object.kind, object.id.get(..12).unwrap_or(&object.id))
}

/// Returns the names of the files and folders in a tree. Each entry is the mode, the name and the id in binary.
fn file_names(tree: &[u8], id_length: usize) -> impl Iterator<Item = &[u8]> {
    let mut rest = tree;
    std::iter::from_fn(move || {
        let space = memchr::memchr(b' ', rest)?;
        let end = space + memchr::memchr(0, &rest[space..])?;
        let name = &rest[space + 1..end];
        rest = rest.get(end + 1 + id_length..)?;
        Some(name)
    })
}
