//! The journal: a log of entries that are written once and never changed. To record a step, a process creates the entry
//! with the next number. If this entry exists already, another process has taken over the rotation, and this process
//! stops. The entries therefore also serve as a lock.

mod entry;
mod file;
mod folder;
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

/// The storage of journals. Only three operations are required: list, get, and create if absent. Object stores such as
/// S3 have these operations as well. [`FileJournal`] keeps journals in files, and [`MemoryJournal`] keeps them in
/// memory.
///
/// A journal has a name, and entries that are numbered from 1. The name consists of ASCII letters, digits, `.`, `_` and
/// `-`.
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
    /// Returns the numbers of all entries of a journal, in any order. Returns an empty list if the journal does not
    /// exist. The list must contain every entry whose creation completed before this call.
    fn list<'a>(&'a self, name: &'a str) -> JournalFuture<'a, Vec<u64>>;

    /// Returns the bytes of an entry, or `None` if there is no such entry.
    fn get<'a>(&'a self, name: &'a str, seq: u64) -> JournalFuture<'a, Option<Vec<u8>>>;

    /// Creates an entry, and returns true. Returns false, and changes nothing, if the entry exists. If several
    /// processes create the same entry, exactly one of them gets true. When the future completes, the entry is stored
    /// durably, and as a whole. A rotation that is cancelled waits until the future completes. An error of the kind
    /// [`Interrupted`](io::ErrorKind::Interrupted) cancels the rotation. The rotation then calls [`get`](Self::get) to
    /// find out whether the entry exists.
    fn create<'a>(&'a self, name: &'a str, seq: u64, bytes: Vec<u8>) -> JournalFuture<'a, bool>;

    /// Acquires a lock that is released when the process that holds it ends. If the process of a rotation is killed,
    /// such a lock allows another process on the same machine to resume the rotation before the lease expires. If the
    /// future is dropped before it completes, the lock must not stay acquired. Default: [`JournalLock::Unsupported`].
    fn lock<'a>(&'a self, _name: &'a str) -> JournalFuture<'a, JournalLock> {
        Box::pin(std::future::ready(Ok(JournalLock::Unsupported)))
    }

    /// Returns an identifier of this machine, or `None` if there is none. The identifier must change when the machine
    /// restarts. The [`lock`](Self::lock) excludes only processes of the same machine. If the latest entry contains the
    /// identifier of this machine, a process that holds the lock knows that the writer of this entry has ended, and
    /// ignores the lease in the entry. Default: `None`.
    fn machine(&self) -> Option<String> {
        None
    }

    /// Returns the path or the URL of the store, or `None` if the store has neither. A rotation is refused if this text
    /// contains an API key, because errors can contain this text. Default: `None`.
    fn location(&self) -> Option<String> {
        None
    }
}

/// Returns whether a journal can have this name.
pub(crate) fn is_name(name: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    (1..=100).contains(&name.len()) && !name.starts_with('.') && name.bytes().all(is_allowed)
}

/// The result of [`JournalStore::lock`].
#[non_exhaustive]
pub enum JournalLock {
    /// The store has no locks.
    Unsupported,
    /// Another process holds the lock.
    Taken,
    /// This process holds the lock until this value is dropped.
    Held(Box<dyn Any + Send + Sync>),
}
