//! The settings of the terminal, which a prompt for a secret changes.

#[cfg(unix)]
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcsetattr};

#[cfg(unix)]
pub(crate) struct Terminal(std::fs::File, Termios);

#[cfg(unix)]
impl Terminal {
    pub(crate) fn now() -> Option<Self> {
        let tty = std::fs::File::open("/dev/tty").ok()?;
        let set = tcgetattr(&tty).ok()?;
        Some(Self(tty, set))
    }

    pub(super) fn restore(&self) {
        // A terminal that has gone needs nothing.
        let _ = tcsetattr(&self.0, OptionalActions::Now, &self.1);
    }
}

/// Nothing is kept elsewhere.
#[cfg(not(unix))]
pub(crate) struct Terminal;

#[cfg(not(unix))]
impl Terminal {
    pub(crate) fn now() -> Option<Self> {
        None
    }

    pub(super) fn restore(&self) {}
}
