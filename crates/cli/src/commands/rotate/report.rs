//! The texts about a rotation: its plan, its events and its report.

use codat_keys_rotate::{Plan, Report, RotationEvent, SinkContent, SinkProgress, SinkRecord, State, Status};

/// Returns the line to print for an event. Returns `None` if no line is printed for the event.
pub(super) fn event_text(event: &RotationEvent) -> Option<String> {
    Some(match event {
        RotationEvent::Created { id, name } => format!("created the new key {id} ({name})"),
        RotationEvent::Probed => "the new key works".into(),
        RotationEvent::Delivered { sink } => format!("delivered to {sink}"),
        RotationEvent::Confirmed { sink } => format!("confirmed: {sink}"),
        RotationEvent::Restored { sink } => format!("restored the old key in {sink}"),
        RotationEvent::LeftAlone { sink } => format!("left {sink} as it is: it shows neither the old nor the new key"),
        RotationEvent::Deleted { id } => format!("deleted the key {id}"),
        RotationEvent::Retrying { error, wait } => format!("{error}; trying again in {} s", wait.as_secs()),
        RotationEvent::Waiting { until } => format!("the old key is deleted at {until}"),
        RotationEvent::State { state: State::Rollback } => "rolling back".into(),
        _ => return None,
    })
}

/// Returns what a rotation did, one fact a line: the keys that work, the sinks, and the deleted keys.
/// If `is_checked` is false, keys or sinks can have changed since the latest entry of the journal. The lines then say
/// that they are as last known.
pub(super) fn facts(report: &Report, is_checked: bool) -> Vec<String> {
    let when = if is_checked || report.state.is_final() { "" } else { "as last known, " };
    let mut facts: Vec<String> = working(report).map(|fact| format!("{when}{fact}")).into_iter().collect();
    let sinks = |what: &str, progress: &[SinkProgress]| {
        let found = report.sinks.iter().filter(|sink| progress.contains(&sink.progress));
        let found: Vec<&str> = found.map(|sink| sink.sink.as_str()).collect();
        (!found.is_empty()).then(|| format!("{when}{what}{}", found.join(", ")))
    };
    let found = [
        sinks("with the new key: ", &[SinkProgress::Written, SinkProgress::Confirmed]),
        sinks("with the old or the new key: ", &[SinkProgress::Writing]),
        sinks("with the old key again: ", &[SinkProgress::Restored]),
        sinks("with neither the old nor the new key, and left as it is: ", &[SinkProgress::LeftAlone]),
        (!report.deleted.is_empty()).then(|| format!("deleted: {}", report.deleted.join(", "))),
    ];
    facts.extend(found.into_iter().flatten());
    if report.may_appear_later {
        let name = report.name.as_deref().unwrap_or_default();
        let what = format!("a key named {name} may still appear");
        facts.push(format!("{what}: list the keys in a few minutes, and delete it"));
    }
    facts
}

/// Returns which keys work.
fn working(report: &Report) -> Option<String> {
    let old = (!report.old_key.is_empty()).then_some(report.old_key.as_str());
    let is_deleted = |id: &str| report.deleted.iter().any(|deleted| deleted == id);
    let new = report.new_key.as_deref().map(|id| format!("{id} ({})", report.name.as_deref().unwrap_or("no name")));
    Some(match (report.state, old, new) {
        (State::Done, Some(old), Some(new)) if is_deleted(old) => {
            format!("the new key {new} works; the old key {old} is deleted")
        }
        (State::Done, Some(old), Some(new)) => {
            format!("the new key {new} works; Codat does not list the old key {old} any more")
        }
        (State::Retire, Some(old), Some(new)) if !is_deleted(old) => {
            format!("the new key {new} works; the deletion of the old key {old} has begun")
        }
        (State::Create, Some(old), None) => {
            let name = report.name.as_deref().unwrap_or("no name");
            format!("the old key {old} works; a new key named {name} may exist")
        }
        (State::Grace, Some(old), Some(new)) => format!("both keys work: the old key {old} and the new key {new}"),
        (State::Rollback, Some(old), Some(new)) => {
            format!("the old key {old} works; the rollback has not deleted the new key {new} yet")
        }
        (_, Some(old), Some(new)) => format!("the old key {old} works; the new key {new} exists"),
        (_, Some(old), None) if report.may_appear_later => {
            format!("the old key {old} works, and Codat lists no new key")
        }
        (_, Some(old), None) => format!("the old key {old} works, and there is no new key"),
        (_, None, _) => return None,
    })
}

/// Whether the outcome of the last request of an interrupted rotation is unknown. This request may have created or
/// deleted a key.
pub(super) fn is_outcome_unknown(report: &Report) -> bool {
    let is_restored = |sink: &SinkRecord| {
        !matches!(sink.progress, SinkProgress::Writing | SinkProgress::Written | SinkProgress::Confirmed)
    };
    match report.state {
        State::Create => report.new_key.is_none(),
        State::DeleteFirst => true,
        State::Retire => !report.deleted.contains(&report.old_key),
        // The new key is deleted after all sinks are restored.
        State::Rollback => report.sinks.iter().all(is_restored),
        _ => false,
    }
}

/// Returns the first line about a report.
pub(super) fn headline(report: &Report) -> &'static str {
    match report.state {
        State::Done => "the rotation is complete",
        State::Aborted => "the rotation ended without a new key",
        State::Grace if report.grace_until.is_none() => "the rotation waits for `rotate finish`",
        State::Grace => "the rotation waits until it deletes the old key",
        State::Preflight => "the rotation has changed nothing yet",
        _ => "the rotation is not finished",
    }
}

/// Returns the subcommand that continues a rotation, such as `resume`. Returns `None` if the rotation has ended.
pub(super) fn next(report: &Report) -> Option<&'static str> {
    match report.state {
        State::Preflight | State::Done | State::Aborted => None,
        State::Grace if report.grace_until.is_none() => Some("finish"),
        State::Rollback if report.sinks.iter().any(|sink| sink.to_be_checked) => Some("abort"),
        _ => Some("resume"),
    }
}

pub(super) fn status_lines(status: &Status) -> Vec<String> {
    let report = &status.report;
    let mut lines = vec![format!("{} (state: {})", headline(report), report.state.code())];
    lines.extend(facts(report, false));
    lines.extend(report.reason.iter().map(|reason| format!("reason: {reason}")));
    lines.push(format!("started {}, last step {}", status.started, status.updated));
    if let (Some(holder), Some(until)) = (&status.holder, status.held_until) {
        lines.push(format!("the process {holder} runs the rotation until {until}"));
    }
    lines
}

pub(super) fn plan_lines(plan: &Plan) -> Vec<String> {
    let mut lines = vec![format!("the key {} would be replaced with a new key named {}", plan.old_key, plan.name)];
    lines.push(format!("{} of at most 10 keys exist", plan.keys));
    lines.extend(plan.delete_first.iter().map(|id| format!("the key {id} would be deleted first")));
    for sink in &plan.sinks {
        let content = match &sink.content {
            SinkContent::Unreadable => "cannot be read back; your command confirms the delivery".into(),
            SinkContent::Nothing => "is empty".into(),
            SinkContent::Key(id) if *id == plan.old_key => "has the old key".into(),
            SinkContent::Key(id) => format!("has the key {id}, and would be overwritten"),
            SinkContent::KeysInText(ids) => {
                format!("has the key {} in another form, and would be overwritten", ids.join(" and the key "))
            }
            _ => "has other content, and would be overwritten".into(),
        };
        lines.push(format!("{} {content}", sink.sink));
    }
    lines.push("nothing was changed".into());
    lines
}
