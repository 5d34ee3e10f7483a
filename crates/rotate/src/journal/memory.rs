//! Journals in memory.

use std::collections::BTreeMap;
use std::fmt;
use std::future::ready;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{JournalFuture, JournalStore};

type Entries = BTreeMap<(String, u64), Vec<u8>>;

/// A store that keeps journals in the memory of this process, for tests. All clones of a store share the same journals.
///
/// ```
/// let store = codat_keys_rotate::MemoryJournal::new();
/// assert!(store.entries("payments").is_empty());
/// ```
#[derive(Clone, Default)]
pub struct MemoryJournal(Arc<Mutex<Entries>>);

impl MemoryJournal {
    /// Creates a store without journals.
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns the entries of a journal, the oldest first.
    pub fn entries(&self, name: &str) -> Vec<Vec<u8>> {
        let entries = self.lock_entries();
        entries.iter().filter(|((own, _), _)| own == name).map(|(_, bytes)| bytes.clone()).collect()
    }

    fn lock_entries(&self) -> MutexGuard<'_, Entries> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl JournalStore for MemoryJournal {
    fn list<'a>(&'a self, name: &'a str) -> JournalFuture<'a, Vec<u64>> {
        let numbers = self.lock_entries().keys().filter(|(own, _)| own == name).map(|(_, seq)| *seq).collect();
        Box::pin(ready(Ok(numbers)))
    }

    fn get<'a>(&'a self, name: &'a str, seq: u64) -> JournalFuture<'a, Option<Vec<u8>>> {
        let bytes = self.lock_entries().get(&(name.to_owned(), seq)).cloned();
        Box::pin(ready(Ok(bytes)))
    }

    fn create<'a>(&'a self, name: &'a str, seq: u64, bytes: Vec<u8>) -> JournalFuture<'a, bool> {
        let mut entries = self.lock_entries();
        let key = (name.to_owned(), seq);
        let is_new = !entries.contains_key(&key);
        if is_new {
            entries.insert(key, bytes);
        }
        drop(entries);
        Box::pin(ready(Ok(is_new)))
    }
}

impl fmt::Debug for MemoryJournal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MemoryJournal")
    }
}
