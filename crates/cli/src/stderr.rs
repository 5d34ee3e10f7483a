//! Output to standard error.

use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use codat_keys::internal::sanitize;

use crate::redact::without_secrets;
use crate::signals;

/// The maximum time for which a blocked write to standard error delays the end of the process after a signal.
const BLOCKED_TIMEOUT: Duration = Duration::from_secs(2);
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// Writes a line to standard error. Masks API keys, and escapes control characters and invisible characters.
pub(crate) fn eprint_line(line: &str) {
    eprint_masked_line(&sanitize(&without_secrets(line)));
}

/// Writes a line to standard error. The caller must mask API keys in the line. Ignores errors.
///
/// After a signal, a write that blocks for longer than [`BLOCKED_TIMEOUT`] is abandoned.
pub(crate) fn eprint_masked_line(line: &str) {
    static IS_BLOCKED: AtomicBool = AtomicBool::new(false);
    if IS_BLOCKED.load(Ordering::Relaxed) {
        return;
    }
    let line = format!("{line}\n");
    let (tx, written) = channel();
    let writer = thread::Builder::new().spawn(move || {
        let _ = anstream::stderr().write_all(line.as_bytes());
        let _ = tx.send(());
    });
    let mut left = BLOCKED_TIMEOUT;
    while writer.is_ok() && written.recv_timeout(POLL_INTERVAL) == Err(RecvTimeoutError::Timeout) {
        if signals::was_received() {
            left = left.saturating_sub(POLL_INTERVAL);
        }
        if left.is_zero() {
            // The blocked thread holds the lock of standard error, so no other thread can write.
            IS_BLOCKED.store(true, Ordering::Relaxed);
            return;
        }
    }
}
