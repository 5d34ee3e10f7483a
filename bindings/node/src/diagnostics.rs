//! Formats the attempts of a call as JSON. An attempt is one HTTP request of the call. `node/src/diagnostics.ts`
//! publishes the attempts. A call records its attempts only if JavaScript started the call with `observed` set to true.

use codat_keys_bindings::Line;
use serde::Serialize;

use crate::responses::text;

/// An HTTP request that ended. `status` is set if Codat responded. `code` and `sent` are set if the request failed.
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

/// Returns the attempt that a log record describes, as JSON. Returns `None` for a log record that does not report the
/// end of an attempt.
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
