use std::time::Duration;

use super::{TIME_TO_SEND, TIMEOUT, TestClock, keys, since, summary};
use crate::domain::{ApiKey, KeyId};
use crate::error::{Error, ErrorKind};
use crate::keys::state_machines::delete::{Action, AttemptOutcome, Event};
use crate::keys::state_machines::{self, DeleteMachine};

use AttemptOutcome::{Absent, AbsentElsewhere, Ambiguous, LastKey, NoAccess, NotSent, RateLimited, Refused};
use On::{Cancel, Deleted, Fails, Keys, Replaced, Takes, Unlisted};

/// An event in the script of a test.
#[derive(Clone, Copy)]
enum On {
    /// Codat lists the keys with these ids, separated by spaces. The client authenticates with the key `a`.
    Keys(&'static str),
    Unlisted(ErrorKind),
    Deleted,
    Fails(AttemptOutcome),
    Replaced,
    /// Time passes before the next event.
    Takes(Duration),
    Cancel,
}

/// The id of the key to delete.
#[derive(Clone, Copy)]
struct Delete(&'static str);

/// A deletion of a key that the client does not authenticate with.
const OTHER: Delete = Delete("b");
/// A deletion of the key that the client authenticates with.
const OWN: Delete = Delete("a");

fn until(left: Duration) -> On {
    Takes(TIMEOUT - left)
}

fn kind(outcome: AttemptOutcome) -> ErrorKind {
    match outcome {
        Absent | AbsentElsewhere => ErrorKind::NotFound,
        LastKey => ErrorKind::LastKey,
        NotSent => ErrorKind::Connect,
        Ambiguous => ErrorKind::Server,
        RateLimited => ErrorKind::RateLimited,
        NoAccess => ErrorKind::Unauthorized,
        Refused => ErrorKind::BadResponse,
    }
}

impl Delete {
    /// Runs the state machine with these events. Returns its actions and its result as text.
    fn run(self, events: &[On], allow_key_in_use: bool) -> (String, String) {
        let mut clock = TestClock::new(since());
        let id = KeyId::parse(self.0).unwrap();
        let mut machine = state_machines::delete_machine(clock.operation(), &id, allow_key_in_use);
        let (mut actions, mut events) = (Vec::new(), events.iter());
        let result = loop {
            match machine.next(clock.now()) {
                Action::List => actions.push("list".to_owned()),
                Action::Delete => actions.push("delete".into()),
                Action::Wait(time) => {
                    actions.push(clock.wait(time));
                    machine.on_event(Event::Waited);
                    continue;
                }
                Action::Complete(result) => break result,
            }
            if let Some(result) = pass_event(&mut machine, &mut clock, &mut events) {
                break result;
            }
        };
        assert_eq!(events.len(), 0, "the machine ended early: {actions:?}");
        (actions.join(", "), described(result))
    }
}

/// Passes the next event to the state machine. If the event cancels the operation, returns the result of the operation.
fn pass_event<'a>(
    machine: &mut DeleteMachine,
    clock: &mut TestClock,
    events: &mut impl Iterator<Item = &'a On>,
) -> Option<Result<(), Error>> {
    let error = |kind| state_machines::error(kind, None, None);
    match *events.next().expect("the machine has ended") {
        Keys(texts) => {
            let in_use = ApiKey::parse("MadeUpKey-a").unwrap();
            machine.on_event(Event::Listed(&keys(texts), Some(&in_use)));
        }
        Unlisted(kind) => machine.on_event(Event::ListFailed(error(kind))),
        Deleted => machine.on_event(Event::Deleted),
        Fails(outcome) => machine.on_event(Event::Failed(outcome, error(kind(outcome)))),
        Replaced => machine.on_event(Event::KeyReplaced),
        Takes(time) => {
            clock.elapsed += time;
            return pass_event(machine, clock, events);
        }
        Cancel => return Some(machine.cancel(clock.now())),
    }
    None
}

fn described(result: Result<(), Error>) -> String {
    let Err(error) = result else { return "deleted".into() };
    let probably = if error.hint().contains("probably deleted") { ", probably deleted" } else { "" };
    format!("{}{probably}", summary(&error))
}

#[track_caller]
fn check(delete: Delete, events: &[On], actions: &str, result: &str) {
    let (actual_actions, actual) = delete.run(events, true);
    assert_eq!((actual_actions.as_str(), actual.as_str()), (actions, result));
}

/// Lets the first attempt end without a response, and then passes `events` to the state machine. Checks the result, and
/// the actions after the first attempt.
#[track_caller]
fn after_a_loss(delete: Delete, events: &[On], actions: &str, result: &str) {
    let events = [&[Keys("a b"), Fails(Ambiguous)], events].concat();
    check(delete, &events, &format!("list, delete, wait 125, {actions}"), result);
}

#[test]
fn a_key_is_deleted_after_a_listing() {
    check(OTHER, &[Keys("a b"), Deleted], "list, delete", "deleted");
    check(OWN, &[Keys("a b"), Deleted], "list, delete", "deleted");
    check(OTHER, &[Keys("b")], "list", "last_key after 0");
    check(OTHER, &[Keys("a c")], "list", "not_found after 0");
    check(OTHER, &[Unlisted(ErrorKind::Server)], "list", "server after 0");
    assert_eq!(OWN.run(&[Keys("a b")], false), ("list".into(), "key_in_use after 0".into()));
}

#[test]
fn the_response_to_the_first_request_decides() {
    for (outcome, result) in [
        (Absent, "not_found after 1"),
        (AbsentElsewhere, "not_found after 1"),
        (LastKey, "last_key after 1"),
        (NoAccess, "unauthorized after 1"),
        (Refused, "bad_response after 1"),
    ] {
        check(OWN, &[Keys("a b"), Fails(outcome)], "list, delete", result);
    }
}

#[test]
fn an_attempt_without_effect_is_repeated_after_a_listing() {
    for outcome in [NotSent, RateLimited] {
        let again = [Keys("a b"), Fails(outcome), Keys("a b"), Deleted];
        check(OTHER, &again, "list, delete, wait 125, list, delete", "deleted");
        // Another program deleted the key.
        check(OTHER, &[Keys("a b"), Fails(outcome), Keys("a")], "list, delete, wait 125, list", "not_found after 1");
    }
    let four = "list, delete, wait 125, list, delete, wait 250, list, delete, wait 500, list, delete";
    check(OTHER, &[Keys("a b"), Fails(NotSent)].repeat(4), four, "connect after 4");
}

#[test]
fn a_listing_after_an_ambiguous_attempt_shows_the_deletion() {
    after_a_loss(OTHER, &[Keys("a")], "list", "deleted");
    after_a_loss(OTHER, &[Keys("a b"), Deleted], "list, delete", "deleted");
    after_a_loss(OTHER, &[Keys("a b"), Fails(Absent)], "list, delete", "deleted");
    let elsewhere = [Keys("a b"), Fails(AbsentElsewhere), Keys("a")];
    after_a_loss(OTHER, &elsewhere, "list, delete, wait 250, list", "deleted");
    for (outcome, cause) in [(LastKey, "last_key"), (Refused, "bad_response"), (NoAccess, "unauthorized")] {
        let unknown = format!("outcome_unknown ({cause}) after 2");
        after_a_loss(OTHER, &[Keys("a b"), Fails(outcome)], "list, delete", &unknown);
    }
    after_a_loss(OTHER, &[Keys("b")], "list", "outcome_unknown (last_key) after 1");
    let four = "list, delete, wait 250, list, delete, wait 500, list, delete, list";
    let thrice = [Keys("a b"), Fails(Ambiguous)].repeat(3);
    let unknown = "outcome_unknown (server) after 4";
    after_a_loss(OTHER, &[&thrice[..], &[Keys("a b")]].concat(), four, unknown);
    after_a_loss(OTHER, &[&thrice[..], &[Keys("a")]].concat(), four, "deleted");
}

#[test]
fn a_rejection_after_an_ambiguous_deletion_of_the_key_in_use_is_probably_its_effect() {
    let unknown = "outcome_unknown (unauthorized) after 2, probably deleted";
    after_a_loss(OWN, &[Keys("a b"), Fails(NoAccess)], "list, delete", unknown);
    for (kind, result) in [
        (ErrorKind::Unauthorized, "outcome_unknown (unauthorized) after 1, probably deleted"),
        (ErrorKind::Forbidden, "outcome_unknown (forbidden) after 1, probably deleted"),
        (ErrorKind::Server, "outcome_unknown (server) after 1"),
    ] {
        after_a_loss(OWN, &[Unlisted(kind)], "list", result);
    }
    after_a_loss(OTHER, &[Unlisted(ErrorKind::Forbidden)], "list", "outcome_unknown (forbidden) after 1");
}

#[test]
fn a_replaced_key_requires_a_listing_and_does_not_count() {
    let replaced = [Keys("a b"), Replaced].repeat(5);
    let actions = "list, delete, ".repeat(5);
    check(OTHER, &[&replaced[..], &[Keys("a b"), Deleted]].concat(), &format!("{actions}list, delete"), "deleted");
    check(OTHER, &[&replaced[..], &[Keys("a")]].concat(), &format!("{actions}list"), "not_found after 5");
    let failed = [Keys("a b"), Fails(NotSent), Keys("a b"), Deleted];
    let actions = format!("{actions}list, delete, wait 125, list, delete");
    check(OTHER, &[&replaced[..], &failed].concat(), &actions, "deleted");
    after_a_loss(OTHER, &[Keys("a b"), Replaced, Keys("a")], "list, delete, list", "deleted");
}

#[test]
fn an_operation_ends_at_its_deadline() {
    check(OTHER, &[until(TIME_TO_SEND), Keys("a b"), Deleted], "list, delete", "deleted");
    check(OTHER, &[until(TIME_TO_SEND - Duration::from_nanos(1)), Keys("a b")], "list", "timeout after 0");
    let late = |left: u64| [Keys("a b"), until(Duration::from_millis(left)), Fails(Ambiguous)];
    check(OTHER, &[&late(100)[..], &[Keys("a")]].concat(), "list, delete, list", "deleted");
    check(OTHER, &late(0), "list, delete", "outcome_unknown (server) after 1");
    let late = [Keys("a b"), until(Duration::ZERO), Replaced];
    check(OTHER, &late, "list, delete", "timeout after 1");
}

#[test]
fn a_cancelled_operation_is_ambiguous_after_the_first_request() {
    check(OTHER, &[Cancel], "list", "cancelled after 0");
    check(OTHER, &[Keys("a b"), Cancel], "list, delete", "outcome_unknown (cancelled) after 1");
}
