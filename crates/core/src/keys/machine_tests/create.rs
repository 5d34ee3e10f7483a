use std::time::Duration;

use super::{TIME_TO_SEND, TIMEOUT, TestClock, ids, key, keys, since, summary};
use crate::domain::KeyName;
use crate::error::{Error, ErrorKind};
use crate::keys::Creation;
use crate::keys::state_machines::create::{Action, AttemptOutcome, Event};
use crate::keys::state_machines::{self, CreateMachine};

use AttemptOutcome::{AtLimit, Invalid, Lost, Mismatch, NotSent, RateLimited, Refused, StillRunning};
use On::{Cancel, Fails, FailsWith, Key, Keys, Takes, Unlisted, Waits};

const MINUTE: Duration = Duration::from_secs(60);

/// An event in the script of a test.
#[derive(Clone, Copy)]
enum On {
    /// Codat responds to a list request with these keys, separated by spaces. The function `key` parses each of them.
    Keys(&'static str),
    Unlisted,
    /// Codat responds to the create request with this key. The function `key` parses the text.
    Key(&'static str),
    Fails(AttemptOutcome),
    /// Codat responds with 503 and this correlation id.
    FailsWith(&'static str),
    /// Codat responds with 429 and this number of seconds in `Retry-After`.
    Waits(u64),
    /// Time passes before the next event.
    Takes(Duration),
    Cancel,
}

struct Case {
    adopt: bool,
    resumed: bool,
    /// The age of the idempotency key at the start of the operation, in seconds.
    age: i64,
}

const NEW: Case = Case { adopt: false, resumed: false, age: 0 };
const ADOPTING: Case = Case { adopt: true, ..NEW };
const RESUMED: Case = Case { resumed: true, ..NEW };

fn until(left: Duration) -> On {
    Takes(TIMEOUT - left)
}

fn kind(outcome: AttemptOutcome) -> ErrorKind {
    match outcome {
        NotSent => ErrorKind::Connect,
        Lost | AttemptOutcome::Failed => ErrorKind::Server,
        RateLimited => ErrorKind::RateLimited,
        AtLimit => ErrorKind::KeyLimitReached,
        Refused => ErrorKind::Forbidden,
        StillRunning | Invalid | Mismatch => ErrorKind::InvalidInput,
    }
}

impl Case {
    /// Runs the state machine with these events. Returns its actions and its result as text.
    fn run(&self, events: &[On]) -> (String, String) {
        let mut clock = TestClock::new(since() + jiff::SignedDuration::from_secs(self.age));
        let time = uuid::Timestamp::from_unix(uuid::NoContext, since().as_second().try_into().unwrap(), 0);
        let idempotency_key = uuid::Uuid::new_v7(time).to_string();
        let name = KeyName::parse("ci").unwrap();
        let machine =
            state_machines::create_machine(clock.operation(), &name, &idempotency_key, self.adopt, self.resumed);
        let (mut machine, mut actions, mut events) = (machine.unwrap(), Vec::new(), events.iter());
        let result = loop {
            match machine.next(clock.now()) {
                Action::List(purpose) => actions.push(format!("list {purpose:?}")),
                Action::Post => actions.push("post".into()),
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
        (actions.join(", "), described(result, &idempotency_key))
    }
}

/// Passes the next event to the state machine. If the event cancels the operation, returns the result of the operation.
fn pass_event<'a>(
    machine: &mut CreateMachine,
    clock: &mut TestClock,
    events: &mut impl Iterator<Item = &'a On>,
) -> Option<Result<Creation, Error>> {
    let error = state_machines::error;
    match *events.next().expect("the machine has ended") {
        Keys(texts) => machine.on_event(Event::Listed(&keys(texts))),
        Unlisted => machine.on_event(Event::ListFailed(error(ErrorKind::Unauthorized, None, None))),
        Key(text) => machine.on_event(Event::Created(key(text))),
        Fails(outcome) => machine.on_event(Event::Failed(outcome, error(kind(outcome), None, None))),
        FailsWith(id) => {
            let error = error(ErrorKind::Server, Some(id.into()), None);
            machine.on_event(Event::Failed(AttemptOutcome::Failed, error));
        }
        Waits(seconds) => {
            let error = error(ErrorKind::RateLimited, None, Some(Duration::from_secs(seconds)));
            machine.on_event(Event::Failed(RateLimited, error));
        }
        Takes(time) => {
            clock.elapsed += time;
            return pass_event(machine, clock, events);
        }
        Cancel => return Some(machine.cancel(clock.now())),
    }
    None
}

fn described(result: Result<Creation, Error>, idempotency_key: &str) -> String {
    let error = match result {
        Ok(made) => return format!("{} {}, extras {}", made.how.code(), made.key.id, ids(made.extras.as_deref())),
        Err(error) => error,
    };
    let Some(outcome) = error.outcome() else { return summary(&error) };
    assert_eq!(outcome.idempotency_key.as_deref(), Some(idempotency_key));
    let resume = if error.hint().contains(idempotency_key) { ", resume" } else { "" };
    let nothing = if error.to_string().contains("most likely nothing was made") { ", likely nothing" } else { "" };
    format!("{}, candidates {}{resume}{nothing}", summary(&error), ids(outcome.candidates.as_deref()))
}

#[track_caller]
fn check(case: &Case, events: &[On], actions: &str, result: &str) {
    let (actual_actions, actual) = case.run(events);
    assert_eq!((actual_actions.as_str(), actual.as_str()), (actions, result));
}

/// Lets the first attempt end without a response, and then passes `events` to the state machine. Checks the result, and
/// the actions after the first attempt.
#[track_caller]
fn after_a_loss(case: &Case, events: &[On], actions: &str, result: &str) {
    let events = [&[Keys("a"), Fails(Lost)], events].concat();
    check(case, &events, &format!("list Before, post, wait 125, {actions}"), result);
}

#[test]
fn a_key_is_created_after_a_listing() {
    check(&NEW, &[Keys("a"), Key("b")], "list Before, post", "created b, extras []");
    check(&NEW, &[Unlisted], "list Before", "unauthorized after 0");
    check(&NEW, &[Keys("0 1 2 3 4 5 6 7 8"), Key("b")], "list Before, post", "created b, extras []");
    check(&NEW, &[Keys("0 1 2 3 4 5 6 7 8 9")], "list Before", "key_limit_reached after 0");
}

#[test]
fn an_attempt_without_effect_is_repeated_and_keeps_the_outcome_certain() {
    let created = "created b, extras []";
    check(&NEW, &[Keys("a"), Fails(NotSent), Key("b")], "list Before, post, wait 125, post", created);
    check(&NEW, &[Keys("a"), Fails(RateLimited), Key("b")], "list Before, post, wait 125, post", created);
    check(&NEW, &[Keys("a"), Waits(7), Key("b")], "list Before, post, wait 7000, post", created);
    let four = "list Before, post, wait 125, post, wait 250, post, wait 500, post";
    check(&NEW, &[&[Keys("a")][..], &[Fails(NotSent); 4]].concat(), four, "connect after 4");
    for (outcome, kind) in [(AtLimit, "key_limit_reached"), (Invalid, "invalid_input"), (Refused, "forbidden")] {
        check(&NEW, &[Keys("a"), Fails(outcome)], "list Before, post", &format!("{kind} after 1"));
    }
}

#[test]
fn a_lost_attempt_is_repeated_and_a_listing_shows_the_extra_keys() {
    after_a_loss(&NEW, &[Key("b"), Keys("a b c d=other")], "post, list Extras", "replayed b, extras [c]");
    after_a_loss(&NEW, &[Key("b"), Unlisted], "post, list Extras", "replayed b, extras not listed");
    after_a_loss(&NEW, &[Key("b"), Cancel], "post, list Extras", "replayed b, extras not listed");
    let (four, unknown) = ("post, wait 250, post, wait 500, post, list Candidates", "outcome_unknown (server) after 4");
    // New keys are recognized by their ids, because the first listing is known.
    let events = [&[Fails(Lost); 3][..], &[Keys("a b@-1000 c=other")]].concat();
    after_a_loss(&ADOPTING, &events, four, &format!("{unknown}, candidates [b], resume"));
    let events = [&[Fails(Lost); 3][..], &[Unlisted]].concat();
    after_a_loss(&NEW, &events, four, &format!("{unknown}, candidates not listed, resume"));
}

#[test]
fn a_response_with_another_key_counts_as_lost() {
    for other in ["a", "z=other"] {
        let events = [Keys("a"), Key(other), Key("b"), Keys("a b")];
        check(&NEW, &events, "list Before, post, wait 125, post, list Extras", "replayed b, extras []");
    }
    let error = NEW.run(&[Keys("a"), Key("a"), Cancel]).1;
    assert_eq!(error, "outcome_unknown (cancelled) after 2, candidates not listed, resume");
    // The API may trim the name.
    check(&NEW, &[Keys("a"), Key("b= ci ")], "list Before, post", "created b, extras []");
}

#[test]
fn a_conclusive_response_ends_the_retries() {
    after_a_loss(&NEW, &[Fails(Invalid)], "post", "invalid_input after 2");
    after_a_loss(&NEW, &[Fails(AtLimit)], "post", "key_limit_reached after 2");
    let unknown = "outcome_unknown (forbidden) after 2, candidates [b], resume";
    after_a_loss(&ADOPTING, &[Fails(Refused), Keys("a b")], "post, list Candidates", unknown);
    let spent = "outcome_unknown (invalid_input) after 1, candidates [b]";
    check(&ADOPTING, &[Keys("a"), Fails(Mismatch), Keys("a b")], "list Before, post, list Candidates", spent);
}

#[test]
fn a_429_after_an_ambiguous_attempt_requires_a_listing() {
    let listed = "post, wait 250, list Released";
    let events = [Fails(RateLimited), Keys("a"), Key("b"), Keys("a b")];
    after_a_loss(&NEW, &events, &format!("{listed}, post, list Extras"), "replayed b, extras []");
    let unknown = "outcome_unknown (rate_limited) after 2, candidates";
    after_a_loss(&NEW, &[Fails(RateLimited), Keys("a b")], listed, &format!("{unknown} [b], resume"));
    after_a_loss(&ADOPTING, &[Fails(RateLimited), Keys("a b")], listed, "adopted b, extras []");
    after_a_loss(&ADOPTING, &[Fails(RateLimited), Keys("a b c")], listed, &format!("{unknown} [b c], resume"));
    after_a_loss(&ADOPTING, &[Fails(RateLimited), Unlisted], listed, &format!("{unknown} not listed, resume"));
    // A listing before an attempt does not show the outcome of the attempt.
    let unknown = "outcome_unknown (cancelled) after 3, candidates not listed, resume";
    after_a_loss(&NEW, &[Fails(RateLimited), Keys("a"), Cancel], &format!("{listed}, post"), unknown);
}

#[test]
fn the_key_limit_is_inconclusive_if_an_earlier_request_may_have_created_a_key() {
    let listed = "post, wait 250, list Released, post, list AtLimit";
    let until_limit = [Fails(RateLimited), Keys("a"), Fails(AtLimit)];
    let unknown = "outcome_unknown (key_limit_reached) after 3, candidates [], resume";
    after_a_loss(&ADOPTING, &[&until_limit[..], &[Keys("a")]].concat(), listed, unknown);
    after_a_loss(&ADOPTING, &[&until_limit[..], &[Keys("a b")]].concat(), listed, "adopted b, extras []");
    let unknown = "outcome_unknown (key_limit_reached) after 1, candidates [b], resume";
    check(&RESUMED, &[Fails(AtLimit), Keys("b")], "post, list AtLimit", unknown);
}

#[test]
fn a_running_attempt_is_waited_for_and_does_not_count() {
    let running = [Fails(StillRunning); 5];
    let events = [&running[..], &[Fails(Lost), Key("b"), Keys("a b")]].concat();
    let waits = "post, wait 3000, ".repeat(5);
    after_a_loss(&NEW, &events, &format!("{waits}post, wait 250, post, list Extras"), "replayed b, extras []");
    // The wait leaves time for the final listing.
    let left = |left: u64| [Keys("a"), until(Duration::from_millis(left)), Fails(StillRunning)];
    let unknown = "outcome_unknown (invalid_input) after 1, candidates [b], resume";
    check(&NEW, &[&left(5_000)[..], &[Keys("a b")]].concat(), "list Before, post, list Candidates", unknown);
    let events = [&left(5_001)[..], &[Key("b"), Keys("b")]].concat();
    check(&NEW, &events, "list Before, post, wait 3000, post, list Extras", "replayed b, extras []");
}

#[test]
fn a_replayed_failure_is_final_and_two_listings_look_for_the_key() {
    let twice = [Keys("a"), FailsWith("x"), FailsWith("x")];
    let then = |rest: &[On]| [&twice[..], rest].concat();
    let once = "list Before, post, wait 125, post, list Failed";
    let again = "list Before, post, wait 125, post, list Failed, wait 2000, list FailedAgain";
    let unknown = "outcome_unknown (server) after 2, candidates";
    check(&NEW, &then(&[Keys("a b")]), once, &format!("{unknown} [b]"));
    check(&NEW, &then(&[Keys("a"), Keys("a b")]), again, &format!("{unknown} [b]"));
    check(&NEW, &then(&[Keys("a"), Keys("a")]), again, &format!("{unknown} [], likely nothing"));
    check(&ADOPTING, &then(&[Keys("a b")]), once, "adopted b, extras []");
    check(&ADOPTING, &then(&[Keys("a"), Keys("a b")]), again, "adopted b, extras []");
    check(&ADOPTING, &then(&[Keys("a b@-301")]), once, &format!("{unknown} [b]"));
    check(&ADOPTING, &then(&[Keys("a b@-300")]), once, "adopted b, extras []");
    let replayed = "replayed b, extras []";
    for events in [[FailsWith("x"), FailsWith("y")], [Fails(AttemptOutcome::Failed); 2]] {
        let events = [&[Keys("a")], &events[..], &[Key("b"), Keys("a b")]].concat();
        check(&NEW, &events, "list Before, post, wait 125, post, wait 250, post, list Extras", replayed);
    }
    // The second listing requires that time remains after the wait.
    let late = |left: u64| [Keys("a"), FailsWith("x"), Takes(TIMEOUT - Duration::from_millis(125 + left))];
    let late = |left: u64, rest: &[On]| [&late(left)[..], &[FailsWith("x"), Keys("a")], rest].concat();
    check(&NEW, &late(2_000, &[]), once, &format!("{unknown} []"));
    check(&NEW, &late(2_001, &[Keys("a")]), again, &format!("{unknown} [], likely nothing"));
}

#[test]
fn a_resumed_operation_recognizes_new_keys_by_their_dates() {
    check(&RESUMED, &[Key("b"), Keys("b c@-300 d@-301 e=other")], "post, list Extras", "replayed b, extras [c]");
    check(&RESUMED, &[Fails(Invalid)], "post", "invalid_input after 1");
    let unknown = "outcome_unknown (cancelled) after 1, candidates not listed, resume";
    assert_eq!(RESUMED.run(&[Cancel]).1, unknown);
}

#[test]
fn an_old_idempotency_key_is_not_sent() {
    for age in [85 * 60, 90 * 60, -301] {
        let unknown = "outcome_unknown (invalid_input) after 0, candidates [b]";
        check(&Case { age, ..RESUMED }, &[Keys("b")], "list Candidates", unknown);
        check(&Case { age, ..NEW }, &[Keys("a")], "list Before", "invalid_input after 0");
    }
    for age in [85 * 60 - 1, -300] {
        check(&Case { age, ..NEW }, &[Keys("a"), Key("b")], "list Before, post", "created b, extras []");
    }
    // The idempotency key becomes too old during the call.
    let case = Case { age: 85 * 60 - 1, ..NEW };
    let events = [Keys("a"), Takes(MINUTE / 60), Fails(Lost), Keys("a b")];
    let unknown = "outcome_unknown (server) after 1, candidates [b]";
    check(&case, &events, "list Before, post, wait 125, list Candidates", unknown);
}

#[test]
fn an_operation_ends_at_its_deadline() {
    let just_under = |time: Duration| time - Duration::from_nanos(1);
    check(&NEW, &[until(TIME_TO_SEND), Keys("a"), Key("b")], "list Before, post", "created b, extras []");
    check(&NEW, &[until(just_under(TIME_TO_SEND)), Keys("a")], "list Before", "timeout after 0");
    let late = [Keys("a"), until(Duration::from_millis(100)), Fails(Lost)];
    let unknown = "outcome_unknown (server) after 1, candidates";
    let events = [&late[..], &[Keys("a b")]].concat();
    check(&NEW, &events, "list Before, post, list Candidates", &format!("{unknown} [b], resume"));
    let events = [Keys("a"), until(Duration::ZERO), Fails(Lost)];
    check(&NEW, &events, "list Before, post", &format!("{unknown} not listed, resume"));
    let events = [until(Duration::ZERO), Fails(AtLimit)];
    let unknown = "outcome_unknown (key_limit_reached) after 1, candidates not listed, resume";
    check(&RESUMED, &events, "post", unknown);
}

#[test]
fn a_cancelled_operation_is_ambiguous_after_the_first_request() {
    check(&NEW, &[Cancel], "list Before", "cancelled after 0");
    let unknown = "outcome_unknown (cancelled) after 1, candidates not listed, resume";
    check(&NEW, &[Keys("a"), Cancel], "list Before, post", unknown);
}
