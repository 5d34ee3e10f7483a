//! The rows of `docs/fidelity.md`, and the probe that tries each row. Each row describes a behaviour of the emulator. A
//! probe tries a row if it compares responses of the API with the row.

use Treatment::{NotTried, TriedBy};

/// How the command treats a row.
pub(super) enum Treatment {
    /// The probe tries the row.
    TriedBy(Probe),
    /// No probe tries the row, for this reason.
    NotTried(&'static str),
}

/// A group of requests whose responses are compared with some rows of `docs/fidelity.md`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Probe {
    Authentication,
    Paths,
    Profile,
    Pages,
    Create,
    Idempotency,
    BadRequests,
    Duplicate,
    Delete,
    /// Sends no request. Examines the responses to the other probes.
    Responses,
}

impl Probe {
    /// All probes, in the order in which they run.
    pub(super) const ALL: [Probe; 10] = [
        Probe::Authentication,
        Probe::Paths,
        Probe::Profile,
        Probe::Pages,
        Probe::Create,
        Probe::Idempotency,
        Probe::BadRequests,
        Probe::Duplicate,
        Probe::Delete,
        Probe::Responses,
    ];
}

const EMULATOR_ONLY: &str = "concerns only the emulator";
const FULL_ACCOUNT: &str = "needs ten keys";
const ONE_KEY: &str = "needs an account with one key, which could lose it";
const QUOTA: &str = "needs a quota that is used up";
const NAMELESS: &str = "would create a key that has no tagged name";
const RUNNING: &str = "needs a request that is still running";
const CONFIDENTIAL: &str = "needs the data of a company";

/// All rows of `docs/fidelity.md`, in the order of that file.
#[rustfmt::skip] // One row per line.
pub(super) static ROWS: &[(&str, Treatment)] = &[
    ("authorization", TriedBy(Probe::Authentication)),
    ("authorization-scheme", TriedBy(Probe::Authentication)),
    ("host", NotTried(EMULATOR_ONLY)),
    ("origin", NotTried(EMULATOR_ONLY)),
    ("wrong-key", TriedBy(Probe::Authentication)),
    ("authentication-first", TriedBy(Probe::Authentication)),
    ("new-key", TriedBy(Probe::Create)),
    ("deleted-key", TriedBy(Probe::Delete)),
    ("first-key", NotTried("needs a new account")),
    ("list", TriedBy(Probe::Create)),
    ("list-order", TriedBy(Probe::Create)),
    ("create", TriedBy(Probe::Create)),
    ("key-form", TriedBy(Probe::Create)),
    ("key-id", TriedBy(Probe::Create)),
    ("created-date", TriedBy(Probe::Create)),
    ("key-limit", NotTried(FULL_ACCOUNT)),
    ("key-limit-body", NotTried(FULL_ACCOUNT)),
    ("name-length", TriedBy(Probe::BadRequests)),
    ("name-units", TriedBy(Probe::BadRequests)),
    ("name-before-limit", NotTried(FULL_ACCOUNT)),
    ("nameless", NotTried(NAMELESS)),
    ("empty-name", NotTried(NAMELESS)),
    ("duplicate-names", TriedBy(Probe::Duplicate)),
    ("create-body", TriedBy(Probe::BadRequests)),
    ("body-size", NotTried(EMULATOR_ONLY)),
    ("idempotency", TriedBy(Probe::Idempotency)),
    ("idempotency-create", TriedBy(Probe::Idempotency)),
    ("idempotency-methods", TriedBy(Probe::Idempotency)),
    ("idempotency-running", NotTried(RUNNING)),
    ("idempotency-body", TriedBy(Probe::Idempotency)),
    ("idempotency-body-bytes", TriedBy(Probe::Idempotency)),
    ("idempotency-order", NotTried(RUNNING)),
    ("idempotency-first-stays", TriedBy(Probe::Idempotency)),
    ("idempotency-429", NotTried(QUOTA)),
    ("idempotency-429-running", NotTried(QUOTA)),
    ("idempotency-limit", NotTried(FULL_ACCOUNT)),
    ("idempotency-correlation-id", TriedBy(Probe::BadRequests)),
    ("idempotency-authentication", TriedBy(Probe::Idempotency)),
    ("idempotency-client", TriedBy(Probe::Idempotency)),
    ("idempotency-form", TriedBy(Probe::BadRequests)),
    ("idempotency-unread", NotTried(EMULATOR_ONLY)),
    ("idempotency-memory", NotTried(EMULATOR_ONLY)),
    ("delete", TriedBy(Probe::Delete)),
    ("delete-unknown", TriedBy(Probe::Delete)),
    ("delete-self", TriedBy(Probe::Delete)),
    ("last-key", NotTried(ONE_KEY)),
    ("last-key-answer", NotTried(ONE_KEY)),
    ("profile", TriedBy(Probe::Profile)),
    ("profile-key", TriedBy(Probe::Profile)),
    ("companies", NotTried(EMULATOR_ONLY)),
    ("invoices", NotTried(CONFIDENTIAL)),
    ("invoices-data", NotTried(EMULATOR_ONLY)),
    ("paging", TriedBy(Probe::Pages)),
    ("page-size", TriedBy(Probe::Pages)),
    ("paging-errors", TriedBy(Probe::Pages)),
    ("page-beyond", TriedBy(Probe::Pages)),
    ("links", TriedBy(Probe::Pages)),
    ("query", TriedBy(Probe::Pages)),
    ("order-by", TriedBy(Probe::Pages)),
    ("error-body", TriedBy(Probe::Responses)),
    ("error-validation", TriedBy(Probe::Responses)),
    ("error-retry", TriedBy(Probe::Responses)),
    ("correlation-id", TriedBy(Probe::Responses)),
    ("unknown-path", TriedBy(Probe::Paths)),
    ("other-method", TriedBy(Probe::Paths)),
    ("allow", TriedBy(Probe::Paths)),
    ("head", TriedBy(Probe::Paths)),
    ("quota", TriedBy(Probe::Responses)),
    ("quota-count", TriedBy(Probe::Responses)),
    ("rate-limit-headers", TriedBy(Probe::Responses)),
    ("rate-limit-reset", TriedBy(Probe::Responses)),
    ("quota-enforced", NotTried(QUOTA)),
    ("retry-after", NotTried(QUOTA)),
    ("quota-open", NotTried(EMULATOR_ONLY)),
];

#[cfg(test)]
mod tests {
    use codat_keys_emulator::BEHAVIOURS;

    use super::*;

    #[test]
    fn the_rows_are_those_of_the_emulator_in_their_order() {
        let rows: Vec<&str> = ROWS.iter().map(|(row, _)| *row).collect();
        let behaviours: Vec<&str> = BEHAVIOURS.iter().map(|behaviour| behaviour.name).collect();
        assert_eq!(rows, behaviours, "treat each row of behaviours.rs in rows.rs, in the same order");
    }
}
