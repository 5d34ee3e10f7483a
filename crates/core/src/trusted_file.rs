//! Access to files that determine which program runs, where the API key is sent, or which server is trusted. Only root
//! and the user of this process must be able to change such a file.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Read};
use std::path::Path;

use thiserror::Error as ThisError;

/// The error of [`open_trusted`]: the file cannot be read, or other users can change or replace it.
///
/// ```
/// use std::path::Path;
/// use codat_keys::internal::{OpenError, open_trusted};
///
/// let error = open_trusted(Path::new("/nowhere/config.toml")).unwrap_err();
/// assert!(matches!(error, OpenError::Io(_)));
/// assert_eq!(error.hint("check its path"), "check its path");
/// ```
#[derive(Debug, ThisError)]
pub enum OpenError {
    /// The file cannot be read.
    #[error("cannot be read: {0}")]
    Io(#[from] io::Error),
    /// Other users can change the file, or a folder or link on its path.
    #[error("is not trusted: {what}")]
    Exposed {
        /// A description of the problem.
        what: String,
        /// How to correct the problem.
        repair: String,
    },
}

impl OpenError {
    /// Returns how to correct the permissions. Returns `otherwise` if the file cannot be read.
    pub fn hint(&self, otherwise: &str) -> String {
        match self {
            Self::Io(_) => otherwise.to_owned(),
            Self::Exposed { repair, .. } => repair.clone(),
        }
    }
}

/// Opens a file. Returns an error if users other than root and the user of this process can change or replace the file.
/// Checks the file, and each folder and link on its path. For a file in the home folder, ignores the folders above the
/// home folder.
///
/// Two kinds of folders are accepted even if other users have write permission. In a folder with the sticky bit, users
/// cannot replace the files of others. A folder on a read-only file system cannot be changed. On Windows, the access
/// control lists are not checked.
pub fn open_trusted(path: &Path) -> Result<File, OpenError> {
    #[cfg(unix)]
    return unix::open(path);
    #[cfg(not(unix))]
    Ok(File::open(path)?)
}

/// Reads a file with the rules of [`open_trusted`]. Returns an error if the file is larger than `max_mib` MiB. Without
/// this limit, a file of the wrong kind could use up the memory.
pub fn read_trusted(path: &Path, max_mib: u64) -> Result<Vec<u8>, OpenError> {
    let (mut bytes, max_bytes) = (Vec::new(), max_mib * 1024 * 1024);
    open_trusted(path)?.take(max_bytes + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > max_bytes {
        let what = format!("it is larger than {max_mib} MiB");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, what).into());
    }
    Ok(bytes)
}

/// Checks a folder in which a file will be created. Applies the same rules as [`open_trusted`] to each folder and link
/// on the path.
pub fn check_trusted_folder(folder: &Path) -> Result<(), OpenError> {
    #[cfg(unix)]
    unix::check_path(folder)?;
    #[cfg(not(unix))]
    let _ = folder;
    Ok(())
}

/// Checks a folder in which only root and the user of this process may create files. Applies the rules of
/// [`check_trusted_folder`] with one difference: if other users have write permission for `folder`, the sticky bit is
/// not sufficient.
pub fn check_own_folder(folder: &Path) -> Result<(), OpenError> {
    #[cfg(unix)]
    unix::check_own_folder(folder)?;
    #[cfg(not(unix))]
    let _ = folder;
    Ok(())
}

/// Opens a file in a folder that [`check_own_folder`] has accepted. On Unix, follows no link, and does not wait for the
/// other end of a pipe. Returns an error unless the file is a regular file that only root and the user of this process
/// can change.
pub fn open_regular(path: &Path, options: &mut OpenOptions) -> Result<File, OpenError> {
    #[cfg(unix)]
    return unix::open_regular(path, options);
    #[cfg(not(unix))]
    Ok(options.open(path)?)
}

/// Returns an error unless root or the user of this process owns the file at `path`.
pub fn check_owner(path: &Path, metadata: &Metadata) -> Result<(), OpenError> {
    #[cfg(unix)]
    unix::check_owner(path, metadata)?;
    #[cfg(not(unix))]
    let _ = (path, metadata);
    Ok(())
}

/// If users other than the owner can change a file, returns a description of the permissions of the file.
pub(crate) fn writable_by_others(metadata: &Metadata) -> Option<String> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let (mode, owner) = (metadata.mode() & 0o7777, metadata.uid());
        (mode & 0o022 != 0).then(|| format!("can be changed by other users (mode {mode:04o}, owner {owner})"))
    }
    #[cfg(not(unix))]
    {
        let _ = metadata;
        None
    }
}

/// Returns the shell command that removes the write permission for `path` from all users except the owner.
pub(crate) fn chmod(path: &Path) -> String {
    format!("chmod go-w {}", shell_word(path))
}

/// Quotes a path for a POSIX shell, if needed.
fn shell_word(path: &Path) -> String {
    let text = path.display().to_string();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+=:@%,".contains(c);
    if text.chars().all(is_plain) { text } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

#[cfg(unix)]
mod unix {
    use std::ffi::OsString;
    use std::fs::{self, File, Metadata, OpenOptions};
    use std::io;
    use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
    use std::path::{Component, Path, PathBuf};

    use rustix::fs::{OFlags, StatVfsMountFlags};

    use super::{OpenError, chmod, shell_word, writable_by_others};

    /// The maximum number of symbolic links on a path. Linux has the same maximum.
    const MAX_LINKS: usize = 40;

    /// The maximum number of attempts to open a file that another process replaces at the same time.
    const MAX_REPLACEMENTS: usize = 100;
    const STICKY: u32 = 0o1000;

    struct Exposed {
        path: PathBuf,
        what: String,
        repair: String,
    }

    impl From<Exposed> for OpenError {
        fn from(Exposed { what, repair, .. }: Exposed) -> Self {
            Self::Exposed { what, repair }
        }
    }

    pub(super) fn open(path: &Path) -> Result<File, OpenError> {
        for _ in 0..MAX_REPLACEMENTS {
            if let Some(file) = open_unless_replaced(path)? {
                return Ok(file);
            }
        }
        Err(io::Error::other("it was replaced while it was being opened").into())
    }

    /// Opens a file and checks it. Returns `None` if the file was replaced between the opening and the check. For
    /// example, another process of the command `codat-keys` may have replaced `config.toml`.
    fn open_unless_replaced(path: &Path) -> Result<Option<File>, OpenError> {
        // Without `O_NONBLOCK`, opening a pipe could block forever.
        let file = File::options().read(true).custom_flags(libc::O_NONBLOCK).open(path)?;
        let opened = file.metadata()?;
        if let Some(exposed) = exposed("file", path, &opened, writable_by_others(&opened)) {
            return Err(exposed.into());
        }
        // Pipes are rejected, because another user can write to a pipe.
        if !opened.is_file() {
            return Err(io::Error::other("it is no regular file").into());
        }
        let there = fs::symlink_metadata(check_path(path)?)?;
        if (there.dev(), there.ino()) != (opened.dev(), opened.ino()) {
            return Ok(None);
        }
        rustix::fs::fcntl_setfl(&file, OFlags::empty()).map_err(io::Error::from)?;
        Ok(Some(file))
    }

    pub(super) fn open_regular(path: &Path, options: &mut OpenOptions) -> Result<File, OpenError> {
        let named = |error| match fs::symlink_metadata(path) {
            Ok(metadata) if metadata.is_symlink() => io::Error::other("it is a link"),
            _ => error,
        };
        let file = options.custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK).open(path).map_err(named)?;
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Err(io::Error::other("it is no regular file").into());
        }
        exposed("file", path, &metadata, writable_by_others(&metadata)).map_or(Ok(file), |exposed| Err(exposed.into()))
    }

    pub(super) fn check_own_folder(folder: &Path) -> Result<(), OpenError> {
        let folder = check_path(folder)?;
        let metadata = fs::symlink_metadata(&folder)?;
        let writable = writable_by_others(&metadata).filter(|_| !is_read_only(&folder));
        exposed("folder", &folder, &metadata, writable).map_or(Ok(()), |exposed| Err(exposed.into()))
    }

    pub(super) fn check_owner(path: &Path, metadata: &Metadata) -> Result<(), OpenError> {
        exposed("file", path, metadata, None).map_or(Ok(()), |exposed| Err(exposed.into()))
    }

    /// Resolves the symbolic links and `..` in a path, and returns the resolved path. Checks each folder and each link
    /// on the path. The check starts at `/`, so each folder is checked before its contents. After the check, other
    /// users cannot replace any part of the path.
    pub(super) fn check_path(path: &Path) -> Result<PathBuf, OpenError> {
        let (mut here, mut rest) = (PathBuf::from("/"), reversed(&std::path::absolute(path)?));
        let (mut found, mut links) = (Vec::from_iter(exposed_folder(&here)?), 0);
        while let Some(next) = rest.pop() {
            if next == ".." {
                here.pop();
                continue;
            }
            let inner = here.join(&next);
            let metadata = fs::symlink_metadata(&inner)?;
            if metadata.is_symlink() {
                found.extend(exposed("link", &inner, &metadata, None));
                links += 1;
                if links > MAX_LINKS {
                    return Err(io::Error::other("too many symbolic links").into());
                }
                let target = fs::read_link(&inner)?;
                if target.is_absolute() {
                    here = "/".into();
                }
                rest.extend(reversed(&target));
                continue;
            }
            here = inner;
            if metadata.is_dir() {
                found.extend(exposed_folder(&here)?);
            }
        }
        let home = std::env::home_dir().filter(|home| home.is_absolute());
        let home = home.and_then(|home| fs::canonicalize(home).ok()).filter(|home| here.starts_with(home));
        let is_above = |folder: &Path| home.as_deref().is_some_and(|home| home != folder && home.starts_with(folder));
        match found.into_iter().find(|exposed| !is_above(&exposed.path)) {
            None => Ok(here),
            Some(exposed) => Err(exposed.into()),
        }
    }

    fn reversed(path: &Path) -> Vec<OsString> {
        let names = path.components().rev().filter(|part| matches!(part, Component::Normal(_) | Component::ParentDir));
        names.map(|part| part.as_os_str().to_owned()).collect()
    }

    fn exposed_folder(folder: &Path) -> io::Result<Option<Exposed>> {
        let metadata = fs::symlink_metadata(folder)?;
        let is_guarded = metadata.mode() & STICKY != 0 || is_read_only(folder);
        Ok(exposed("folder", folder, &metadata, writable_by_others(&metadata).filter(|_| !is_guarded)))
    }

    fn exposed(kind: &str, path: &Path, metadata: &Metadata, writable: Option<String>) -> Option<Exposed> {
        let (owner, user) = (metadata.uid(), rustix::process::geteuid().as_raw());
        let (what, repair) = if owner != user && owner != 0 {
            let option = if kind == "link" { "-h " } else { "" };
            let repair = format!("check what it holds, then run as root: chown {option}{user} {}", shell_word(path));
            (format!("belongs to user {owner}, not to user {user} or root"), repair)
        } else if kind == "folder" && (owner != user || metadata.mode() & STICKY != 0) {
            // Other users need the write permission, such as that of `/tmp`.
            (writable?, "name a folder that only you can change".to_owned())
        } else {
            (writable?, format!("run: {}", chmod(path)))
        };
        Some(Exposed { path: path.to_owned(), what: format!("the {kind} {} {what}", path.display()), repair })
    }

    /// Returns whether a folder is on a read-only file system, such as a Kubernetes volume that is mounted read-only.
    /// The folders of such a volume have write permission for every user, but no user can change the folders.
    fn is_read_only(folder: &Path) -> bool {
        rustix::fs::statvfs(folder).is_ok_and(|system| system.f_flag.contains(StatVfsMountFlags::RDONLY))
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::fs;
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::open_trusted;

    #[test]
    fn a_file_that_is_replaced_meanwhile_is_opened_again() {
        let folder = tempfile::tempdir().unwrap();
        let [path, next] = ["file", "next"].map(|name| folder.path().join(name));
        let is_done = AtomicBool::new(false);
        fs::write(&path, "old").unwrap();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !is_done.load(Ordering::Relaxed) {
                    fs::write(&next, "new").unwrap();
                    fs::rename(&next, &path).unwrap();
                }
            });
            let failed = (0..2000).find_map(|_| open_trusted(&path).err());
            is_done.store(true, Ordering::Relaxed);
            assert!(failed.is_none(), "{}", failed.unwrap());
        });
    }
}
