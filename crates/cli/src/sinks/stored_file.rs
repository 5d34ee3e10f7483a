//! Files that contain the key: they are read and replaced as a whole, and never through a link.

use std::fmt;
use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use codat_keys::internal::others_can_read;
use codat_keys_rotate::{Content, SinkError};
use zeroize::Zeroizing;

use super::Rules;
use crate::atomic_file::{Access, AtomicFile};
use crate::secret_file::folder_of;

/// The maximum size of a file in bytes. A file with settings is smaller.
const MAX_BYTES: u64 = 16 * 1024 * 1024;

/// The content of a file, and its metadata at the time of the read.
pub(super) struct StoredFile {
    pub(super) bytes: Zeroizing<Vec<u8>>,
    access: Access,
}

impl StoredFile {
    /// Returns an error if the file does not belong to the user of this process.
    pub(super) fn check_own(&self) -> Result<(), SinkError> {
        match self.other_owner() {
            Some(owner) => Err(SinkError::permanent(format!("it {}", Readers::Owner(owner)))),
            None => Ok(()),
        }
    }

    /// Returns the other users who can read the file because of its owner or its mode.
    fn readers(&self) -> Option<Readers> {
        let owner = self.other_owner().map(Readers::Owner);
        owner.or_else(|| others_can_read(&self.access.metadata).then_some(Readers::All))
    }

    /// Returns the user who owns the file. Returns `None` if the user of this process owns the file.
    fn other_owner(&self) -> Option<u32> {
        #[cfg(unix)]
        return Some(std::os::unix::fs::MetadataExt::uid(&self.access.metadata))
            .filter(|owner| *owner != rustix::process::geteuid().as_raw());
        #[cfg(not(unix))]
        None
    }
}

/// The other users who can read a file.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Readers {
    /// The user who owns the file.
    Owner(u32),
    /// Every user of this machine.
    All,
}

impl fmt::Display for Readers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Owner(owner) => write!(f, "belongs to user {owner}, who could read the new key"),
            Self::All => f.write_str("can be read by every user, who could read the new key: run `chmod o-r` for it"),
        }
    }
}

/// The other users who could read a sink's file at the latest read. A replaced file keeps its owner and its mode, so
/// these users can read the new key. Without `--overwrite`, a rotation therefore replaces such a file only if these users
/// could already read the old key.
#[derive(Default)]
pub(super) struct LastReaders(Mutex<Option<Readers>>);

impl LastReaders {
    /// Stores the readers of a file that was read, and returns the content of the file. A file that contains no key and
    /// that other users can read must not be replaced, because these users could read the new key.
    /// [`SinkContext::is_strict`](super::SinkContext::is_strict) documents the result for such a file.
    pub(super) fn accept(
        &self,
        file: Option<&StoredFile>,
        content: Content,
        rules: Rules,
    ) -> Result<Content, SinkError> {
        let readers = file.and_then(StoredFile::readers);
        *self.last() = readers;
        match readers {
            Some(readers) if matches!(content, Content::Nothing) => {
                rules.unsuitable(format!("it contains no key, and {readers}"), &[])
            }
            _ => Ok(content),
        }
    }

    /// Returns an error if other users have become able to read the file after the latest read. A rotation reads each
    /// file before it replaces the file.
    pub(super) fn check(&self, file: Option<&StoredFile>) -> Result<(), SinkError> {
        match file.and_then(StoredFile::readers) {
            Some(readers) if *self.last() != Some(readers) => Err(SinkError::permanent(format!("it {readers}"))),
            _ => Ok(()),
        }
    }

    fn last(&self) -> MutexGuard<'_, Option<Readers>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reads a file. Returns `None` if the file does not exist. Returns an error if the file cannot be read, or if
/// [`replace`] would not replace it.
pub(super) fn read(path: &Path) -> Result<Option<StoredFile>, SinkError> {
    check_folder(path)?;
    let file = match open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(_) if is_link(path) => {
            return Err(SinkError::permanent("it is a link: name the file that the link refers to"));
        }
        Err(error) => return Err(unreadable(&error)),
    };
    let access = Access::of(&file).map_err(|error| unreadable(&error))?;
    check_replaceable(&access.metadata)?;
    // Memory that a growing vector leaves is not wiped, so the vector must not grow.
    let length = usize::try_from(access.metadata.len().min(MAX_BYTES) + 1).unwrap_or(0);
    let mut bytes = Zeroizing::new(Vec::with_capacity(length));
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(|error| unreadable(&error))?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(SinkError::permanent("it is larger than 16 MiB"));
    }
    Ok(Some(StoredFile { bytes, access }))
}

/// Replaces a file atomically. A new file has mode 0600 on Unix. A replaced file keeps its owner, its group, its mode
/// and its access control list. `before` is the result of [`read`]. Returns an error if another program has changed the
/// file since [`read`].
pub(super) fn replace(path: &Path, content: &[u8], before: Option<&StoredFile>) -> Result<(), SinkError> {
    let mut file = AtomicFile::new_in(folder_of(path)).map_err(|error| unwritable(&error))?;
    if let Some(before) = before {
        file.copy_access(&before.access).map_err(|error| unwritable(&error))?;
    }
    file.write(content).map_err(|error| unwritable(&error))?;
    let there = match fs::symlink_metadata(path) {
        Ok(metadata) => Some(metadata),
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(error) => return Err(unwritable(&error)),
    };
    if identity(there.as_ref()) != identity(before.map(|before| &before.access.metadata)) {
        return Err(SinkError::temporary("another program has changed it meanwhile"));
    }
    file.persist(path).map_err(|error| unwritable(&error))?;
    sync_folder(folder_of(path)).map_err(|error| unwritable(&error))
}

fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    {
        use rustix::fs::OFlags;
        // Without `NONBLOCK`, opening a pipe could block forever.
        let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
        std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, flags.bits().cast_signed());
    }
    #[cfg(not(unix))]
    if is_link(path) {
        return Err(ErrorKind::InvalidInput.into());
    }
    options.read(true).open(path)
}

fn is_link(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_symlink())
}

/// Returns an error if no file can be created in the folder that contains `path`. Creates no file.
fn check_folder(path: &Path) -> Result<(), SinkError> {
    let folder = folder_of(path);
    if !folder.is_dir() {
        return Err(SinkError::permanent("its folder does not exist"));
    }
    #[cfg(unix)]
    {
        use rustix::fs::{Access, access};
        if access(folder, Access::WRITE_OK | Access::EXEC_OK).is_err() {
            return Err(SinkError::permanent("its folder cannot be written by this user"));
        }
    }
    Ok(())
}

fn check_replaceable(metadata: &Metadata) -> Result<(), SinkError> {
    if !metadata.is_file() {
        return Err(SinkError::permanent("it is not a regular file"));
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let user = rustix::process::geteuid();
        if metadata.uid() != user.as_raw() && !user.is_root() {
            let what = format!("it belongs to user {}, so that only that user or root can replace it", metadata.uid());
            return Err(SinkError::permanent(what));
        }
        if metadata.mode() & 0o022 != 0 {
            return Err(SinkError::permanent("users other than its owner can write it: run `chmod go-w` for it"));
        }
        if metadata.nlink() > 1 {
            let why = "it has a second name, a hard link, which would keep the old key: remove this name first";
            return Err(SinkError::permanent(why));
        }
    }
    Ok(())
}

/// Returns values that distinguish a file from its later versions and from other files.
#[cfg(unix)]
fn identity(metadata: Option<&Metadata>) -> Option<impl PartialEq + use<>> {
    use std::os::unix::fs::MetadataExt;
    metadata.map(|file| (file.dev(), file.ino(), file.len(), file.mtime(), file.mtime_nsec()))
}

#[cfg(not(unix))]
fn identity(metadata: Option<&Metadata>) -> Option<impl PartialEq + use<>> {
    metadata.map(|file| (file.len(), file.modified().ok(), file.created().ok()))
}

/// Syncs a folder to disk, so that a new file in the folder keeps its name after a crash. Does nothing on Windows,
/// where a folder cannot be synced.
fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

fn unreadable(error: &io::Error) -> SinkError {
    SinkError::permanent(format!("it cannot be read: {error}"))
}

fn unwritable(error: &io::Error) -> SinkError {
    SinkError::permanent(format!("it cannot be written: {error}"))
}
