//! The faults that the model check of `create` injects.

use std::sync::LazyLock;

/// An injected fault of a request that creates an API key.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Fault {
    None,
    Refused,
    LostBefore,
    LostAfter,
    /// The server receives the request after this number of steps of the model. The client gets no response.
    Late(u8),
    /// The server needs this number of steps of the model to process the request. The client times out earlier.
    Slow(u8),
    /// Codat responds with a server error. If the client repeats the request with the same idempotency key, Codat
    /// repeats this response.
    Failed,
    FailedAfter,
    FailedLate(u8),
    /// A gateway responds with an error. If the client repeats the request with the same idempotency key, the client
    /// can get another response.
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

/// The results of [`allowed`] for all arguments. The first index is `adopt`, and the second index is `was_resumed`.
static ALLOWED: LazyLock<[[Vec<Fault>; 2]; 2]> =
    LazyLock::new(|| [false, true].map(|adopt| [false, true].map(|was_resumed| allowed(adopt, was_resumed))));

/// Returns the possible faults of a request that creates an API key. If `adopt` is true, omits `ForeignBefore` and
/// `ForeignAfter`, because the option `adopt` of `create` requires that other clients create no API keys with the same
/// name. If `was_resumed` is true, omits the crashes, because the operation has already crashed once.
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

/// A delay of a request, in steps of the model. No operation takes that many steps, so the request takes effect only
/// after the end of the operation.
const NEVER_SEEN: u8 = 200;

/// The time between a crash of the process and the resumption of the operation.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Pause {
    Short,
    /// The pause is longer than the time for which Codat remembers an idempotency key.
    TooLong,
}

/// An injected fault of a request that lists the API keys.
#[derive(Clone, Copy)]
pub(super) enum ListFault {
    None,
    Failed,
    /// The response is out of date: it lacks the API key that was added last.
    Stale,
    ForeignBefore,
}

pub(super) const LIST_FAULTS: [ListFault; 4] =
    [ListFault::None, ListFault::Failed, ListFault::Stale, ListFault::ForeignBefore];
