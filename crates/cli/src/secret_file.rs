//! A secret in a file that only its owner can read: `--out FILE`, and the key of a profile.

use std::io::Write;
use std::path::{Path, PathBuf};

use codat_keys::ErrorKind;
use tempfile::NamedTempFile;

use crate::failure::Failure;

/// A file that is sure to be writable, made before a key is: the value goes to a temporary file beside it (0600 on
/// Unix), which then takes its name, so that no reader ever sees half of it.
pub(crate) struct SecretFile {
    path: PathBuf,
    overwrite: bool,
    temporary: NamedTempFile,
}

impl SecretFile {
    pub(crate) fn reserve(path: &Path, overwrite: bool) -> Result<Self, Failure> {
        if !overwrite && path.symlink_metadata().is_ok() {
            return Err(Failure::new(
                ErrorKind::InvalidInput,
                format!("{} exists already", path.display()),
                "choose another file, or add --overwrite",
            ));
        }
        // A device, a pipe or a link would be replaced, and with it what others rely on.
        if path.symlink_metadata().is_ok_and(|metadata| !metadata.is_file()) {
            return Err(Failure::new(
                ErrorKind::InvalidInput,
                format!("{} is not a regular file", path.display()),
                "name a regular file, or none that exists",
            ));
        }
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let temporary = NamedTempFile::new_in(folder).map_err(|error| {
            Failure::new(
                ErrorKind::InvalidInput,
                format!("{} cannot be written: {error}", path.display()),
                "check that its folder exists and is yours to write in",
            )
        })?;
        Ok(Self { path: path.to_owned(), overwrite, temporary })
    }

    /// Writes the secret as it is. The hint says what to do where that fails.
    pub(crate) fn write(mut self, secret: &str, hint: &str) -> Result<(), Failure> {
        let written =
            self.temporary.write_all(secret.as_bytes()).and_then(|()| self.temporary.as_file().sync_all()).and_then(
                |()| {
                    match self.overwrite {
                        true => self.temporary.persist(&self.path),
                        false => self.temporary.persist_noclobber(&self.path),
                    }
                    .map_err(|error| error.error)
                },
            );
        written
            .map(drop)
            .map_err(|error| Failure::local(format!("{} could not be written: {error}", self.path.display()), hint))
    }
}
