//! The journal: a log of entries that are written once and never changed. Creating the entry with the next number is
//! the record of a step, the lock and the fence in one: if the entry exists already, another process runs the rotation.

mod entry;
mod file;
mod memory;

use std::any::Any;
use std::future::Future;
use std::io;
use std::pin::Pin;

pub use entry::Entry;
pub(crate) use entry::FORMAT;
pub use file::FileJournal;
pub use memory::MemoryJournal;

/// The future that the methods of a [`JournalStore`] return.
pub type JournalFuture<'a, T> = Pin<Box<dyn Future<Output = io::Result<T>> + Send + 'a>>;

/// The storage of journals. It needs three operations, which object stores such as S3 have as well: list, get, and
/// create if absent. [`FileJournal`] keeps journals in files, [`MemoryJournal`] in memory.
///
/// A journal has a name, and numbered entries from 1. The name consists of ASCII letters, digits, `.`, `_` and `-`.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// use codat_keys_rotate::{JournalStore, MemoryJournal};
///
/// let store = MemoryJournal::new();
/// assert!(store.create("payments", 1, b"an entry".to_vec()).await?);
/// assert!(!store.create("payments", 1, b"another entry".to_vec()).await?);
/// assert_eq!(store.get("payments", 1).await?.as_deref(), Some(&b"an entry"[..]));
/// # Ok(())
/// # }
/// ```
pub trait JournalStore: Send + Sync {
    /// Returns the numbers of the entries of a journal, in any order. Empty if there is no such journal. The list must
    /// contain every entry whose creation has ended before the call.
    fn list<'a>(&'a self, name: &'a str) -> JournalFuture<'a, Vec<u64>>;

    /// Returns the bytes of an entry, or `None` if there is no such entry.
    fn get<'a>(&'a self, name: &'a str, seq: u64) -> JournalFuture<'a, Option<Vec<u8>>>;

    /// Creates an entry, and returns true. Returns false, and changes nothing, if the entry exists. If several processes
    /// create the same entry, exactly one of them gets true. When the future completes, the entry is stored durably, and
    /// as a whole.
    fn create<'a>(&'a self, name: &'a str, seq: u64, bytes: Vec<u8>) -> JournalFuture<'a, bool>;

    /// Acquires a lock that ends with the process that holds it. With such a lock, a rotation whose process was killed
    /// can be resumed on the same machine before its lease expires. Default: [`JournalLock::Unsupported`].
    fn lock<'a>(&'a self, _name: &'a str) -> JournalFuture<'a, JournalLock> {
        Box::pin(std::future::ready(Ok(JournalLock::Unsupported)))
    }

    /// Returns an identifier of this machine since its start. The [`lock`](Self::lock) excludes only processes of the
    /// same machine. `None` if the machine has no such identifier. Default: `None`.
    fn machine(&self) -> Option<String> {
        None
    }
}

/// The result of [`JournalStore::lock`].
#[non_exhaustive]
pub enum JournalLock {
    /// The store has no locks.
    Unsupported,
    /// Another process holds the lock.
    Taken,
    /// This process holds the lock, until the value is dropped.
    Held(Box<dyn Any + Send + Sync>),
}
