//! The state file of the emulator. The emulator holds a lock while it runs, and replaces the whole file on every change.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Read as _, Write};
use std::path::{Path, PathBuf};

use crate::account::Snapshot;
use crate::encoding::without_byte_order_mark;

/// The maximum size of the state file, which is far more than an account needs.
const MAX_BYTES: u64 = 16 * 1024 * 1024;

pub(crate) struct StateFile {
    path: PathBuf,
    /// The locked lock file. Dropping the file releases the lock.
    _lock: File,
}

impl StateFile {
    /// Opens the lock file and acquires the lock. The lock is not on the state file, because the state file is replaced
    /// on every change.
    pub(crate) fn open(path: PathBuf) -> io::Result<StateFile> {
        reject_special(&path)?;
        let lock_path = with_suffix(&path, ".lock");
        reject_special(&lock_path)?;
        // Opens the file for reading as well, because opening a named pipe only for writing would block.
        let mut options = OpenOptions::new();
        private(options.read(true).write(true).create(true).truncate(false));
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, libc::O_NOFOLLOW);
        let lock = options.open(&lock_path).map_err(|error| with_path(&lock_path, error))?;
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
        let mut json = Vec::new();
        match File::open(&self.path).and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut json)) {
            Ok(_) if json.len() as u64 > MAX_BYTES => Err(self.invalid("it is larger than 16 MiB")),
            Ok(_) => {
                let text = without_byte_order_mark(&json).map_err(|what| self.invalid(&format!("it {what}")))?;
                Snapshot::parse(text).map(Some).map_err(|reason| self.invalid(&reason))
            }
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(with_path(&self.path, error)),
        }
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

/// Rejects a state file that is a device, pipe or symbolic link. Reading a device or pipe may never end, and saving
/// would replace any of them with a regular file.
fn reject_special(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Ok(metadata) if !metadata.is_file() => {
            let text = format!("{}: not a regular file; choose another state file", path.display());
            Err(io::Error::new(ErrorKind::InvalidInput, text))
        }
        _ => Ok(()),
    }
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
