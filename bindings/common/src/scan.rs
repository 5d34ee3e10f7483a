//! The scanner for leaked keys, and scans of files that run in their own thread.

use std::ops::Range;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use std::{io, iter, thread};

use codat_keys::{ApiKey, ApiKeyDetails};
use codat_keys_scan::{Error, Event, Key, Severity};

/// The number of events that a scan collects. The scan waits while so many events have not been received.
const MAX_EVENTS: usize = 256;

/// A key to search for.
pub struct ScanKey {
    key: ApiKey,
    id: Option<String>,
    name: Option<String>,
}

impl ScanKey {
    /// Creates a key to search for. Every finding of the key has the id and the name, which must not contain a key.
    pub fn new(key: ApiKey, id: Option<String>, name: Option<String>) -> Self {
        Self { key, id, name }
    }

    fn parse(self) -> Result<Key, Error> {
        let key = Key::new(self.key.expose_secret())?;
        let key = if let Some(id) = self.id { key.with_id(id) } else { key };
        Ok(if let Some(name) = self.name { key.with_name(name) } else { key })
    }
}

impl From<&ApiKeyDetails> for ScanKey {
    fn from(key: &ApiKeyDetails) -> Self {
        // `to_string` masks a key in a name or an id.
        Self::new(key.api_key.clone(), Some(key.id.to_string()), key.name.as_ref().map(ToString::to_string))
    }
}

/// Searches for keys.
#[derive(Clone)]
pub struct Scanner(Arc<codat_keys_scan::Scanner>);

/// An occurrence of a key. No field contains a key.
pub struct Finding {
    /// The file. Empty for a text in memory.
    pub place: String,
    /// The line, counted from 1.
    pub line: u64,
    /// The column in bytes, counted from 1.
    pub column: u64,
    /// The range in bytes, from the start of the text.
    pub range: Range<u64>,
    /// The encoding, outermost first.
    pub encoding: String,
    /// `high` or `low`.
    pub severity: &'static str,
    /// The index of the key among the keys of the scanner.
    pub key: usize,
    /// The id of the key, if it is known.
    pub key_id: Option<String>,
    /// The name of the key, if it is known.
    pub key_name: Option<String>,
    /// The line, or a part of it, with all keys masked.
    pub excerpt: String,
}

/// What a scan of files reports.
pub enum ScanEvent {
    /// A key was found.
    Finding(Finding),
    /// A file was not read, or not to its end.
    Unread {
        /// The file.
        place: String,
        /// The reason.
        reason: String,
    },
}

impl Scanner {
    /// Creates a scanner.
    ///
    /// # Errors
    /// The message for an invalid argument `keys`. It contains no key.
    pub fn new(keys: Vec<ScanKey>) -> Result<Self, String> {
        let keys: Result<Vec<Key>, Error> = keys.into_iter().map(ScanKey::parse).collect();
        let scanner = keys.and_then(codat_keys_scan::Scanner::new);
        scanner.map(|scanner| Self(Arc::new(scanner))).map_err(|error| format!("argument 'keys': {error}"))
    }

    /// Returns the number of keys.
    pub fn number_of_keys(&self) -> usize {
        self.0.keys().len()
    }

    /// Returns the occurrences of the keys in a text, in the order of their start.
    pub fn scan_bytes(&self, bytes: &[u8]) -> Vec<Finding> {
        let found = self.0.scan_bytes(bytes);
        found.into_iter().map(|finding| self.finding(String::new(), finding)).collect()
    }

    fn finding(&self, place: String, found: codat_keys_scan::Finding) -> Finding {
        let key = &self.0.keys()[found.key];
        Finding {
            place,
            line: found.line,
            column: found.column,
            range: found.range,
            encoding: found.encoding,
            severity: match found.severity {
                Severity::Low => "low",
                Severity::High => "high",
            },
            key: found.key,
            key_id: key.id().map(|id| self.0.mask(id.as_bytes())),
            key_name: key.name().map(|name| self.0.mask(name.as_bytes())),
            excerpt: found.excerpt,
        }
    }

    fn event(&self, event: Event) -> Option<ScanEvent> {
        Some(match event {
            Event::Finding(place, found) => ScanEvent::Finding(self.finding(place.to_string(), found)),
            Event::Unread(place, reason) => ScanEvent::Unread { place: place.to_string(), reason },
            _ => return None,
        })
    }
}

/// A scan of files. Dropping this value stops the scan.
pub struct Scan {
    /// `None` after the end of the scan.
    rx: Mutex<Option<Receiver<Message>>>,
    is_stopped: Arc<AtomicBool>,
}

enum Message {
    Event(ScanEvent),
    /// All files have been scanned.
    End,
}

impl Scan {
    /// Starts a thread that scans the files `roots`, and the files in the folders `roots`.
    ///
    /// # Errors
    /// If the system cannot start a thread.
    pub fn start(scanner: Scanner, roots: Vec<PathBuf>) -> io::Result<Self> {
        let (tx, rx) = sync_channel(MAX_EVENTS);
        let is_stopped = Arc::<AtomicBool>::default();
        let stop = Arc::clone(&is_stopped);
        thread::Builder::new().name("codat-keys-scan".into()).spawn(move || run(&scanner, &roots, &stop, &tx))?;
        Ok(Self { rx: Mutex::new(Some(rx)), is_stopped })
    }

    /// Waits for events, at most for the duration `wait`. Returns an empty list if there is no event in this time, and
    /// `None` after the end of the scan.
    ///
    /// # Errors
    /// If the thread of the scan has panicked, because some files were then not scanned.
    pub fn next(&self, wait: Duration) -> Result<Option<Vec<ScanEvent>>, &'static str> {
        let mut guard = self.rx.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(rx) = guard.as_ref().filter(|_| !self.is_stopped()) else {
            *guard = None;
            return Ok(None);
        };
        let mut events = Vec::new();
        let first = rx.recv_timeout(wait);
        let rest = rx.try_iter().map(Ok);
        for message in iter::once(first).chain(rest) {
            match message {
                Ok(Message::Event(event)) => events.push(event),
                Ok(Message::End) => self.is_stopped.store(true, Ordering::Relaxed),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Err("the scan failed: some files were not scanned"),
            }
        }
        Ok(Some(events))
    }

    /// Stops the scan. Events that have not been received are lost.
    pub fn stop(&self) {
        self.is_stopped.store(true, Ordering::Relaxed);
        // While another thread waits for events, the receiver is locked. That thread then drops it.
        if let Ok(mut rx) = self.rx.try_lock() {
            *rx = None;
        }
    }

    fn is_stopped(&self) -> bool {
        self.is_stopped.load(Ordering::Relaxed)
    }
}

impl Drop for Scan {
    fn drop(&mut self) {
        self.stop();
    }
}

fn run(scanner: &Scanner, roots: &[PathBuf], is_stopped: &AtomicBool, tx: &SyncSender<Message>) {
    // Sending fails after `stop`.
    scanner.0.scan_tree_until(is_stopped, roots, &|event| {
        if let Some(event) = scanner.event(event) {
            drop(tx.send(Message::Event(event)));
        }
    });
    drop(tx.send(Message::End));
}
