//! Journals in files.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use super::{JournalFuture, JournalLock, JournalStore};

/// The identifier of the running kernel. It changes when the machine starts.
const MACHINE: &str = "/proc/sys/kernel/random/boot_id";

/// A store that keeps the entries of the journal `NAME` in the files `NAME/00000001.json`, `NAME/00000002.json` and so
/// on of a folder. Each file is first written and synced under a temporary name, so that an entry is never incomplete.
/// The folder must be on a file system with hard links. On Unix, only the user of this process can read the files.
///
/// The methods of this store block the calling thread for the duration of a small write.
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// # let folder = folder.path();
/// let store = codat_keys_rotate::FileJournal::new(folder.join("rotations"));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct FileJournal {
    folder: PathBuf,
}

impl FileJournal {
    /// Creates a store in this folder. If the folder does not exist, the first lock or entry creates it.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into() }
    }

    fn path(&self, name: &str, seq: u64) -> PathBuf {
        self.folder.join(name).join(format!("{seq:08}.json"))
    }

    fn create_now(&self, name: &str, seq: u64, bytes: &[u8]) -> io::Result<bool> {
        let folder = self.folder.join(name);
        create_folder(&folder)?;
        let temporary = folder.join(format!(".{seq:08}.{:016x}.tmp", fastrand::u64(..)));
        let written = write_synced(&temporary, bytes).and_then(|()| link(&temporary, &self.path(name, seq)));
        // A temporary file that remains does no harm: its name is not that of an entry.
        let _ = fs::remove_file(&temporary);
        if written? {
            sync_folder(&folder)?;
            return Ok(true);
        }
        Ok(false)
    }

    fn lock_now(&self, name: &str) -> io::Result<JournalLock> {
        let folder = self.folder.join(name);
        create_folder(&folder)?;
        let file = open(&folder.join("lock"), OpenOptions::new().write(true).create(true))?;
        match file.try_lock() {
            Ok(()) => Ok(JournalLock::Held(Box::new(file))),
            Err(TryLockError::WouldBlock) => Ok(JournalLock::Taken),
            Err(TryLockError::Error(error)) if error.kind() == ErrorKind::Unsupported => Ok(JournalLock::Unsupported),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }
}

impl JournalStore for FileJournal {
    fn list<'a>(&'a self, name: &'a str) -> JournalFuture<'a, Vec<u64>> {
        Box::pin(async move { numbers(&self.folder.join(name)) })
    }

    fn get<'a>(&'a self, name: &'a str, seq: u64) -> JournalFuture<'a, Option<Vec<u8>>> {
        Box::pin(async move { if_exists(fs::read(self.path(name, seq))) })
    }

    fn create<'a>(&'a self, name: &'a str, seq: u64, bytes: Vec<u8>) -> JournalFuture<'a, bool> {
        Box::pin(async move { self.create_now(name, seq, &bytes) })
    }

    fn lock<'a>(&'a self, name: &'a str) -> JournalFuture<'a, JournalLock> {
        Box::pin(async move { self.lock_now(name) })
    }

    fn machine(&self) -> Option<String> {
        let id = fs::read_to_string(MACHINE).ok()?;
        Some(id.trim().to_owned()).filter(|id| !id.is_empty())
    }
}

/// Returns the numbers of the entries in a folder. Ignores all other files.
fn numbers(folder: &Path) -> io::Result<Vec<u64>> {
    let Some(entries) = if_exists(fs::read_dir(folder))? else { return Ok(Vec::new()) };
    let number = |entry: io::Result<fs::DirEntry>| {
        let name = entry?.file_name();
        let digits = name.to_str().and_then(|name| name.strip_suffix(".json"));
        Ok(digits.filter(|digits| digits.len() >= 8).and_then(|digits| digits.parse().ok()))
    };
    entries.filter_map(|entry| number(entry).transpose()).collect()
}

fn if_exists<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Gives a file a second name. Returns false if a file with this name exists.
fn link(temporary: &Path, path: &Path) -> io::Result<bool> {
    match fs::hard_link(temporary, path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(error),
    }
}

fn write_synced(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = open(path, OpenOptions::new().write(true).create_new(true))?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn open(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    options.open(path)
}

fn create_folder(folder: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(folder)
}

/// Makes the new name of an entry durable. Does nothing on Windows, where a folder cannot be synced and NTFS itself
/// journals the names of files.
fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exactly_one_of_many_creates_an_entry() {
        let folder = tempfile::tempdir().unwrap();
        let store = FileJournal::new(folder.path().join("a/b"));
        let create = |number: u8| {
            let store = store.clone();
            std::thread::spawn(move || store.create_now("ci", 1, &[number; 10_000]).unwrap())
        };
        let threads: Vec<_> = (0..8).map(create).collect();
        assert_eq!(threads.into_iter().map(|thread| thread.join().unwrap()).filter(|new| *new).count(), 1);
        let bytes = fs::read(store.path("ci", 1)).unwrap();
        assert!(bytes.len() == 10_000 && bytes.iter().all(|byte| *byte == bytes[0]));
        assert_eq!(numbers(&folder.path().join("a/b/ci")).unwrap(), [1]);
        assert_eq!(fs::read_dir(folder.path().join("a/b/ci")).unwrap().count(), 1, "no temporary file remains");
    }

    #[test]
    fn a_lock_excludes_others_until_it_is_dropped() {
        let folder = tempfile::tempdir().unwrap();
        let store = FileJournal::new(folder.path());
        let held = store.lock_now("ci").unwrap();
        assert!(matches!(held, JournalLock::Held(_)));
        assert!(matches!(store.lock_now("ci").unwrap(), JournalLock::Taken));
        assert!(matches!(store.lock_now("other").unwrap(), JournalLock::Held(_)));
        drop(held);
        assert!(matches!(store.lock_now("ci").unwrap(), JournalLock::Held(_)));
        assert!(numbers(&folder.path().join("ci")).unwrap().is_empty());
        assert!(numbers(&folder.path().join("none")).unwrap().is_empty());
    }
}
