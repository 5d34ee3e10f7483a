//! Whether a path still refers to a file that this process has opened.

use std::fs::File;
use std::path::Path;

/// Returns whether `path` is the path of the open file `file`. On Unix, returns false for a symbolic link to `file`.
///
/// The function for Unix compares inode numbers and opens no file. Therefore it works even if this process cannot open
/// more files, and it does not block if another user has replaced the file with a pipe.
#[cfg(unix)]
pub(crate) fn is_at(path: &Path, file: &File) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let id = |metadata: std::fs::Metadata| (metadata.dev(), metadata.ino());
    file.metadata().is_ok_and(|here| path.symlink_metadata().is_ok_and(|there| id(here) == id(there)))
}

#[cfg(not(unix))]
pub(crate) fn is_at(path: &Path, file: &File) -> bool {
    use same_file::Handle;
    let here = file.try_clone().and_then(Handle::from_file);
    here.is_ok_and(|here| Handle::from_path(path).is_ok_and(|there| here == there))
}
