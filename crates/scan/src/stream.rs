//! Scans a text in parts, and turns occurrences into findings.

use std::io::{self, Read};

use crate::excerpt::{self, excerpt};
use crate::matcher::Matcher;
use crate::{Finding, Key, decode};

/// The number of bytes that are read at a time.
const CHUNK: usize = 1 << 20;
/// The end of a chunk that is scanned again with the next chunk, so that occurrences across the border are found.
const OVERLAP: usize = 64 << 10;

/// Scans a reader with the memory of two chunks.
pub(crate) fn scan(search: &Search<'_>, mut reader: impl Read, report: &mut dyn FnMut(Finding)) -> io::Result<u64> {
    let mut buffer = Vec::with_capacity(CHUNK + OVERLAP);
    let (mut start, mut reported) = (Start::default(), 0);
    loop {
        let read = reader.by_ref().take(CHUNK as u64).read_to_end(&mut buffer);
        let is_end = !matches!(read, Ok(CHUNK));
        // The text after an occurrence is part of its excerpt, and must be known to mask the keys in it.
        let known = if is_end { buffer.len() } else { buffer.len() - excerpt::MARGIN };
        start.report(search, &buffer, reported..known, report);
        if is_end {
            return read.map(|_| start.bytes + buffer.len() as u64);
        }
        let passed = buffer.len() - OVERLAP;
        start.advance(&buffer[..passed]);
        buffer.drain(..passed);
        reported = known - passed;
    }
}

/// What a stream is searched for.
pub(crate) struct Search<'a> {
    pub(crate) keys: &'a [Key],
    pub(crate) matcher: &'a Matcher,
}

/// The position of the first byte of a buffer in its text.
#[derive(Default)]
pub(crate) struct Start {
    bytes: u64,
    /// The number of line feeds before the buffer.
    lines: u64,
    /// The number of bytes between the last of them and the buffer.
    column: u64,
}

impl Start {
    /// Reports the occurrences in a buffer whose end is in `ends`, excluding its start.
    pub(crate) fn report(
        &self,
        search: &Search<'_>,
        buffer: &[u8],
        ends: std::ops::Range<usize>,
        report: &mut dyn FnMut(Finding),
    ) {
        let occurrences = decode::occurrences(search.matcher, buffer);
        for (index, found) in occurrences.iter().enumerate() {
            let (from, to) = (found.range.start, found.range.end);
            if to <= ends.start || to > ends.end {
                continue;
            }
            let position = self.after(&buffer[..from]);
            report(Finding {
                key: found.key,
                encoding: found.encoding.clone(),
                severity: found.severity,
                line: position.lines + 1,
                column: position.column + 1,
                range: position.bytes..self.bytes + to as u64,
                excerpt: excerpt(search.keys, buffer, &occurrences, index),
            });
        }
    }

    fn advance(&mut self, text: &[u8]) {
        *self = self.after(text);
    }

    /// Returns the position after a text that begins at this position.
    fn after(&self, text: &[u8]) -> Self {
        Self {
            bytes: self.bytes + text.len() as u64,
            lines: self.lines + memchr::memchr_iter(b'\n', text).count() as u64,
            column: match memchr::memrchr(b'\n', text) {
                Some(feed) => (text.len() - feed - 1) as u64,
                None => self.column + text.len() as u64,
            },
        }
    }
}
