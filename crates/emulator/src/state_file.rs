//! The state file of the emulator. The emulator holds a lock while it runs, and replaces the whole state file on every
//! change.

use std::fs::{self, File, Metadata, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Read as _, Write};
use std::path::{Path, PathBuf};

#[cfg(unix)]
use rustix::fs::OFlags;

use crate::account::Snapshot;
use crate::json::without_byte_order_mark;

/// The maximum size of the state file in bytes. The file of an account is much smaller.
const MAX_BYTES: u64 = 16 * 1024 * 1024;

/// The flags for opening a file. Without `O_NONBLOCK`, opening a pipe of another user could block permanently.
#[cfg(unix)]
const FLAGS: OFlags = OFlags::NOFOLLOW.union(OFlags::NONBLOCK);

pub(crate) struct StateFile {
    path: PathBuf,
    /// The lock file, which the emulator has locked. Dropping the file releases the lock.
    _lock: File,
}

impl StateFile {
    /// Opens the lock file and acquires its lock. The state file itself is not locked, because every change replaces
    /// it.
    pub(crate) fn open(path: PathBuf) -> io::Result<StateFile> {
        check_path(&path)?;
        let lock_path = with_suffix(&path, ".lock");
        let mut options = OpenOptions::new();
        let lock = open_checked(&lock_path, private(options.read(true).write(true).create(true).truncate(false)))?;
        match lock.try_lock() {
            Ok(()) => Ok(StateFile { path, _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(io::Error::new(
                ErrorKind::WouldBlock,
                format!("{}: in use by another emulator; stop it, or choose another state file", path.display()),
            )),
            Err(TryLockError::Error(error)) => Err(with_path(&lock_path, error)),
        }
    }

    /// Reads the state file. Returns `None` if the file does not exist.
    pub(crate) fn load(&self) -> io::Result<Option<Snapshot>> {
        let file = match open_checked(&self.path, OpenOptions::new().read(true)) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut json = Vec::new();
        file.take(MAX_BYTES + 1).read_to_end(&mut json).map_err(|error| with_path(&self.path, error))?;
        if json.len() as u64 > MAX_BYTES {
            return Err(self.invalid("it is larger than 16 MiB"));
        }
        let text = without_byte_order_mark(&json).map_err(|what| self.invalid(&format!("it {what}")))?;
        Snapshot::parse(text).map(Some).map_err(|reason| self.invalid(&reason))
    }

    pub(crate) fn invalid(&self, reason: &str) -> io::Error {
        let path = self.path.display();
        io::Error::new(
            ErrorKind::InvalidData,
            format!("{path}: damaged state file ({reason}); repair it, or move it away to start afresh"),
        )
    }

    /// Replaces the state file and flushes it to disk, so that the snapshot survives a power failure. On an error, the
    /// old file is unchanged.
    pub(crate) fn save(&self, snapshot: &Snapshot) -> io::Result<()> {
        let temporary = with_suffix(&self.path, ".tmp");
        check_path(&temporary)?;
        self.replace(snapshot, &temporary).map_err(|error| {
            // The temporary file contains keys, so it is removed. An error of the removal is ignored, because the first
            // error is more helpful.
            let _ = fs::remove_file(&temporary);
            with_path(&self.path, error)
        })
    }

    fn replace(&self, snapshot: &Snapshot, temporary: &Path) -> io::Result<()> {
        match fs::remove_file(temporary) {
            // The removed file was left by an emulator that was killed. The lock ensures that no other emulator was
            // writing the file.
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        let mut file = private(OpenOptions::new().write(true).create_new(true)).open(temporary)?;
        file.write_all(&serde_json::to_vec_pretty(snapshot)?)?;
        file.write_all(b"\n")?;
        file.sync_all()?;
        fs::rename(temporary, &self.path)?;
        sync_folder(&self.path)
    }
}

/// Opens a file without following links. Returns an error if [`check`] rejects the file.
fn open_checked(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    check_path(path)?;
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(options, FLAGS.bits().cast_signed());
    let file = options.open(path).map_err(|error| with_path(path, error))?;
    // Another user may have replaced the file after the first check.
    check(path, &file.metadata()?)?;
    Ok(file)
}

fn check_path(path: &Path) -> io::Result<()> {
    fs::symlink_metadata(path).map_or(Ok(()), |metadata| check(path, &metadata))
}

/// Returns an error unless the file is a regular file, belongs to root or to the user of this process, and is not
/// writable by others. A device or a pipe is rejected, because reading it may never end. A file of another user is
/// rejected, because the emulator would replace the file when it saves the state.
fn check(path: &Path, metadata: &Metadata) -> io::Result<()> {
    if !metadata.is_file() {
        let text = format!("{}: not a regular file; choose another state file", path.display());
        return Err(io::Error::new(ErrorKind::InvalidInput, text));
    }
    #[cfg(unix)]
    check_permissions(path, metadata)?;
    Ok(())
}

#[cfg(unix)]
fn check_permissions(path: &Path, metadata: &Metadata) -> io::Result<()> {
    use std::os::unix::fs::MetadataExt as _;

    let (owner, mode) = (metadata.uid(), metadata.mode() & 0o7777);
    let user = rustix::process::geteuid().as_raw();
    let defect = if owner != user && owner != 0 {
        format!("belongs to user {owner}, not to user {user} or root; change its owner")
    } else if mode & 0o022 != 0 {
        format!("can be changed by other users (mode {mode:04o}, owner {owner}); remove their write access")
    } else {
        return Ok(());
    };
    let text = format!("{}: {defect}, or choose another state file", path.display());
    Err(io::Error::new(ErrorKind::PermissionDenied, text))
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn with_path(path: &Path, error: io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

#[cfg(unix)]
fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600)
}

#[cfg(not(unix))]
fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    options
}

/// Flushes the folder of the state file to disk, so that the rename survives a power failure.
#[cfg(unix)]
fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

#[cfg(not(unix))]
fn sync_folder(_path: &Path) -> io::Result<()> {
    Ok(())
}
