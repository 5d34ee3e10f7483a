//! A temporary file that replaces another file atomically.

use std::fs::{File, Metadata};
use std::io::{self, Seek, Write};
use std::path::Path;

use tempfile::NamedTempFile;

use crate::file_identity::is_at;
use crate::signals::with_state;

/// A temporary file that will replace another file in the same folder. On Unix, the temporary file has mode 0600: only
/// the owner can read it. If this value is dropped or a signal ends this process before the replacement, the temporary
/// file is removed.
pub(crate) struct AtomicFile(NamedTempFile);

impl AtomicFile {
    pub(crate) fn new_in(folder: &Path) -> io::Result<Self> {
        with_state(|state| {
            let file = NamedTempFile::new_in(folder)?;
            state.remove_at_end(file.path(), file.as_file());
            // The umask can have removed the permissions of the owner.
            #[cfg(unix)]
            file.as_file().set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
            Ok(Self(file))
        })
    }

    #[cfg(test)]
    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    /// Sets the content of the file, and waits until the content is on the disk.
    pub(crate) fn write(&mut self, content: &[u8]) -> io::Result<()> {
        write(self.0.as_file_mut(), content)
    }

    /// Copies the owner, the group, the mode and the access control list of another file to the temporary file. Does
    /// nothing on Windows.
    pub(crate) fn copy_access(&self, of: &Access) -> io::Result<()> {
        #[cfg(unix)]
        {
            use std::os::unix::fs::{MetadataExt, fchown};
            let (file, of_metadata) = (self.0.as_file(), &of.metadata);
            let own = file.metadata()?;
            if (own.uid(), own.gid()) != (of_metadata.uid(), of_metadata.gid()) {
                fchown(file, Some(of_metadata.uid()), Some(of_metadata.gid()))?;
            }
            // The new file can have inherited a list from its folder.
            #[cfg(target_os = "linux")]
            acl::set(file, of.acl.as_deref())?;
            file.set_permissions(of_metadata.permissions())?;
        }
        #[cfg(not(unix))]
        let _ = of;
        Ok(())
    }

    /// Adds bytes at the end of the file.
    pub(crate) fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all(bytes)
    }

    /// Waits until the file is on the disk.
    pub(crate) fn sync(&self) -> io::Result<()> {
        self.0.as_file().sync_all()
    }

    /// Renames the temporary file to `path`, like [`persist`](Self::persist). Returns an error if a file exists at
    /// `path`.
    pub(crate) fn persist_new(self, path: &Path) -> io::Result<()> {
        self.rename(path, |file| file.persist_noclobber(path).map(drop).map_err(Into::into))
    }

    /// Renames the temporary file to `path`. After the rename, neither a drop nor a signal removes the file. Returns an
    /// error if another program replaces the temporary file before the rename. Also returns an error if another program
    /// replaces the file at `path` immediately after the rename.
    pub(crate) fn persist(self, path: &Path) -> io::Result<()> {
        self.rename(path, |file| file.persist(path).map(drop).map_err(Into::into))
    }

    fn rename(self, path: &Path, rename: impl FnOnce(NamedTempFile) -> io::Result<()>) -> io::Result<()> {
        let file = self.0.as_file().try_clone()?;
        let renamed = with_state(|state| {
            check_at(self.0.path(), &file)?;
            rename(self.0)?;
            check_at(path, &file)?;
            state.keep(path);
            Ok(())
        });
        if renamed.is_err() {
            // If the folder is not writable any more, the temporary file remains. It must not contain a key.
            let _ = file.set_len(0);
        }
        renamed
    }
}

/// The metadata of a file, and the access control list of the file.
pub(crate) struct Access {
    pub(crate) metadata: Metadata,
    /// The POSIX access control list, as the value of an extended attribute. `None` if the file has no access control
    /// list.
    #[cfg(target_os = "linux")]
    acl: Option<Vec<u8>>,
}

impl Access {
    pub(crate) fn of(file: &File) -> io::Result<Self> {
        Ok(Self {
            metadata: file.metadata()?,
            #[cfg(target_os = "linux")]
            acl: acl::get(file)?,
        })
    }
}

/// POSIX access control lists. Linux stores the access control list of a file in an extended attribute.
#[cfg(target_os = "linux")]
mod acl {
    use std::fs::File;
    use std::io;

    use rustix::fs::{XattrFlags, fgetxattr, fremovexattr, fsetxattr};
    use rustix::io::Errno;

    const ATTRIBUTE: &str = "system.posix_acl_access";

    /// The maximum size of an extended attribute on Linux, in bytes.
    const MAX_BYTES: usize = 64 * 1024;

    pub(super) fn get(file: &File) -> io::Result<Option<Vec<u8>>> {
        let mut list = vec![0; MAX_BYTES];
        match fgetxattr(file, ATTRIBUTE, &mut list[..]) {
            Ok(length) => {
                list.truncate(length);
                Ok(Some(list))
            }
            Err(Errno::NODATA | Errno::NOTSUP) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    pub(super) fn set(file: &File, list: Option<&[u8]>) -> io::Result<()> {
        match list
            .map_or_else(|| fremovexattr(file, ATTRIBUTE), |list| fsetxattr(file, ATTRIBUTE, list, XattrFlags::empty()))
        {
            Err(Errno::NODATA | Errno::NOTSUP) if list.is_none() => Ok(()),
            result => Ok(result?),
        }
    }
}

/// Returns an error if `path` no longer refers to the open file `file`.
pub(crate) fn check_at(path: &Path, file: &File) -> io::Result<()> {
    if is_at(path, file) { Ok(()) } else { Err(io::Error::other("another program has replaced it meanwhile")) }
}

/// Replaces the content of a file, and waits until the content is on the disk.
pub(crate) fn write(file: &mut File, content: &[u8]) -> io::Result<()> {
    file.rewind()?;
    file.write_all(content)?;
    file.set_len(content.len() as u64)?;
    file.sync_all()
}
