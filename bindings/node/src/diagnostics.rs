//! The attempts of calls, for `node/src/diagnostics.ts`. A call records its attempts only if JavaScript observes the
//! call.

use codat_keys_bindings::Line;
use serde::Serialize;

use crate::responses::text;

/// An attempt that ended: with a response, which has a status, or with an error, which has a code.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Attempt<'a> {
    method: &'a str,
    path: &'a str,
    attempt: u32,
    /// In milliseconds.
    duration: u64,
    status: Option<u64>,
    correlation_id: Option<&'a str>,
    code: Option<&'a str>,
    sent: Option<bool>,
}

/// Returns the attempt as JSON. Returns `None` for a record that is not the end of an attempt.
pub(crate) fn attempt(line: &Line) -> Option<String> {
    line.milliseconds.map(|duration| {
        text(&Attempt {
            method: &line.method,
            path: &line.path,
            attempt: line.attempt,
            duration,
            status: line.status,
            correlation_id: line.correlation_id.as_deref(),
            code: line.code.as_deref(),
            sent: line.sent,
        })
    })
}
