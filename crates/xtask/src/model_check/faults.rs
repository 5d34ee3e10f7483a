//! The faults that the model check of `create` injects.

use std::sync::LazyLock;

/// A fault that affects a request to create a key.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Fault {
    None,
    Refused,
    LostBefore,
    LostAfter,
    /// The request reaches the server this number of steps later. The client gets no response.
    Late(u8),
    /// The server processes the request for this number of steps. The client times out before the response.
    Slow(u8),
    /// Codat responds with a server error. Later attempts with the same idempotency key get the same response.
    Failed,
    FailedAfter,
    FailedLate(u8),
    /// A gateway responds with an error. Later attempts with the same idempotency key can get another response.
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

/// The result of [`allowed`] for each combination of its arguments.
static ALLOWED: LazyLock<[[Vec<Fault>; 2]; 2]> =
    LazyLock::new(|| [false, true].map(|adopt| [false, true].map(|was_resumed| allowed(adopt, was_resumed))));

/// Returns the faults that can be injected in a request to create a key. With `adopt`, omits the faults in which
/// another client creates a key with the same name, because this option requires that no other client does. With
/// `was_resumed`, omits crashes, because the operation has already crashed once.
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

/// A delay in steps that is longer than any operation, so the client never sees the effect of the request.
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
