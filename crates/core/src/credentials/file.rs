//! A credential in a file, such as a mounted secret of Docker or Kubernetes.

use std::fs::{self, File, Metadata};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

use zeroize::Zeroizing;

use super::provider::{CredentialFuture, KeyProvider};
use crate::domain::{Credential, mask_credentials};
use crate::error::{Error, ErrorKind};
use crate::trusted_file::{chmod, writable_by_others};

/// The maximum size of a credential file. Valid credentials are far smaller.
const MAX_FILE_BYTES: u64 = 64 * 1024;

/// The minimum time between two checks for a change of the file.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// A credential in a file. Before a request, the client checks whether the file has changed, at most once a second. No
/// thread watches the file, because threads do not survive a fork.
pub(crate) struct KeyFile {
    path: PathBuf,
    /// The description of the file in error messages.
    place: String,
    hint: &'static str,
    since: Instant,
    /// The earliest time of the next check for a change of the file, in milliseconds after the time `since`.
    next_check: AtomicU64,
    /// The [`fingerprint`] of the file when it was last read.
    last_fingerprint: AtomicU64,
}

impl KeyFile {
    pub(crate) fn given(path: PathBuf) -> Self {
        let place = mask_credentials(&format!("the key file {}", path.display()));
        Self::new(path, place, "check its path and its permissions")
    }

    pub(super) fn of_environment(path: PathBuf) -> Self {
        let hint = "check the path in CODAT_API_KEY_FILE and the permissions of the file";
        Self::new(path, "the file that CODAT_API_KEY_FILE names".into(), hint)
    }

    fn new(path: PathBuf, place: String, hint: &'static str) -> Self {
        let [next_check, last_fingerprint] = [AtomicU64::new(0), AtomicU64::new(0)];
        Self { path, place, hint, since: Instant::now(), next_check, last_fingerprint }
    }

    /// Returns whether the file is a regular file. Other files, such as pipes, return their content only once.
    pub(super) fn can_be_read_again(&self) -> bool {
        fs::metadata(&self.path).is_ok_and(|metadata| metadata.is_file())
    }

    /// Reads the file for a client that is being built. Waits up to `limit` for the content of a pipe.
    pub(super) fn read_now(&self, limit: Duration) -> Result<Credential, Error> {
        if is_pipe(&self.path) { self.read_pipe(limit) } else { self.read_again() }
    }

    /// Reads the file to show or mask the key in it. Returns an error for a pipe, without opening the pipe. Only a
    /// client reads a pipe, because the content of a pipe can be read only once.
    pub(crate) fn read_unless_pipe(&self) -> Result<Credential, Error> {
        if !is_pipe(&self.path) {
            return self.read_again();
        }
        let what = format!("{} is a pipe, and was not read, because its content can be read only once", self.place);
        Err(Error::new(ErrorKind::InvalidCredential, what)
            .with_hint("only a client reads it: name a regular file to see its key here"))
    }

    /// Reads a pipe on a separate thread, because the read blocks until another process writes into the pipe.
    fn read_pipe(&self, limit: Duration) -> Result<Credential, Error> {
        let pipe = Self::new(self.path.clone(), self.place.clone(), self.hint);
        let (tx, read) = channel();
        let job = move || drop(tx.send(pipe.read_from(File::open(&pipe.path), is_fifo)));
        thread::Builder::new().name("codat-keys-pipe".into()).spawn(job).map_err(|source| self.unreadable(source))?;
        read.recv_timeout(limit).unwrap_or_else(|_| {
            let what = format!("{} is a pipe, from which no whole key came within {limit:?}", self.place);
            Err(Error::new(ErrorKind::Timeout, what)
                .with_hint("write the key into the pipe and close it, or allow more time"))
        })
    }

    /// Reads a regular file. Returns an error for a pipe, because a read of a pipe would block a request.
    fn read_again(&self) -> Result<Credential, Error> {
        self.read_from(open_nonblocking(&self.path), |_| false)
    }

    /// Reads an API key or the value of an `Authorization` header from an opened file. Accepts a regular file. Accepts
    /// a file of another kind, such as a pipe, only if `accepts` returns true. Ignores one line break at the end of the
    /// content.
    fn read_from(&self, opened: io::Result<File>, accepts: fn(&Metadata) -> bool) -> Result<Credential, Error> {
        let refuse = |what: &str, hint: &str| {
            Err(Error::new(ErrorKind::InvalidCredential, format!("{} {what}", self.place)).with_hint(hint.to_owned()))
        };
        let file = opened.map_err(|source| self.unreadable(source))?;
        let metadata = file.metadata().map_err(|source| self.unreadable(source))?;
        if metadata.is_dir() {
            return refuse("is a folder", "name the file in it that holds the key");
        }
        if !metadata.is_file() && !accepts(&metadata) {
            return refuse("is no regular file", "name a file that holds the key");
        }
        if let Some(writable) = writable_by_others(&metadata) {
            return refuse(&writable, &format!("run: {}", chmod(&self.path)));
        }
        if others_can_read(&metadata) && is_own(&metadata) && !is_mounted(&self.path) {
            return refuse("can be read by every user of this machine", "let its owner alone read it: chmod 600");
        }
        let mut bytes = Zeroizing::new(Vec::new());
        file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes).map_err(|source| self.unreadable(source))?;
        if bytes.len() as u64 > MAX_FILE_BYTES {
            return refuse("is larger than 64 KiB", "name a file that holds the key alone");
        }
        let read = Credential::read_bytes(&bytes).map_err(|mistake| mistake.in_place(&self.place))?;
        self.last_fingerprint.store(fingerprint(&metadata), Ordering::Relaxed);
        Ok(read)
    }

    fn unreadable(&self, source: io::Error) -> Error {
        let text = format!("{} cannot be read: {source}", self.place);
        Error::new(ErrorKind::InvalidCredential, text).with_hint(self.hint).with_source(source)
    }

    /// Returns whether a check for a change of the file is due. Returns true at most once a second.
    fn is_check_due(&self) -> bool {
        let now = self.since.elapsed().as_millis() as u64;
        let due = self.next_check.load(Ordering::Relaxed);
        let next = now + CHECK_INTERVAL.as_millis() as u64;
        now >= due && self.next_check.compare_exchange(due, next, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }
}

impl KeyProvider for KeyFile {
    fn source(&self) -> &str {
        &self.place
    }

    fn read(&self) -> CredentialFuture<'_> {
        Box::pin(std::future::ready(self.read_again().map_err(Into::into)))
    }

    /// Returns whether the file has changed since it was read. Checks the file at most once a second, and returns false
    /// between two checks. Follows symbolic links.
    fn may_have_changed(&self) -> bool {
        let is_other = |metadata| fingerprint(&metadata) != self.last_fingerprint.load(Ordering::Relaxed);
        self.is_check_due() && fs::metadata(&self.path).is_ok_and(is_other)
    }
}

/// Returns a hash of the metadata of a file. The hash changes when the file changes.
fn fingerprint(metadata: &Metadata) -> u64 {
    let mut hasher = DefaultHasher::new();
    (metadata.len(), metadata.modified().ok()).hash(&mut hasher);
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        (metadata.dev(), metadata.ino(), metadata.ctime(), metadata.ctime_nsec()).hash(&mut hasher);
    }
    hasher.finish()
}

/// Opens a file for reading. Does not wait for a writer if the file is a pipe.
fn open_nonblocking(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, libc::O_NONBLOCK);
    options.read(true).open(path)
}

/// Returns whether a path names a pipe.
pub fn is_pipe(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|metadata| is_fifo(&metadata))
}

fn is_fifo(metadata: &Metadata) -> bool {
    #[cfg(unix)]
    return std::os::unix::fs::FileTypeExt::is_fifo(&metadata.file_type());
    #[cfg(not(unix))]
    {
        let _ = metadata;
        false
    }
}

/// Returns whether every user of this machine can read a file.
pub fn is_readable_by_all(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|metadata| others_can_read(&metadata))
}

/// Returns whether every user of this machine can read the file with this metadata.
pub fn others_can_read(metadata: &Metadata) -> bool {
    #[cfg(unix)]
    return std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o004 != 0;
    #[cfg(not(unix))]
    {
        let _ = metadata;
        false
    }
}

/// Returns whether the user of this process owns the file. Usually, only the owner can change the permissions of a
/// file.
fn is_own(metadata: &Metadata) -> bool {
    #[cfg(unix)]
    return std::os::unix::fs::MetadataExt::uid(metadata) == rustix::process::geteuid().as_raw();
    #[cfg(not(unix))]
    {
        let _ = metadata;
        true
    }
}

/// Returns whether Docker or Kubernetes mounted the file as a secret. Every user of the container can read such a file.
/// The file is still accepted, because a container usually runs only one program. Docker mounts secrets below
/// `/run/secrets`. Kubernetes mounts secrets in a folder that contains a link `..data`.
fn is_mounted(path: &Path) -> bool {
    let is_link = |link: PathBuf| fs::symlink_metadata(link).is_ok_and(|metadata| metadata.is_symlink());
    let real = fs::canonicalize(path).unwrap_or_default();
    real.starts_with("/run/secrets") || path.parent().is_some_and(|folder| is_link(folder.join("..data")))
}
