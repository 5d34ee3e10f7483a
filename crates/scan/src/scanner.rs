use std::fmt;
use std::io::{self, Read};
use std::path::Path;

use crate::matcher::Matcher;
use crate::{Error, Finding, Key, decode, excerpt, stream};

/// The largest number of keys of a scanner.
const MAX_KEYS: usize = 100;

/// Searches for keys. A scanner can be shared between threads. `Debug` does not show the keys.
pub struct Scanner {
    keys: Vec<Key>,
    matcher: Matcher,
}

impl Scanner {
    /// Makes a scanner that searches for all of these keys.
    ///
    /// # Errors
    /// [`Error::NoKey`] without a key, and [`Error::TooManyKeys`] with more than 100.
    pub fn new(keys: impl IntoIterator<Item = Key>) -> Result<Self, Error> {
        let keys: Vec<Key> = keys.into_iter().collect();
        match keys.len() {
            0 => Err(Error::NoKey),
            1..=MAX_KEYS => Ok(Self { matcher: Matcher::new(&keys), keys }),
            _ => Err(Error::TooManyKeys),
        }
    }

    /// Returns the keys that this scanner searches for.
    pub fn keys(&self) -> &[Key] {
        &self.keys
    }

    /// Returns the occurrences of the keys in a text, in the order of their start. Does not open archives.
    pub fn scan_bytes(&self, bytes: &[u8]) -> Vec<Finding> {
        let mut findings = Vec::new();
        stream::Start::default().report(&self.search(), bytes, 0..bytes.len(), &mut |finding| findings.push(finding));
        findings
    }

    /// Passes the occurrences of the keys in a stream to `report`, in the order of their start, and returns the number of
    /// bytes. Uses about 2 MiB of memory, whatever the length of the stream is. An occurrence that is spread over more than
    /// 64 KiB, or that has a separator of more than 4 KiB, may not be found. Does not open archives.
    ///
    /// # Errors
    /// The error of the reader. The occurrences before the error have been reported.
    pub fn scan_reader(&self, reader: impl Read, report: &mut dyn FnMut(Finding)) -> io::Result<u64> {
        stream::scan(&self.search(), reader, report)
    }

    /// Returns a name or a message in which the keys are masked. Control characters stay.
    pub fn mask(&self, text: &[u8]) -> String {
        excerpt::mask(&self.keys, text, &decode::occurrences(&self.matcher, text))
    }

    /// Returns a path in which the keys are masked. Control characters stay.
    pub(crate) fn mask_path(&self, path: &Path) -> String {
        self.mask(path.as_os_str().as_encoded_bytes())
    }

    fn search(&self) -> stream::Search<'_> {
        stream::Search { keys: &self.keys, matcher: &self.matcher }
    }
}

impl fmt::Debug for Scanner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scanner").field("keys", &self.keys).finish_non_exhaustive()
    }
}
