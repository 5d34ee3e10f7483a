//! The probes. Each probe sends requests, and compares the responses with some of the rows of `docs/fidelity.md`.

mod idempotency;
mod keys;
mod reads;
mod responses;

use codat_keys::Response;

use super::findings::Findings;
use super::rows::Probe;
use super::seen::describe;
use super::session::{Session, Stop};

/// Runs a probe. If some rows of the probe may not have been tried, returns the reason.
pub(super) async fn run(
    probe: Probe,
    session: &mut Session,
    findings: &mut Findings,
) -> Result<Option<&'static str>, Stop> {
    match probe {
        Probe::Authentication => reads::authentication(session, findings).await,
        Probe::Paths => reads::paths(session, findings).await,
        Probe::Profile => reads::profile(session, findings).await,
        Probe::Pages => reads::pages(session, findings).await,
        Probe::Create => keys::create(session, findings).await,
        Probe::Idempotency => idempotency::idempotency(session, findings).await,
        Probe::BadRequests => keys::bad_requests(session, findings).await,
        Probe::Duplicate => keys::duplicate(session, findings).await,
        Probe::Delete => keys::delete(session, findings).await,
        Probe::Responses => {
            responses::responses(session, findings);
            Ok(None)
        }
    }
}

/// The reason why some rows are not tried: the requests for these rows could create a third key.
const NO_MORE_KEYS: &str = "two keys have been created";
const NO_KEY: &str = "no key could be created";

/// Adds the observation whether a response has the expected status. `what` names the request.
fn expect(findings: &mut Findings, row: &'static str, response: &Response, status: u16, what: &str) {
    findings.add(row, response.status().as_u16() == status, format!("{what}: {}", describe(response)));
}
