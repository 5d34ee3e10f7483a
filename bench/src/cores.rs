//! The assignment of client and server to cores. The rate of consecutive calls depends on this assignment.

use std::fmt;

use anyhow::{Context as _, Result, bail};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// The cores of the client relative to the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pin {
    /// On the server's core, so that no call waits until an idle core wakes up.
    Same,
    /// On a separate core, as far from the server's core as possible.
    Apart,
    /// On all cores, including the server's core.
    All,
}

impl fmt::Display for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Same => "same core",
            Self::Apart => "apart",
            Self::All => "all cores",
        })
    }
}

/// The cores of this machine that the run uses.
pub(crate) struct Cores {
    /// The number of cores that this process may use.
    pub(crate) usable: usize,
    pub(crate) server: usize,
    /// `None` on a machine with one core.
    apart: Option<usize>,
    all: CpuSet,
}

impl Cores {
    pub(crate) fn of_this_machine() -> Result<Self> {
        let allowed = sched_getaffinity(None).context("the cores of this process are not known")?;
        let usable: Vec<usize> = (0..CpuSet::MAX_CPU).filter(|core| allowed.is_set(*core)).collect();
        let [server, rest @ ..] = usable.as_slice() else { bail!("this process may use no core") };
        // The first and the last logical core belong to different physical cores, whether hyper-threads are numbered
        // consecutively or in two halves, unless there is only one physical core.
        Ok(Self { usable: usable.len(), server: *server, apart: rest.last().copied(), all: allowed })
    }

    /// Returns whether this machine allows the pinning.
    pub(crate) fn allow(&self, pin: Pin) -> bool {
        pin != Pin::Apart || self.apart.is_some()
    }

    /// Pins this thread, and the processes and threads that it starts later, to the cores of the client.
    pub(crate) fn pin(&self, pin: Pin) -> Result<()> {
        match pin {
            Pin::Same => self.pin_to(self.server),
            Pin::Apart => self.pin_to(self.apart.context("there is one core only")?),
            Pin::All => sched_setaffinity(None, &self.all).context("cannot be pinned to all cores"),
        }
    }

    pub(crate) fn pin_to(&self, core: usize) -> Result<()> {
        let mut set = CpuSet::new();
        set.set(core);
        sched_setaffinity(None, &set).with_context(|| format!("cannot be pinned to core {core}"))
    }
}

impl fmt::Display for Cores {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.apart {
            Some(apart) => write!(f, "server on core {}, client on the same, on core {apart}, or on all", self.server),
            None => write!(f, "server and client on core {}, the only one", self.server),
        }
    }
}
