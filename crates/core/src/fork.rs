//! A counter of the forks of this process. Connections and locks that were created before a fork belong to the parent
//! process.

use crate::error::Error;

/// Returns the number of forks between the process that first called [`watch`] and this process.
pub(crate) fn generation() -> u64 {
    #[cfg(unix)]
    return unix::GENERATION.load(std::sync::atomic::Ordering::Relaxed);
    #[cfg(not(unix))]
    0
}

/// Starts to count forks. Must be called before opening anything that a child process must not share.
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
        // SAFETY: the handler only increments an atomic, which is allowed in the child process of a multithreaded
        // parent.
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
