//! The lock file of `config.toml`.

use std::fs::{self, File, TryLockError};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use super::cannot_be_written;
use crate::failure::Failure;

/// The maximum time to wait for a lock that another process holds.
const LOCK_TIMEOUT: Duration = Duration::from_secs(10);
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// Opens the lock file, and waits until this process has locked it. Dropping the returned file releases the lock.
pub(super) fn acquire(path: &Path) -> Result<File, Failure> {
    let refuse = |error| cannot_be_written(path, &error);
    let lock = open(path).map_err(refuse)?;
    let ends = Instant::now() + LOCK_TIMEOUT;
    while let Err(error) = lock.try_lock() {
        match error {
            TryLockError::Error(error) => return Err(refuse(error)),
            TryLockError::WouldBlock if Instant::now() < ends => thread::sleep(POLL_INTERVAL),
            TryLockError::WouldBlock => {
                let what =
                    format!("{} has been locked by another process for more than {LOCK_TIMEOUT:?}", path.display());
                return Err(Failure::local(
                    what,
                    "find the process with `lsof` or `fuser`, and wait until it ends or stop it",
                ));
            }
        }
    }
    Ok(lock)
}

/// Opens the lock file, with permissions that prevent other users from locking it.
fn open(path: &Path) -> std::io::Result<File> {
    let mut options = File::options();
    // Opens the file for reading and writing, because this does not block if the path is a named pipe.
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    {
        use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
        options.mode(0o600).custom_flags(rustix::fs::OFlags::NOFOLLOW.bits().cast_signed());
        let lock = options.open(path)?;
        lock.set_permissions(fs::Permissions::from_mode(0o600))?;
        Ok(lock)
    }
    #[cfg(windows)]
    options.open(path)
}
