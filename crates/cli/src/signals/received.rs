//! Signals received from the operating system.

#[cfg(unix)]
use std::future::poll_fn;
use std::io;
#[cfg(unix)]
use std::task::Poll;

/// The number of a signal that asks a process to end.
#[derive(Clone, Copy, PartialEq)]
pub(crate) struct Signal(i32);

impl Signal {
    /// Ctrl-C. The terminal sends this signal to child processes too.
    pub(crate) const INTERRUPT: Self = Self(2);
    /// Ctrl-\. The terminal sends this signal to child processes too.
    #[cfg(unix)]
    pub(crate) const QUIT: Self = Self(libc::SIGQUIT);
    /// SIGTERM, which the Unix program `kill` sends by default. On Windows, this value stands for the events that close
    /// the console, log the user off or shut the system down.
    const TERMINATE: Self = Self(15);

    /// Returns the signals that end a process by default. Excludes signals that report a defect of the process, such as
    /// SIGSEGV.
    #[cfg(unix)]
    fn all() -> impl Iterator<Item = Self> {
        let all = [
            Self::INTERRUPT,
            Self::TERMINATE,
            // Sent when the terminal is closed.
            Self(libc::SIGHUP),
            Self(libc::SIGUSR1),
            Self(libc::SIGUSR2),
            Self(libc::SIGALRM),
            Self(libc::SIGVTALRM),
            Self(libc::SIGPROF),
            // Sent when the limit of processor time (`ulimit -t`) is exceeded.
            Self(libc::SIGXCPU),
            Self(libc::SIGIO),
            Self::QUIT,
        ];
        // LXC stops a container with SIGPWR, and systemd a machine with a real-time signal.
        #[cfg(target_os = "linux")]
        let all = all
            .into_iter()
            .chain([libc::SIGPWR, libc::SIGSTKFLT].into_iter().chain(libc::SIGRTMIN()..=libc::SIGRTMAX()).map(Self));
        all.into_iter()
    }

    /// Returns the exit status: 128 plus the number of the signal.
    pub(crate) fn status(self) -> u8 {
        u8::try_from(128 + self.0).unwrap_or(u8::MAX)
    }

    #[cfg(unix)]
    pub(crate) fn number(self) -> i32 {
        self.0
    }

    /// Sends this signal to a process. Ignores the error if the process has ended.
    #[cfg(unix)]
    #[allow(unsafe_code, reason = "rustix has no safe way to name a real-time signal")]
    pub(crate) fn send(self, process: rustix::process::Pid) {
        // SAFETY: the signal comes from `all`, which contains none that the C library uses itself.
        let signal = unsafe { rustix::process::Signal::from_raw_unchecked(self.0) };
        let _ = rustix::process::kill_process(process, signal);
    }

    /// Whether this signal ends the process immediately, even if a request is running.
    pub(crate) fn is_abrupt(self) -> bool {
        #[cfg(unix)]
        return self == Self::QUIT;
        #[cfg(not(unix))]
        false
    }
}

/// A receiver of signals. The receiver misses no signal that arrives after its creation.
#[cfg(unix)]
pub(crate) struct Received(Vec<(Signal, tokio::signal::unix::Signal)>);

#[cfg(unix)]
impl Received {
    /// Creates the receiver. Must be called within a Tokio runtime. A signal that was ignored when this process started
    /// stays ignored, for example SIGHUP under `nohup`.
    pub(crate) fn watch() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        // A parent process can make this process ignore SIGCHLD. The exit status of a child process is then not kept.
        drop(signal(SignalKind::child())?);
        let watched = Signal::all().filter(|signal| !is_ignored(signal.number()));
        let watched = watched.map(|watched| Ok((watched, signal(SignalKind::from_raw(watched.number()))?)));
        watched.collect::<io::Result<_>>().map(Self)
    }

    pub(crate) async fn next(&mut self) -> Signal {
        poll_fn(|context| {
            let mut watched = self.0.iter_mut();
            let received = watched.find_map(|(signal, stream)| stream.poll_recv(context).is_ready().then_some(*signal));
            received.map_or(Poll::Pending, Poll::Ready)
        })
        .await
    }
}

#[cfg(unix)]
#[allow(unsafe_code, reason = "no dependency reads the action of a signal safely: nix's `sigaction` is unsafe as well")]
fn is_ignored(signal: libc::c_int) -> bool {
    // SAFETY: a zeroed `sigaction` is valid, and a null pointer as the new action makes the call read only.
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
    /// Creates the receiver. Must be called within a Tokio runtime.
    pub(crate) fn watch() -> io::Result<Self> {
        use tokio::signal::windows::{ctrl_c, ctrl_close, ctrl_logoff, ctrl_shutdown};
        Ok(Self { interrupt: ctrl_c()?, close: ctrl_close()?, logoff: ctrl_logoff()?, shutdown: ctrl_shutdown()? })
    }

    pub(crate) async fn next(&mut self) -> Signal {
        tokio::select! {
            _ = self.interrupt.recv() => Signal::INTERRUPT,
            _ = self.close.recv() => Signal::TERMINATE,
            _ = self.logoff.recv() => Signal::TERMINATE,
            _ = self.shutdown.recv() => Signal::TERMINATE,
        }
    }
}
