//! Detection of forks, by a counter. A child process must not use the connections or the locks of its parent process.

use crate::error::Error;

/// Returns the number of forks between the process that first called [`watch`] and this process. The number is 0 in the
/// process that called [`watch`], and 1 in its child processes.
pub(crate) fn generation() -> u64 {
    #[cfg(unix)]
    return unix::GENERATION.load(std::sync::atomic::Ordering::Relaxed);
    #[cfg(not(unix))]
    0
}

/// Starts to count forks. Call this function before opening a connection or creating a lock.
pub(crate) fn watch() -> Result<(), Error> {
    #[cfg(unix)]
    unix::watch()?;
    Ok(())
}

#[cfg(unix)]
mod unix {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    use crate::error::{Error, ErrorKind};

    pub(super) static GENERATION: AtomicU64 = AtomicU64::new(0);

    pub(super) fn watch() -> Result<(), Error> {
        static REGISTERED: OnceLock<bool> = OnceLock::new();
        #[allow(unsafe_code, reason = "no safe function detects a fork")]
        // SAFETY: the handler only increments an atomic integer. A child process of a multithreaded process is allowed
        // to do that.
        let is_registered = REGISTERED.get_or_init(|| unsafe { libc::pthread_atfork(None, None, Some(forked)) } == 0);
        if *is_registered {
            return Ok(());
        }
        Err(Error::new(ErrorKind::Internal, "the system cannot register a handler of forks")
            .with_hint("free some memory"))
    }

    extern "C" fn forked() {
        GENERATION.fetch_add(1, Ordering::Relaxed);
    }
}
