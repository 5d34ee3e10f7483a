//! The state file: locked while the emulator runs, replaced as a whole with every change.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Read as _, Write};
use std::path::{Path, PathBuf};

use crate::state::Snapshot;

/// Far more than an account takes.
const MAX_BYTES: u64 = 16 * 1024 * 1024;

pub(crate) struct Store {
    path: PathBuf,
    /// Held for its lock, which ends with it.
    _lock: File,
}

impl Store {
    /// Takes the lock, which is a file of its own because the state file is replaced, not written in place.
    pub(crate) fn open(path: PathBuf) -> io::Result<Store> {
        refuse_special(&path)?;
        let lock_path = with_suffix(&path, ".lock");
        let lock = private(OpenOptions::new().write(true).create(true).truncate(false))
            .open(&lock_path)
            .map_err(|error| about(&lock_path, error))?;
        match lock.try_lock() {
            Ok(()) => Ok(Store { path, _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(io::Error::new(
                ErrorKind::WouldBlock,
                format!("{}: in use by another emulator; stop it, or choose another state file", path.display()),
            )),
            Err(TryLockError::Error(error)) => Err(about(&lock_path, error)),
        }
    }

    /// What the file holds; nothing when there is none yet.
    pub(crate) fn load(&self) -> io::Result<Option<Snapshot>> {
        let mut json = Vec::new();
        match File::open(&self.path).and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut json)) {
            Ok(_) if json.len() as u64 > MAX_BYTES => Err(self.damaged("it is larger than 16 MiB")),
            Ok(_) if json.starts_with(b"\xff\xfe") || json.starts_with(b"\xfe\xff") => {
                Err(self.damaged("it is encoded as UTF-16: save it as UTF-8"))
            }
            // Some editors write a byte order mark, which JSON does not allow.
            Ok(_) => Snapshot::parse(json.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&json))
                .map(Some)
                .map_err(|reason| self.damaged(&reason)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(about(&self.path, error)),
        }
    }

    pub(crate) fn damaged(&self, reason: &str) -> io::Error {
        let path = self.path.display();
        io::Error::new(
            ErrorKind::InvalidData,
            format!("{path}: damaged state file ({reason}); repair it, or move it away to start afresh"),
        )
    }

    /// Returns once the snapshot would survive a power cut. On an error the old one is still whole.
    pub(crate) fn save(&self, snapshot: &Snapshot) -> io::Result<()> {
        let temporary = with_suffix(&self.path, ".tmp");
        self.replace(snapshot, &temporary).map_err(|error| {
            // It holds keys; when it cannot be removed either, the error at hand says more.
            let _ = fs::remove_file(&temporary);
            about(&self.path, error)
        })
    }

    fn replace(&self, snapshot: &Snapshot, temporary: &Path) -> io::Result<()> {
        match fs::remove_file(temporary) {
            // Left by an emulator that was killed. The lock says that nobody else is writing it.
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

/// A device or a pipe may be read without end, and would be replaced by the first save; so would a link.
fn refuse_special(path: &Path) -> io::Result<()> {
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

fn about(path: &Path, error: io::Error) -> io::Error {
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

/// The new name is part of the folder, which has to reach the disk as well.
#[cfg(unix)]
fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

#[cfg(not(unix))]
fn sync_folder(_path: &Path) -> io::Result<()> {
    Ok(())
}
