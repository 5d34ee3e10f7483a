//! Signals as the system sends them.

use std::io;

/// What asks a process to end.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Signal {
    /// Ctrl-C, which the terminal sends to children too.
    Interrupt,
    /// `kill`, which is sent to this process alone; on Windows, what closes the console or ends the session.
    Terminate,
    /// The terminal has gone.
    #[cfg(unix)]
    Hangup,
    /// Ctrl-\, which the terminal sends to children too.
    #[cfg(unix)]
    Quit,
}

impl Signal {
    /// 128 and the signal's number.
    pub(crate) fn status(self) -> u8 {
        match self {
            Self::Interrupt => 130,
            Self::Terminate => 143,
            #[cfg(unix)]
            Self::Hangup => 129,
            #[cfg(unix)]
            Self::Quit => 131,
        }
    }

    /// Whether nothing is to be waited for.
    pub(crate) fn is_abrupt(self) -> bool {
        #[cfg(unix)]
        return self == Self::Quit;
        #[cfg(not(unix))]
        false
    }
}

/// Signals, none of which is missed from the moment this is made.
#[cfg(unix)]
pub(crate) struct Received {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
    /// `None` where it was ignored when this process started, as `nohup` does.
    hangup: Option<tokio::signal::unix::Signal>,
    quit: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Received {
    /// Must be called within a runtime.
    pub(crate) fn watch() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: if is_ignored(libc::SIGHUP) { None } else { Some(signal(SignalKind::hangup())?) },
            quit: signal(SignalKind::quit())?,
        })
    }

    pub(crate) async fn next(&mut self) -> Signal {
        let hangup = async {
            match &mut self.hangup {
                Some(hangup) => hangup.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = self.interrupt.recv() => Signal::Interrupt,
            _ = self.terminate.recv() => Signal::Terminate,
            _ = hangup => Signal::Hangup,
            _ = self.quit.recv() => Signal::Quit,
        }
    }
}

#[cfg(unix)]
#[allow(unsafe_code, reason = "there is no safe way to ask what a signal does")]
fn is_ignored(signal: libc::c_int) -> bool {
    // SAFETY: all zeros is a valid `sigaction`, and a null pointer changes nothing.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        libc::sigaction(signal, std::ptr::null(), &raw mut action) == 0 && action.sa_sigaction == libc::SIG_IGN
    }
}

#[cfg(windows)]
pub(crate) struct Received {
    interrupt: tokio::signal::windows::CtrlC,
    close: tokio::signal::windows::CtrlClose,
    logoff: tokio::signal::windows::CtrlLogoff,
    shutdown: tokio::signal::windows::CtrlShutdown,
}

#[cfg(windows)]
impl Received {
    /// Must be called within a runtime.
    pub(crate) fn watch() -> io::Result<Self> {
        use tokio::signal::windows::{ctrl_c, ctrl_close, ctrl_logoff, ctrl_shutdown};
        Ok(Self { interrupt: ctrl_c()?, close: ctrl_close()?, logoff: ctrl_logoff()?, shutdown: ctrl_shutdown()? })
    }

    pub(crate) async fn next(&mut self) -> Signal {
        tokio::select! {
            _ = self.interrupt.recv() => Signal::Interrupt,
            _ = self.close.recv() => Signal::Terminate,
            _ = self.logoff.recv() => Signal::Terminate,
            _ = self.shutdown.recv() => Signal::Terminate,
        }
    }
}
