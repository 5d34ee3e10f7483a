//! Which core does what: where client and server run decides the rate of calls that follow each other.

use std::fmt;

use anyhow::{Context as _, Result, bail};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// Where the client runs, seen from the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pin {
    /// On the server's core: nothing waits for an idle core to wake.
    Same,
    /// On a core of its own, as far from the server's as there is.
    Apart,
    /// On every core, the server's too.
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
    /// How many this process may use.
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
        // The last one shares no core with the first, whether the threads of a core are counted next to each other or in
        // two halves, unless there is but one core.
        Ok(Self { usable: usable.len(), server: *server, apart: rest.last().copied(), all: allowed })
    }

    /// The ways to pin that this machine allows.
    pub(crate) fn pins(&self) -> &'static [Pin] {
        if self.apart.is_some() { &[Pin::Same, Pin::Apart] } else { &[Pin::Same] }
    }

    /// Puts this thread, and what it starts from now on, where the client belongs.
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
