//! The faults that the model check of `create` injects.

use std::sync::LazyLock;

/// A fault that affects a request to create a key.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Fault {
    None,
    Refused,
    LostBefore,
    LostAfter,
    /// The request reaches the server this number of steps later, and the client gets no response.
    Late(u8),
    /// The server processes the request for this number of steps. The client times out before the response.
    Slow(u8),
    /// Codat responds with a server error, which its idempotency cache replays.
    Failed,
    FailedAfter,
    FailedLate(u8),
    /// A gateway responds with an error, which Codat's idempotency cache does not replay.
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

const FAULTS: [Fault; 26] = [
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

/// The faults for each combination of `adopt` and `was_resumed`.
static ALLOWED: LazyLock<[[Vec<Fault>; 2]; 2]> =
    LazyLock::new(|| [false, true].map(|adopt| [false, true].map(|was_resumed| allowed(adopt, was_resumed))));

/// Returns the faults that can affect a request. With `adopt`, no other client creates a key with this name. A resumed
/// operation does not crash again.
pub(super) fn faults(adopt: bool, was_resumed: bool) -> &'static [Fault] {
    &ALLOWED[usize::from(adopt)][usize::from(was_resumed)]
}

fn allowed(adopt: bool, was_resumed: bool) -> Vec<Fault> {
    let is_allowed = |fault: &Fault| match fault {
        Fault::ForeignBefore | Fault::ForeignAfter => !adopt,
        Fault::CrashBefore(_) | Fault::CrashAfter(_) => !was_resumed,
        _ => true,
    };
    FAULTS.into_iter().filter(is_allowed).collect()
}

/// A delay in steps that is longer than any operation, so that the effect of the request is not seen.
const NEVER_SEEN: u8 = 200;

/// The time between a crash of the process and the resumption of the operation.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Pause {
    Short,
    /// A time after which Codat has forgotten the idempotency key.
    TooLong,
}

/// A fault that affects a request to list the keys.
#[derive(Clone, Copy)]
pub(super) enum ListFault {
    None,
    Failed,
    /// The response contains the keys as they were before the latest change.
    Stale,
    ForeignBefore,
}

pub(super) const LIST_FAULTS: [ListFault; 4] =
    [ListFault::None, ListFault::Failed, ListFault::Stale, ListFault::ForeignBefore];
