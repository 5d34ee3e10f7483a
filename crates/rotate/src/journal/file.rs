//! Journals in files.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use codat_keys::internal::{OpenError, check_own_folder, check_trusted_folder, open_regular};

use super::{JournalFuture, JournalLock, JournalStore, is_name};

/// The maximum size of an entry in bytes. An entry with ten keys and ten sinks is much smaller.
const MAX_ENTRY_BYTES: u64 = 1024 * 1024;

/// The file that contains the identifier of the running kernel. The identifier changes each time the machine starts.
const MACHINE: &str = "/proc/sys/kernel/random/boot_id";

/// A store that keeps journals in a folder. The entries of the journal `NAME` are the files `NAME/00000001.json`,
/// `NAME/00000002.json` and so on. Each file is first written and synced under a temporary name. An entry is therefore
/// never incomplete. The folder must be on a file system with hard links.
///
/// On Unix, only the user of this process can read the files. The store requires that only this user and root can
/// change the files, because a journal names the places that get a key. All methods return an error if another user
/// owns or can write the folder, a folder `NAME` or a file. All methods also return an error if another user can
/// replace a parent folder. A parent folder that other users can write is allowed only if it has the sticky bit, as
/// `/tmp` has. Links and pipes in place of files are errors.
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
    /// Creates a store in this folder. If the folder does not exist, the first call of `lock` or `create` creates the
    /// folder.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into() }
    }

    /// Creates the folder of the journal `name`, unless the folder exists. If the parent folder is open to all users,
    /// as `/tmp` is, call this method early: until the folder exists, another user can create a folder with the same
    /// name.
    ///
    /// # Errors
    /// `InvalidInput` for an invalid name. Another error if the folder cannot be created, or if other users can change
    /// it.
    pub fn prepare(&self, name: &str) -> io::Result<()> {
        self.created(name).map(drop)
    }

    /// Checks the owner and the permissions of the folder of the journal `name`, if the folder exists. Creates nothing.
    ///
    /// # Errors
    /// `InvalidInput` for an invalid name. Another error if the folder exists, and other users can change it.
    pub fn check(&self, name: &str) -> io::Result<()> {
        self.existing(name).map(drop)
    }

    /// Returns the folder of a journal. Creates the folder if it does not exist.
    fn created(&self, name: &str) -> io::Result<PathBuf> {
        let folder = self.folder_of(name)?;
        let existing = folder.ancestors().find(|folder| folder.exists()).unwrap_or(&folder);
        check_trusted_folder(existing).map_err(|error| refused(existing, error))?;
        create_folder(&folder).map_err(|error| refused(&folder, error.into()))?;
        self.existing(name)?;
        Ok(folder)
    }

    /// Returns the folder of a journal, or `None` if the folder does not exist.
    fn existing(&self, name: &str) -> io::Result<Option<PathBuf>> {
        let folder = self.folder_of(name)?;
        for folder in folder.ancestors().take(2).filter(|folder| folder.exists()) {
            check_own_folder(folder).map_err(|error| refused(folder, error))?;
        }
        Ok(folder.exists().then_some(folder))
    }

    fn folder_of(&self, name: &str) -> io::Result<PathBuf> {
        if !is_name(name) {
            return Err(io::Error::new(ErrorKind::InvalidInput, "the name of the journal is not valid"));
        }
        std::path::absolute(self.folder.join(name))
    }

    fn list_now(&self, name: &str) -> io::Result<Vec<u64>> {
        self.existing(name)?.map_or(Ok(Vec::new()), |folder| numbers(&folder))
    }

    fn get_now(&self, name: &str, seq: u64) -> io::Result<Option<Vec<u8>>> {
        let Some(folder) = self.existing(name)? else { return Ok(None) };
        let Some(file) = if_exists(open(&entry(&folder, seq), OpenOptions::new().read(true)))? else {
            return Ok(None);
        };
        let mut bytes = Vec::new();
        file.take(MAX_ENTRY_BYTES + 1).read_to_end(&mut bytes)?;
        match bytes.len() as u64 > MAX_ENTRY_BYTES {
            true => Err(io::Error::new(ErrorKind::InvalidData, "an entry of the journal is larger than 1 MiB")),
            false => Ok(Some(bytes)),
        }
    }

    fn create_now(&self, name: &str, seq: u64, bytes: &[u8]) -> io::Result<bool> {
        let folder = self.created(name)?;
        let temporary = folder.join(format!(".{seq:08}.{:016x}.tmp", fastrand::u64(..)));
        let written = write_synced(&temporary, bytes).and_then(|()| link(&temporary, &entry(&folder, seq)));
        // A temporary file that remains does no harm: its name is not that of an entry.
        let _ = fs::remove_file(&temporary);
        if written? {
            sync_folder(&folder)?;
            return Ok(true);
        }
        Ok(false)
    }

    fn lock_now(&self, name: &str) -> io::Result<JournalLock> {
        let path = self.created(name)?.join("lock");
        let file = open(&path, OpenOptions::new().read(true).write(true).create(true).truncate(false))?;
        match file.try_lock() {
            Ok(()) => Ok(JournalLock::Held(Box::new(HeldLock { file, process: std::process::id() }))),
            Err(TryLockError::WouldBlock) => Ok(JournalLock::Taken),
            Err(TryLockError::Error(error)) if error.kind() == ErrorKind::Unsupported => Ok(JournalLock::Unsupported),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }
}

impl JournalStore for FileJournal {
    fn list<'a>(&'a self, name: &'a str) -> JournalFuture<'a, Vec<u64>> {
        Box::pin(async move { self.list_now(name) })
    }

    fn get<'a>(&'a self, name: &'a str, seq: u64) -> JournalFuture<'a, Option<Vec<u8>>> {
        Box::pin(async move { self.get_now(name, seq) })
    }

    fn create<'a>(&'a self, name: &'a str, seq: u64, bytes: Vec<u8>) -> JournalFuture<'a, bool> {
        Box::pin(async move { self.create_now(name, seq, &bytes) })
    }

    fn lock<'a>(&'a self, name: &'a str) -> JournalFuture<'a, JournalLock> {
        Box::pin(async move { self.lock_now(name) })
    }

    fn location(&self) -> Option<String> {
        Some(self.folder.to_string_lossy().into_owned())
    }

    fn machine(&self) -> Option<String> {
        let id = fs::read_to_string(MACHINE).ok()?;
        Some(id.trim().to_owned()).filter(|id| !id.is_empty())
    }
}

/// A lock that this process holds. Dropping this value releases the lock explicitly. Closing the file does not always
/// release the lock: a forked child has a copy of the file handle, and this copy keeps the lock until the child ends.
struct HeldLock {
    file: File,
    process: u32,
}

impl Drop for HeldLock {
    fn drop(&mut self) {
        // A forked child has a copy of this value. When the child drops its copy, the parent still holds the lock.
        if self.process == std::process::id() {
            let _ = self.file.unlock();
        }
    }
}

/// Returns the path of an entry in the folder of its journal.
fn entry(folder: &Path, seq: u64) -> PathBuf {
    folder.join(format!("{seq:08}.json"))
}

/// Returns the numbers of the entries in a folder. Ignores all other files.
fn numbers(folder: &Path) -> io::Result<Vec<u64>> {
    let number = |entry: io::Result<fs::DirEntry>| {
        let name = entry?.file_name();
        let digits = name.to_str().and_then(|name| name.strip_suffix(".json"));
        Ok(digits.filter(|digits| digits.len() >= 8).and_then(|digits| digits.parse().ok()))
    };
    fs::read_dir(folder)?.filter_map(|entry| number(entry).transpose()).collect()
}

fn if_exists<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Gives the file `temporary` the second name `path`. Returns false if the file `path` exists already.
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

/// Opens a regular file. Returns an error for a link, a pipe, or a file of another user. Another user may have created
/// one of these before the folder was checked.
fn open(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    open_regular(path, options).map_err(|error| refused(path, error))
}

fn refused(path: &Path, error: OpenError) -> io::Error {
    match error {
        OpenError::Io(error) => io::Error::new(error.kind(), format!("{}: {error}", path.display())),
        OpenError::Exposed { what, repair } => io::Error::other(format!("it is not trusted: {what}; {repair}")),
    }
}

fn create_folder(folder: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(folder)
}

/// Makes the new name of an entry durable. Does nothing on Windows: a folder cannot be synced there, and NTFS itself
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
        let bytes = fs::read(entry(&folder.path().join("a/b/ci"), 1)).unwrap();
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
        assert!(store.list_now("none").unwrap().is_empty() && store.get_now("none", 1).unwrap().is_none());
    }

    #[test]
    fn a_lock_ends_although_a_forked_process_has_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let store = FileJournal::new(folder.path());
        let lock = |process| {
            store.prepare("ci").unwrap();
            let path = folder.path().join("ci/lock");
            let file = File::options().create(true).truncate(false).write(true).open(path).unwrap();
            file.try_lock().unwrap();
            let copy = file.try_clone().unwrap();
            (copy, HeldLock { file, process })
        };
        let (copy, parent) = lock(std::process::id());
        drop(parent);
        assert!(matches!(store.lock_now("ci").unwrap(), JournalLock::Held(_)));
        drop(copy);
        let (_parent, child) = lock(std::process::id() + 1);
        drop(child);
        assert!(matches!(store.lock_now("ci").unwrap(), JournalLock::Taken), "a child does not release the lock");
    }

    #[test]
    fn a_name_that_leaves_the_folder_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let store = FileJournal::new(folder.path().join("a"));
        for name in ["", ".", "..", "../b", "b/c", "/b"] {
            assert_eq!(store.prepare(name).unwrap_err().kind(), ErrorKind::InvalidInput, "{name}");
            assert_eq!(store.list_now(name).unwrap_err().kind(), ErrorKind::InvalidInput, "{name}");
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[cfg(unix)]
    #[test]
    fn a_folder_that_others_can_write_is_an_error() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let store = FileJournal::new(folder.path().join("a"));
        store.check("ci").unwrap();
        assert!(!folder.path().join("a").exists(), "a check creates nothing");
        store.prepare("ci").unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!([mode(&folder.path().join("a")), mode(&folder.path().join("a/ci"))], [0o700; 2]);
        for (path, mode) in [("a", 0o1777), ("a/ci", 0o770), ("a/ci", 0o1777), (".", 0o777)] {
            let path = folder.path().join(path);
            let before = fs::metadata(&path).unwrap().permissions();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let errors = [
                store.prepare("ci").unwrap_err(),
                store.check("ci").unwrap_err(),
                store.list_now("ci").unwrap_err(),
                store.get_now("ci", 1).unwrap_err(),
                store.create_now("ci", 1, b"{}").unwrap_err(),
            ];
            assert!(errors.iter().all(|error| error.to_string().contains("not trusted: the folder ")), "{errors:?}");
            fs::set_permissions(&path, before).unwrap();
        }
        store.check("ci").unwrap();
    }

    #[cfg(unix)]
    #[test]
    fn a_link_a_pipe_and_a_file_that_others_can_write_are_errors() {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let folder = tempfile::tempdir().unwrap();
        let store = FileJournal::new(folder.path());
        store.prepare("ci").unwrap();
        let place = |name: &str| folder.path().join("ci").join(name);
        let make = |kind: &str, path: &Path| match kind {
            "link" => symlink(folder.path().join("target"), path).unwrap(),
            "pipe" => assert!(std::process::Command::new("mkfifo").arg(path).status().unwrap().success()),
            _ => {
                fs::write(path, "{}").unwrap();
                fs::set_permissions(path, fs::Permissions::from_mode(0o666)).unwrap();
            }
        };
        for (kind, text) in
            [("link", "it is a link"), ("pipe", "it is no regular file"), ("open to all", "not trusted: the file ")]
        {
            make(kind, &place("lock"));
            make(kind, &place("00000001.json"));
            let lock = store.lock_now("ci").err().unwrap().to_string();
            let read = store.get_now("ci", 1).unwrap_err().to_string();
            assert!(lock.contains(text) && read.contains(text), "{lock} {read}");
            fs::remove_file(place("lock")).unwrap();
            fs::remove_file(place("00000001.json")).unwrap();
        }
        assert!(!folder.path().join("target").exists(), "the target of a link is not created");
    }
}
