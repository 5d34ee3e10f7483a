//! The faults that the model check of `create` injects.

/// A fault of a request that creates a key.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Fault {
    None,
    Refused,
    LostBefore,
    LostAfter,
    /// The request is delayed by this number of steps, and the client gets no response.
    Late(u8),
    /// The server processes the request for this number of steps. The client times out first.
    Slow(u8),
    /// A failure of Codat, which Codat's cache replays.
    Failed,
    FailedAfter,
    FailedLate(u8),
    /// A failure of a gateway, which Codat's cache does not replay.
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

/// A delay, in steps, that exceeds the duration of every call.
const NEVER_SEEN: u8 = 200;

/// The time between a crash and the resumption of the call.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Pause {
    Short,
    /// So long that Codat no longer remembers the idempotency key.
    TooLong,
}

/// A fault of a request that lists the keys.
#[derive(Clone, Copy)]
pub(super) enum ListFault {
    None,
    Failed,
    /// The response contains the keys before the latest change.
    Stale,
    ForeignBefore,
}

pub(super) const LIST_FAULTS: [ListFault; 4] =
    [ListFault::None, ListFault::Failed, ListFault::Stale, ListFault::ForeignBefore];
