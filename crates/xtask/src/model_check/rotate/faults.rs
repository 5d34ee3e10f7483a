//! The faults that the model check of rotations injects. The first fault of each list is "no fault".

/// How long a rotation stays interrupted after a crash.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Pause {
    Short,
    /// Longer than the time for which Codat remembers an idempotency key. All delayed requests take effect during this
    /// time.
    Hours,
}

/// A crash of the process before or after an action. The journal keeps its entries.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Crash {
    Before(Pause),
    After(Pause),
}

/// An injected fault of a write to the journal.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum SaveFault {
    None,
    Crash(Crash),
    /// The process crashes after it has written the entry, and all entries of the journal are lost.
    JournalLost,
}

pub(super) const SAVE: [SaveFault; 6] = [
    SaveFault::None,
    SaveFault::Crash(Crash::Before(Pause::Short)),
    SaveFault::Crash(Crash::Before(Pause::Hours)),
    SaveFault::Crash(Crash::After(Pause::Short)),
    SaveFault::Crash(Crash::After(Pause::Hours)),
    SaveFault::JournalLost,
];

/// An injected fault of a request that lists the keys.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum ListFault {
    None,
    /// All attempts of the client fail: the request or its response is lost, or Codat or a gateway fails.
    Failed,
    /// Codat rejects a key that works.
    Rejected,
    /// The list does not show the latest creation or deletion.
    Stale,
    /// Another program creates a key.
    ForeignCreator,
    /// Another program creates a key with the name of the old key.
    ForeignNamesake,
    /// Other programs create keys until ten exist.
    ForeignCreators,
    /// Another program deletes one of its keys.
    ForeignDeleted,
    /// Another program deletes the old key.
    OldDeleted,
    /// Another program deletes the new key.
    NewDeleted,
}

pub(super) const LIST: [ListFault; 10] = [
    ListFault::None,
    ListFault::Failed,
    ListFault::Rejected,
    ListFault::Stale,
    ListFault::ForeignCreator,
    ListFault::ForeignNamesake,
    ListFault::ForeignCreators,
    ListFault::ForeignDeleted,
    ListFault::OldDeleted,
    ListFault::NewDeleted,
];

/// An injected result of a call of `create`. The call is one step of this model, although the call can send several
/// requests. The model check of `create` covers these requests.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum CreateFault {
    None,
    /// `create` reports that no key was created.
    NotCreated,
    /// The outcome is unknown, because a request or a response was lost, or because a gateway failed. The request has no
    /// effect, an immediate effect, or a late effect.
    Unknown(Effect),
    /// Codat has stored a failure for the idempotency key.
    Spent(Effect),
    /// A response with 429 made Codat forget the idempotency key while the first attempt was running. A second key
    /// appears.
    Race(Effect),
    /// The same fault as [`Race`](Self::Race). In addition, the outcome of the second attempt is unknown.
    UnknownRace(Effect),
    /// Before the creation, other programs create keys until ten exist.
    LimitReached,
    Crash(Crash),
}

/// The effect of a request whose outcome is unknown.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Effect {
    Never,
    Now,
    /// The request takes effect after this number of steps of the model.
    Late(u8),
    /// The request takes effect after the end of the rotation, or while the rotation is interrupted for hours.
    AtTheEnd,
}

/// A delay of a request, in steps of the model. The rotation is usually still in the state that sent the request when
/// the delay ends.
const SOON: u8 = 3;

/// A delay of a request, in steps of the model. The rotation has usually left the state that sent the request when the
/// delay ends.
const LATER: u8 = 20;

/// A number of steps of the model. A rotation without further faults ends within this number of steps.
pub(super) const AFTER_THE_END: u8 = 250;

pub(super) const CREATE: [CreateFault; 22] = [
    CreateFault::None,
    CreateFault::NotCreated,
    CreateFault::Unknown(Effect::Never),
    CreateFault::Unknown(Effect::Now),
    CreateFault::Unknown(Effect::Late(SOON)),
    CreateFault::Unknown(Effect::Late(LATER)),
    CreateFault::Unknown(Effect::AtTheEnd),
    CreateFault::Spent(Effect::Never),
    CreateFault::Spent(Effect::Now),
    CreateFault::Spent(Effect::Late(SOON)),
    CreateFault::Spent(Effect::Late(LATER)),
    CreateFault::Spent(Effect::AtTheEnd),
    CreateFault::Race(Effect::Now),
    CreateFault::Race(Effect::Late(SOON)),
    CreateFault::Race(Effect::Late(LATER)),
    CreateFault::Race(Effect::AtTheEnd),
    CreateFault::UnknownRace(Effect::Now),
    CreateFault::UnknownRace(Effect::Late(SOON)),
    CreateFault::LimitReached,
    CreateFault::Crash(Crash::Before(Pause::Short)),
    CreateFault::Crash(Crash::After(Pause::Short)),
    CreateFault::Crash(Crash::After(Pause::Hours)),
];

/// The number of steps until a created key works: immediately, late, or never.
pub(super) const WORKS_IN: [Option<u8>; 3] = [Some(0), Some(12), None];

/// An injected result of a call of `delete`. The call is one step of this model.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum DeleteFault {
    None,
    /// `delete` reports that nothing was deleted.
    NotDeleted,
    /// `delete` does not find the key in the list of the keys, although the key exists. `delete` therefore sends no
    /// deletion request.
    NotFound,
    Unknown(Effect),
    Crash(Crash),
}

pub(super) const DELETE: [DeleteFault; 11] = [
    DeleteFault::None,
    DeleteFault::NotDeleted,
    DeleteFault::NotFound,
    DeleteFault::Unknown(Effect::Never),
    DeleteFault::Unknown(Effect::Now),
    DeleteFault::Unknown(Effect::Late(SOON)),
    DeleteFault::Unknown(Effect::Late(LATER)),
    DeleteFault::Unknown(Effect::AtTheEnd),
    DeleteFault::Crash(Crash::Before(Pause::Short)),
    DeleteFault::Crash(Crash::After(Pause::Short)),
    DeleteFault::Crash(Crash::After(Pause::Hours)),
];

/// An injected fault of a read of a sink.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum ReadFault {
    None,
    Temporary,
    Permanent,
    /// The sink returns the new key, even if the sink contains something else.
    Lies,
    /// Another program has written a credential that Codat does not list.
    Changed,
    /// Another program has written the old key.
    ChangedBack,
    /// Another program has replaced the key with a text that contains the key.
    OtherForm,
    /// Another program has removed the content.
    Emptied,
    /// The read with this fault and all later reads hide the content: they return a text that does not contain the key.
    Conceals,
}

pub(super) const READ: [ReadFault; 9] = [
    ReadFault::None,
    ReadFault::Temporary,
    ReadFault::Permanent,
    ReadFault::Lies,
    ReadFault::Changed,
    ReadFault::ChangedBack,
    ReadFault::OtherForm,
    ReadFault::Emptied,
    ReadFault::Conceals,
];

/// After a write with the fault [`WriteFault::ShownLate`], the next read and this number of further reads return the
/// earlier content.
pub(super) const LATE_READS: u8 = 12;

/// An injected fault of a write to a sink.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum WriteFault {
    None,
    Temporary,
    /// The write fails, but takes effect.
    TemporaryAfter,
    Permanent,
    PermanentAfter,
    /// The sink reports a successful write, but keeps the earlier content.
    Lies,
    /// The write takes effect, but the next reads return the earlier content.
    ShownLate,
    Crash(Crash),
}

pub(super) const WRITE: [WriteFault; 10] = [
    WriteFault::None,
    WriteFault::Temporary,
    WriteFault::TemporaryAfter,
    WriteFault::Permanent,
    WriteFault::PermanentAfter,
    WriteFault::Lies,
    WriteFault::ShownLate,
    WriteFault::Crash(Crash::Before(Pause::Short)),
    WriteFault::Crash(Crash::After(Pause::Short)),
    WriteFault::Crash(Crash::After(Pause::Hours)),
];

/// An injected fault of a call of `confirm`, which asks whether the programs that use a sink have a key.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum ConfirmFault {
    None,
    /// The programs do not have the key yet.
    NotYet,
    Temporary,
    Permanent,
}

pub(super) const CONFIRM: [ConfirmFault; 4] =
    [ConfirmFault::None, ConfirmFault::NotYet, ConfirmFault::Temporary, ConfirmFault::Permanent];
