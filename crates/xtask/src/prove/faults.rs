//! What goes wrong while a key is created.

/// What goes wrong with a request for a key.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Fault {
    None,
    Refused,
    LostBefore,
    LostAfter,
    /// Lost on the way, and arrives after so many further steps.
    Late(u8),
    /// The server works on it for so many further steps; the client gives up before.
    Slow(u8),
    /// Codat's own failure, which its cache replays.
    Failed,
    FailedAfter,
    FailedLate(u8),
    /// A gateway's failure, of which Codat's cache knows nothing.
    Gateway,
    GatewayAfter,
    GatewaySlow(u8),
    RateLimited,
    RateLimitedForLong,
    NoAccess,
    Mismatch,
    ForeignBefore,
    ForeignAfter,
    CrashBefore(Pause),
    CrashAfter(Pause),
}

pub(super) const FAULTS: [Fault; 26] = [
    Fault::None,
    Fault::Refused,
    Fault::LostBefore,
    Fault::LostAfter,
    Fault::Late(1),
    Fault::Late(NEVER_SEEN),
    Fault::Slow(1),
    Fault::Slow(NEVER_SEEN),
    Fault::Failed,
    Fault::FailedAfter,
    Fault::FailedLate(1),
    Fault::FailedLate(4),
    Fault::FailedLate(NEVER_SEEN),
    Fault::Gateway,
    Fault::GatewayAfter,
    Fault::GatewaySlow(2),
    Fault::RateLimited,
    Fault::RateLimitedForLong,
    Fault::NoAccess,
    Fault::Mismatch,
    Fault::ForeignBefore,
    Fault::ForeignAfter,
    Fault::CrashBefore(Pause::Short),
    Fault::CrashAfter(Pause::Short),
    Fault::CrashBefore(Pause::TooLong),
    Fault::CrashAfter(Pause::TooLong),
];

/// More steps than any call makes: what comes so late comes after its end.
const NEVER_SEEN: u8 = 200;

/// How long after a crash the call is resumed.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Pause {
    Short,
    /// So long that Codat has forgotten the idempotency key.
    TooLong,
}

/// What goes wrong with a list.
#[derive(Clone, Copy)]
pub(super) enum ListFault {
    None,
    Failed,
    /// It shows the keys as they were before the newest change.
    Stale,
    ForeignBefore,
}

pub(super) const LIST_FAULTS: [ListFault; 4] =
    [ListFault::None, ListFault::Failed, ListFault::Stale, ListFault::ForeignBefore];
