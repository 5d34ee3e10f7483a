//! Files that contain a key. Only the owner can read them. `--out FILE` writes such a file, and a profile can store its
//! key in such a file.

use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use codat_keys::ErrorKind;
use codat_keys::internal::{OpenError, check_owner, check_trusted_folder};

use crate::atomic_file::{self, AtomicFile};
use crate::failure::Failure;
use crate::file_identity::is_at;
use crate::signals::with_state;

/// The disk space in bytes that must be available before a key is created. A key is smaller.
const RESERVED_BYTES: usize = 4096;

/// The destination file of a key. A command reserves the file before it creates the key, to ensure that the key can be
/// written.
///
/// The reservation opens and locks the file, so that no other command writes it. If the file is missing, the
/// reservation creates an empty file. Dropping the `SecretFile` removes the empty file, unless the secret was written.
///
/// The secret is written to a temporary file with mode 0600 on Unix. The temporary file then replaces the destination
/// file, so that no reader sees a part of the secret. If the replacement fails, for example because the destination is
/// a mount point, the secret is written directly to the destination file.
pub(crate) struct SecretFile {
    path: PathBuf,
    claim: File,
    is_new: bool,
    /// The temporary file that replaces the destination file. `None` if no file can be created in the folder of the
    /// destination file.
    temporary: Option<AtomicFile>,
}

impl SecretFile {
    pub(crate) fn reserve(path: &Path, overwrite: bool) -> Result<Self, Denial> {
        let cannot_be_written = |error| cannot_be_written(path, &error);
        let busy = || {
            refuse(path, "is being written by another command", "wait until that command ends, or choose another file")
        };

        let created = with_state(|state| create(path).inspect(|file| state.remove_at_end(path, file)));
        let (claim, is_new) = match created {
            Ok(file) => (file, true),
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(cannot_be_written(error)),
            Err(_) => (open_existing(path, overwrite)?, false),
        };
        // Some file systems do not support locks.
        if matches!(claim.try_lock(), Err(TryLockError::WouldBlock)) || !is_at(path, &claim) {
            return Err(busy());
        }
        let mut file = Self { path: path.to_owned(), claim, is_new, temporary: None };
        file.check_writable().map_err(cannot_be_written)?;
        Ok(file)
    }

    /// Writes the secret without a line break at the end. If writing fails, `hint` is the hint of the error.
    pub(crate) fn write(mut self, secret: &str, hint: &str) -> Result<(), Failure> {
        let written = atomic_file::check_at(&self.path, &self.claim)
            .and_then(|()| self.replace(secret).or_else(|_| self.write_in_place(secret)));
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
        atomic_file::check_at(&self.path, &self.claim)?;
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

/// Returns an error if `--overwrite` is used without an `--out` that names a file. The attribute `requires` of clap is
/// not sufficient: clap ignores it if another option conflicts with `--out`.
pub(crate) fn check_overwrite(out: Option<&Path>, overwrite: bool) -> Result<(), Failure> {
    if overwrite && out.is_none_or(|path| path == Path::new("-")) {
        let hint = "name the file with --out FILE, or leave --overwrite out; nothing was sent";
        return Err(Failure::new(ErrorKind::InvalidInput, "--overwrite requires --out with a file", hint));
    }
    Ok(())
}

/// The reason why a command must not write a file.
pub(crate) struct Denial {
    what: String,
    hint: String,
}

impl Denial {
    /// Converts the reason to a failure. For commands that may have sent requests: the hint does not say that nothing
    /// was sent.
    pub(crate) fn after_requests(self) -> Failure {
        Failure::local(self.what, self.hint)
    }

    /// Converts the reason to a failure. Use this method in a command that has already received the response that it
    /// writes to the file. The hint says that the file was not replaced.
    pub(crate) fn after_response(self) -> Failure {
        let hint = "another program changed the file during the request, so it was not replaced: choose another file";
        Failure::local(self.what, hint)
    }
}

/// Converts the reason to a failure. For commands that have sent no request: the hint says that nothing was sent.
impl From<Denial> for Failure {
    fn from(Denial { what, hint }: Denial) -> Self {
        Self::new(ErrorKind::InvalidInput, what, format!("{hint}; nothing was sent"))
    }
}

/// Opens the file that a command is to replace. Returns an error if the command must not replace the file.
pub(crate) fn open_existing(path: &Path, overwrite: bool) -> Result<File, Denial> {
    // Rejects a device, a pipe and a link, because replacing it could break other programs.
    if !path.symlink_metadata().is_ok_and(|metadata| metadata.is_file()) {
        let hint = "name a regular file, or a path that does not exist; `-` is standard output";
        return Err(refuse(path, "is not a regular file", hint));
    }
    if !overwrite {
        return Err(refuse(path, "exists already", "choose another file, or add --overwrite"));
    }
    let file = open(path).map_err(|error| cannot_be_written(path, &error))?;
    check_trusted(path, &file).map_err(|error| {
        let hint = "name a file that does not exist, or one of your own in a folder that is yours";
        refuse(path, &error.to_string(), hint)
    })?;
    Ok(file)
}

/// Returns an error if no file can have this path: if it ends in `/` or `/.`, or if the system rejects it. A missing
/// file or folder is no error.
pub(crate) fn check_path(path: &Path) -> Result<(), Denial> {
    let is_name_last = |name: &OsStr| path.as_os_str().as_encoded_bytes().ends_with(name.as_encoded_bytes());
    match path.symlink_metadata() {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(cannot_be_written(path, &error)),
        _ if !path.file_name().is_some_and(is_name_last) => {
            Err(refuse(path, "is the path of a folder", "name a file in it"))
        }
        _ => Ok(()),
    }
}

pub(crate) fn cannot_be_written(path: &Path, error: &io::Error) -> Denial {
    let hint = "check that you may write the file and its folder, and that there is free space";
    refuse(path, &format!("cannot be written: {error}"), hint)
}

fn refuse(path: &Path, what: &str, hint: &str) -> Denial {
    Denial { what: format!("{} {what}", path.display()), hint: hint.into() }
}

fn create(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.write(true).create_new(true).open(path)
}

/// Opens an existing regular file for writing. Another user may replace the file with a link or a pipe at any moment.
/// Therefore this function follows no link, and does not wait for the reader of a pipe. [`SecretFile::write`] may set
/// the mode of the file. Therefore this function returns an error if this process cannot set the mode.
fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    {
        use rustix::fs::OFlags;
        let flags = OFlags::NOFOLLOW.union(OFlags::NONBLOCK);
        std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, flags.bits().cast_signed());
    }
    let file = options.write(true).open(path)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    file.set_permissions(metadata.permissions())?;
    Ok(file)
}

/// Returns an error if another user owns the file or could replace it.
fn check_trusted(path: &Path, file: &File) -> Result<(), OpenError> {
    check_owner(path, &file.metadata()?)?;
    check_trusted_folder(folder_of(path))
}

pub(crate) fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
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

#[cfg(all(test, unix))]
mod tests {
    use rustix::fs::{CWD, FileType, Mode, mknodat};

    use super::*;

    /// The owner of a folder can replace any file in it.
    #[test]
    fn a_replaced_temporary_file_is_not_renamed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        let Ok(file) = SecretFile::reserve(&path, false) else { panic!("the file can be reserved") };
        let temporary = file.temporary.as_ref().unwrap().path().to_owned();
        fs::remove_file(&temporary).unwrap();
        fs::write(&temporary, "of another user").unwrap();
        assert!(file.write("MadeUpKey", "").is_ok());
        assert_eq!(fs::read_to_string(&path).unwrap(), "MadeUpKey");
    }

    #[test]
    fn a_replaced_destination_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        let Ok(file) = SecretFile::reserve(&path, false) else { panic!("the file can be reserved") };
        fs::remove_file(&path).unwrap();
        fs::write(&path, "of another user").unwrap();
        assert!(file.write("MadeUpKey", "").is_err());
        assert_eq!(fs::read_to_string(&path).unwrap(), "of another user");
    }

    /// If all users can write to a folder, another user can replace a file in it between the check and the opening.
    #[test]
    fn a_link_or_a_pipe_in_place_of_the_checked_file_is_not_opened() {
        let folder = tempfile::tempdir().unwrap();
        let [target, link, pipe, reader] = ["target", "link", "pipe", "reader"].map(|name| folder.path().join(name));
        let file = create(&target).unwrap();
        std::os::unix::fs::symlink(&target, &link).unwrap();
        assert!(open(&link).is_err() && open(&target).is_ok());
        assert!(!is_at(&link, &file) && is_at(&target, &file));
        for path in [&pipe, &reader] {
            mknodat(CWD, path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        }
        let _reader = OpenOptions::new().read(true).write(true).open(&reader).unwrap();
        assert!(open(&pipe).is_err(), "a pipe without a reader");
        assert!(open(&reader).is_err(), "a pipe with a reader");
    }
}
