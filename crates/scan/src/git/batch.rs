//! Reads the output of `git cat-file --batch`.

use std::io::{self, BufRead, Read};

use super::command::Process;

/// The size of the longest line before an object. It contains a path if the command asks for it.
const MAX_HEADER: u64 = 1 << 20;

/// The line before an object.
#[derive(Debug, Default)]
pub(super) struct Header {
    pub(super) id: String,
    /// The kind, or `missing`.
    pub(super) kind: String,
    pub(super) size: u64,
    /// The rest of the line that git was given, such as a path.
    pub(super) rest: Vec<u8>,
}

/// Reads the line before the next object. Returns `None` at the end of the output.
pub(super) fn header(process: &mut Process) -> io::Result<Option<Header>> {
    let mut line = Vec::new();
    let read = process.stdout()?.take(MAX_HEADER).read_until(b'\n', &mut line)?;
    if read == 0 {
        return Ok(None);
    }
    let invalid = || io::Error::new(io::ErrorKind::InvalidData, "git has written an unknown line");
    let line = line.strip_suffix(b"\n").ok_or_else(invalid)?;
    let mut parts = line.splitn(4, |byte| *byte == b' ');
    let mut text = || parts.next().map(|part| String::from_utf8_lossy(part).into_owned());
    let (id, kind) = (text().unwrap_or_default(), text().ok_or_else(invalid)?);
    if kind == "missing" {
        return Ok(Some(Header { id, kind, ..Header::default() }));
    }
    let size = text().and_then(|size| size.parse().ok()).ok_or_else(invalid)?;
    Ok(Some(Header { id, kind, size, rest: parts.next().unwrap_or_default().to_vec() }))
}

/// Reads the line feed after an object.
pub(super) fn end(process: &mut Process) -> io::Result<()> {
    let mut feed = [0];
    process.stdout()?.read_exact(&mut feed)?;
    if feed == *b"\n" { Ok(()) } else { Err(io::Error::new(io::ErrorKind::InvalidData, "git has not ended an object")) }
}
