//! The settings of the terminal, saved before a prompt for a secret changes them.

#[cfg(unix)]
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcsetattr};

/// The controlling terminal, with its saved settings.
#[cfg(unix)]
pub(crate) struct Terminal(std::fs::File, Termios);

#[cfg(unix)]
impl Terminal {
    /// Reads the current settings of the terminal. Returns `None` if this process has no terminal.
    pub(crate) fn now() -> Option<Self> {
        let tty = std::fs::File::open("/dev/tty").ok()?;
        let set = tcgetattr(&tty).ok()?;
        Some(Self(tty, set))
    }

    pub(super) fn restore(&self) {
        // Restoring the settings fails only if the terminal was closed.
        let _ = tcsetattr(&self.0, OptionalActions::Now, &self.1);
    }
}

/// A placeholder on systems other than Unix. On these systems, the terminal settings are not saved.
#[cfg(not(unix))]
pub(crate) struct Terminal;

#[cfg(not(unix))]
impl Terminal {
    pub(crate) fn now() -> Option<Self> {
        None
    }

    pub(super) fn restore(&self) {}
}
