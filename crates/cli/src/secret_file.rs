//! Files that contain a secret and that only their owner can read: for `--out FILE`, and for the key of a profile.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
#[cfg(unix)]
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use codat_keys::ErrorKind;
use codat_keys::internal::{OpenError, check_owner, check_trusted_folder};

use crate::atomic_file::{self, AtomicFile};
use crate::failure::Failure;
use crate::signals::with_state;

/// The disk space in bytes that must be available before a key is created. A key is smaller.
const RESERVED_BYTES: usize = 4096;

/// The destination file of a key, reserved before the key is created. The reservation ensures that the file can be
/// written and that no other command writes to it.
///
/// The destination file is open and locked. If it did not exist, it is created empty, and it is removed again unless
/// the secret is written. The secret is written to a temporary file (0600 on Unix), which then replaces the destination
/// file, so that no reader sees a part of the secret. A destination file that cannot be replaced, such as a mount
/// point, is written in place.
pub(crate) struct SecretFile {
    path: PathBuf,
    claim: File,
    is_new: bool,
    /// The temporary file that replaces the destination file. `None` if no file can be created in the folder.
    temporary: Option<AtomicFile>,
}

impl SecretFile {
    pub(crate) fn reserve(path: &Path, overwrite: bool) -> Result<Self, Failure> {
        let refuse = |what: &str, hint| {
            Failure::new(
                ErrorKind::InvalidInput,
                format!("{} {what}", path.display()),
                format!("{hint}; nothing was sent"),
            )
        };
        let cannot_be_written = |error: io::Error| {
            refuse(
                &format!("cannot be written: {error}"),
                "check that you may write the file and its folder, and that there is free space",
            )
        };
        let busy = || refuse("is being written by another command", "wait for its end, or choose another file");

        let created = with_state(|state| create(path).inspect(|file| state.remove_at_end(path, file)));
        let (claim, is_new) = match created {
            Ok(file) => (file, true),
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(cannot_be_written(error)),
            // Rejects a device, a pipe and a link, because replacing it could break other programs.
            Err(_) if !path.symlink_metadata().is_ok_and(|metadata| metadata.is_file()) => {
                return Err(refuse(
                    "is not a regular file",
                    "name a regular file, or none that exists; `-` is standard output",
                ));
            }
            Err(_) if !overwrite => return Err(refuse("exists already", "choose another file, or add --overwrite")),
            Err(_) => {
                let file = open(path).map_err(cannot_be_written)?;
                check_trusted(path, &file).map_err(|error| {
                    refuse(
                        &error.to_string(),
                        "name a file that does not exist, or one of your own in a folder that is yours",
                    )
                })?;
                (file, false)
            }
        };
        // Some file systems do not support locks.
        if matches!(claim.try_lock(), Err(TryLockError::WouldBlock)) || !is_at(path, &claim) {
            return Err(busy());
        }
        let mut file = Self { path: path.to_owned(), claim, is_new, temporary: None };
        file.check_writable().map_err(cannot_be_written)?;
        Ok(file)
    }

    /// Writes the secret without a line break at the end. If writing fails, the error has the hint `hint`.
    pub(crate) fn write(mut self, secret: &str, hint: &str) -> Result<(), Failure> {
        let written = match is_at(&self.path, &self.claim) {
            true => self.replace(secret).or_else(|_| self.write_in_place(secret)),
            false => Err(io::Error::other("another program has replaced it meanwhile")),
        };
        self.is_new &= written.is_err();
        written.map_err(|error| Failure::local(format!("{} could not be written: {error}", self.path.display()), hint))
    }

    /// Returns an error if writing the secret would fail.
    fn check_writable(&mut self) -> io::Result<()> {
        match AtomicFile::new_in(folder_of(&self.path)) {
            Ok(mut temporary) => {
                temporary.write(&[0; RESERVED_BYTES])?;
                self.temporary = Some(temporary);
            }
            Err(error) if self.is_new => return Err(error),
            Err(_) => {}
        }
        if self.is_new { Ok(()) } else { reserve_space(&self.claim) }
    }

    fn replace(&mut self, secret: &str) -> io::Result<()> {
        let mut temporary = self.temporary.take().ok_or(io::ErrorKind::Unsupported)?;
        temporary.write(secret.as_bytes())?;
        temporary.persist(&self.path)
    }

    fn write_in_place(&mut self, secret: &str) -> io::Result<()> {
        #[cfg(unix)]
        self.claim.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
        atomic_file::write(&mut self.claim, secret.as_bytes())?;
        with_state(|state| state.keep(&self.path));
        Ok(())
    }
}

impl Drop for SecretFile {
    fn drop(&mut self) {
        // Removes the file only if no other program has replaced it.
        if self.is_new && is_at(&self.path, &self.claim) {
            // If the removal fails, an empty file remains.
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn create(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.write(true).create_new(true).open(path)
}

/// Opens an existing file for writing. Checks that this process can also set the mode of the file, as is done before
/// the file is written in place.
fn open(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new().write(true).open(path)?;
    file.set_permissions(file.metadata()?.permissions())?;
    Ok(file)
}

/// Returns an error if another user owns the file or could replace it.
fn check_trusted(path: &Path, file: &File) -> Result<(), OpenError> {
    check_owner(path, &file.metadata()?)?;
    check_trusted_folder(folder_of(path))
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Returns whether a path leads to an open file. On Unix, opens no file, so that the limit of open files does not matter.
#[cfg(unix)]
fn is_at(path: &Path, file: &File) -> bool {
    let id = |metadata: fs::Metadata| (metadata.dev(), metadata.ino());
    file.metadata().is_ok_and(|here| path.metadata().is_ok_and(|there| id(here) == id(there)))
}

#[cfg(not(unix))]
fn is_at(path: &Path, file: &File) -> bool {
    use same_file::Handle;
    let here = file.try_clone().and_then(Handle::from_file);
    here.is_ok_and(|here| Handle::from_path(path).is_ok_and(|there| here == there))
}

/// Reserves [`RESERVED_BYTES`] of disk space for the file, if the system supports this.
fn reserve_space(file: &File) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    {
        use rustix::fs::{FallocateFlags, fallocate};
        use rustix::io::Errno;
        if let Err(error @ (Errno::NOSPC | Errno::DQUOT | Errno::FBIG)) =
            fallocate(file, FallocateFlags::KEEP_SIZE, 0, RESERVED_BYTES as u64)
        {
            return Err(error.into());
        }
    }
    #[cfg(not(target_os = "linux"))]
    let _ = file;
    Ok(())
}
