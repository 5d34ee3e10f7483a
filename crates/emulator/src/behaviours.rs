//! A table of the emulator's behaviours. Each entry states the evidence that Codat's API behaves in the same way.

use std::fmt::Write as _;

use Evidence::{Assumed, Contradicted, Documented};

/// A behaviour of the emulator, with the evidence for it.
///
/// ```
/// use codat_keys_emulator::BEHAVIOURS;
///
/// let limit = BEHAVIOURS.iter().find(|behaviour| behaviour.name == "key-limit").expect("there is one");
/// println!("{} ({:?}: {})", limit.what, limit.evidence, limit.source);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Behaviour {
    /// A unique short name of the behaviour.
    pub name: &'static str,
    /// A description of the behaviour.
    pub what: &'static str,
    /// The evidence that Codat's API behaves in the same way.
    pub evidence: Evidence,
    /// The source of the evidence: a page of docs.codat.io, an operation in Codat's OpenAPI description, or the reason
    /// for an assumption.
    pub source: &'static str,
}

/// The kind of evidence for a [`Behaviour`].
///
/// ```
/// use codat_keys_emulator::{BEHAVIOURS, Evidence};
///
/// for assumed in BEHAVIOURS.iter().filter(|behaviour| behaviour.evidence == Evidence::Assumed) {
///     println!("{}: {}", assumed.what, assumed.source);
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// Codat's documents describe the behaviour.
    Documented,
    /// Codat's documents contradict each other. The emulator follows the document that [`Behaviour::source`] names
    /// first.
    Contradicted,
    /// No document describes the behaviour, so the emulator follows an assumption.
    Assumed,
}

/// All behaviours of the emulator that a client can observe.
#[rustfmt::skip] // One behaviour per line.
pub static BEHAVIOURS: &[Behaviour] = &[
    row("authorization", Contradicted, "The header consists of `Basic` and the padded Base64 of the key alone. The Base64 of `key:` and a raw key after `Basic` get 401.", "using-the-api/authentication; the OpenAPI operations on keys do not mention the encoding"),
    row("authorization-scheme", Assumed, "The case of the scheme `Basic` is ignored.", "RFC 9110 section 11.1"),
    row("host", Assumed, "A request whose `Host` is not a loopback name, the address that the emulator listens on, or a name of `--allow-host` gets 421. It is not in the journal.", "the emulator's protection against web pages (DNS rebinding)"),
    row("origin", Assumed, "A request from another origin, according to its `Origin` or `Sec-Fetch-Site`, gets 403. It is not in the journal.", "the emulator's protection against web pages"),
    row("wrong-key", Documented, "A request with an unknown key or without a key gets 401 `Unauthorized`.", "using-the-api/errors; OpenAPI response Unauthorized"),
    row("authentication-first", Assumed, "The key is checked before the quota, the path, the method and the body.", "no document specifies an order"),
    row("new-key", Assumed, "A new key is valid immediately.", "no document specifies a delay"),
    row("deleted-key", Contradicted, "A deleted key gets 401.", "using-the-api/errors, 401: an incorrect key; the same page, 403: an outdated key"),
    row("first-key", Documented, "The account starts with one key, which has no name.", "using-the-api/authentication"),
    row("list", Documented, "`GET /apiKeys` returns 200 with all keys in `results`, unmasked and without pagination.", "OpenAPI list-api-keys"),
    row("list-order", Assumed, "Keys are listed from the oldest to the newest.", "the OpenAPI example of list-api-keys is in that order"),
    row("create", Documented, "`POST /apiKeys` returns 201 with the new key, unmasked.", "OpenAPI create-api-key"),
    row("key-form", Assumed, "A generated key is 40 ASCII letters and digits.", "the OpenAPI examples; no document specifies the form"),
    row("key-id", Documented, "The id of a key is a UUID with dashes.", "OpenAPI schema ApiKeyDetails, its example"),
    row("created-date", Contradicted, "`createdDate` is UTC with whole seconds and `Z`; a key without a date has no such field.", "the OpenAPI examples of list-api-keys; its description says that the date is null"),
    row("key-limit", Documented, "At most ten keys exist; creating another gets 409.", "using-the-api/authentication; OpenAPI create-api-key"),
    row("key-limit-body", Documented, "The body of the 409 for the key limit has `statusCode` 400.", "OpenAPI create-api-key, the example of its 409"),
    row("name-length", Documented, "A name longer than 50 characters gets 400.", "OpenAPI create-api-key; schema ApiKeyDetails"),
    row("name-units", Assumed, "The length of a name is counted in UTF-16 code units.", "as .NET counts"),
    row("name-before-limit", Assumed, "With ten keys, a name that is too long still gets 400.", "no document specifies an order"),
    row("nameless", Documented, "A request without a body, with `{}` or with a null name creates a key without a name. The key has no `name` field.", "OpenAPI create-api-key: the body is optional, the name nullable"),
    row("empty-name", Assumed, "An empty name is stored unchanged.", "no document forbids it"),
    row("duplicate-names", Assumed, "Several keys can have the same name.", "no document forbids it"),
    row("create-body", Assumed, "A body that is not a JSON object, or a name that is neither a string nor null, gets 400. Other fields and the `Content-Type` are ignored.", "using-the-api/errors, 400: a bad request"),
    row("body-size", Assumed, "A body larger than 1 MiB gets 413.", "the emulator's own limit"),
    row("idempotency", Documented, "The first response under an `Idempotency-Key` is stored for 90 minutes and replayed with the same status and body. This applies to successes, 400, 409, 422 and 5xx.", "using-the-api/write-data/idempotency"),
    row("idempotency-create", Assumed, "`POST /apiKeys` supports the header.", "using-the-api/write-data/idempotency applies to every POST; OpenAPI create-api-key does not mention it"),
    row("idempotency-methods", Documented, "With GET and DELETE the header has no effect.", "using-the-api/write-data/idempotency: POST and PATCH only"),
    row("idempotency-running", Documented, "While the first request is running, another request with the same idempotency key gets 409. The body has `statusCode` 409 and a text that begins with `Idempotency-Conflict`.", "using-the-api/write-data/idempotency; using-the-api/errors"),
    row("idempotency-body", Documented, "A request with the same idempotency key and another body gets 422.", "using-the-api/write-data/idempotency"),
    row("idempotency-body-bytes", Assumed, "Bodies are compared byte by byte.", "no document specifies it"),
    row("idempotency-order", Assumed, "While the first request is running, a request with another body also gets 409.", "no document specifies an order"),
    row("idempotency-first-stays", Assumed, "The 409 for a running request and the 422 for another body do not replace the first response.", "no document specifies it"),
    row("idempotency-429", Documented, "A 429 is not stored. It releases the idempotency key: the next request with this key is performed as a first request.", "using-the-api/write-data/idempotency"),
    row("idempotency-429-running", Assumed, "A 429 releases the idempotency key of a running request. The response of the running request is not stored. An already stored response is kept.", "no document specifies it"),
    row("idempotency-limit", Assumed, "The 409 of the key limit is replayed even after a key was deleted.", "using-the-api/write-data/idempotency makes no exception for it"),
    row("idempotency-correlation-id", Assumed, "A replay has the `correlationId` of the first response, but current rate-limit headers.", "no document specifies it"),
    row("idempotency-authentication", Assumed, "The API key and the quota are checked before the idempotency key. A replay requires a valid API key and counts as a request.", "no document specifies an order"),
    row("idempotency-client", Assumed, "Idempotency keys belong to the account: a request with any of its API keys gets the replay.", "no document specifies it"),
    row("idempotency-form", Assumed, "Any text is an idempotency key, not only a GUID. An empty header has no effect.", "using-the-api/write-data/idempotency requires a unique GUID, and does not specify other values"),
    row("idempotency-unread", Assumed, "A 413 and the 400 for an unreadable body are not stored.", "the emulator's own limit"),
    row("idempotency-memory", Assumed, "Idempotency keys are kept in memory only, and the latest 10,000 of them. A restart removes them.", "the emulator's own limit"),
    row("delete", Contradicted, "`DELETE /apiKeys/{id}` returns 204 with an empty body. It cannot be undone.", "OpenAPI delete-api-key, its description; its 204 refers to the response Too-Many-Requests"),
    row("delete-unknown", Documented, "An unknown id gets 404.", "OpenAPI delete-api-key"),
    row("delete-self", Documented, "A key can delete itself.", "OpenAPI delete-api-key"),
    row("last-key", Contradicted, "The last remaining key cannot be deleted, unless a setting allows it.", "using-the-api/authentication; OpenAPI delete-api-key says that it can"),
    row("last-key-answer", Assumed, "Deleting the last remaining key gets 409 `The last remaining API key cannot be deleted.`.", "no document specifies the response"),
    row("profile", Documented, "`GET /profile` returns 200 with at least `name` and `redirectUrl`.", "OpenAPI get-profile"),
    row("profile-key", Assumed, "The deprecated `apiKey` of the profile is the key of the request.", "OpenAPI schema Profile does not specify which key it is"),
    row("companies", Assumed, "Five companies exist, all active and connected, unless the state sets another number.", "the emulator's own default"),
    row("invoices", Documented, "`GET /companies/{companyId}/data/invoices` returns 200 with a page of the company's invoices.", "OpenAPI (Accounting) list-invoices"),
    row("invoices-data", Assumed, "Each company has the same 1,000 invoices of about 2 KB, unless the state sets another number. An unknown company gets 404.", "the emulator's own default; using-the-api/errors, 404: an unknown resource"),
    row("paging", Documented, "`page` counts from 1, `pageSize` is 100 by default; responses contain the paging fields and relative `_links`.", "using-the-api/paging; OpenAPI list-companies"),
    row("page-size", Contradicted, "`pageSize` is at most 5000.", "OpenAPI parameter pageSize; schema PagingInfo says 2000"),
    row("paging-errors", Assumed, "A `page` or `pageSize` that is out of range or not a number gets 400.", "using-the-api/errors, 400: a bad request"),
    row("page-beyond", Assumed, "A page after the last one is empty.", "no document specifies it"),
    row("links", Assumed, "`_links` contain all other parameters of the request.", "otherwise the next page would lose the filter"),
    row("query", Assumed, "`query` contains comparisons with `=`, `!=` or `~`, joined by `&&`. A comparison ignores the case of the value. The properties are `id`, `name` and `created` of companies, and `id`, `invoiceNumber`, `issueDate`, `modifiedDate` and `status` of invoices. Anything else gets 400.", "a subset of the language in OpenAPI list-companies"),
    row("order-by", Assumed, "`orderBy` takes one of the properties that `query` compares, in descending order after `-`; anything else gets 400.", "OpenAPI parameter orderBy, its example"),
    row("error-body", Documented, "An error is JSON with `statusCode`, `service`, `error`, `correlationId`, `validation`, `canBeRetried` and `detailedErrorCode`.", "using-the-api/errors; OpenAPI schema ErrorMessage"),
    row("error-validation", Contradicted, "`validation` is null.", "OpenAPI schema ErrorMessage; its examples omit the field"),
    row("error-retry", Documented, "`canBeRetried` is `Unknown` and `detailedErrorCode` 0.", "the OpenAPI examples of all errors"),
    row("correlation-id", Contradicted, "`correlationId` is 32 hexadecimal digits, new with every error that is not replayed.", "the OpenAPI examples; using-the-api/errors shows a GUID with dashes"),
    row("unknown-path", Assumed, "An unknown path gets 404 with an error body.", "using-the-api/errors, 404: an unknown resource"),
    row("other-method", Documented, "Another method on a known path gets 405.", "using-the-api/errors"),
    row("allow", Assumed, "A 405 lists the known methods in `Allow`.", "RFC 9110 section 15.5.6"),
    row("head", Assumed, "HEAD gets 405.", "no document mentions it"),
    row("quota", Documented, "The quota is 1,000 \u{d7} (1 + number of companies) requests a day. It is reset at 00:00 UTC.", "using-the-api/rate-limits"),
    row("quota-count", Assumed, "Every request with a valid key counts as one.", "no document specifies exceptions"),
    row("rate-limit-headers", Documented, "Every response has `X-Rate-Limit-Limit`, `X-Rate-Limit-Remaining` and `X-Rate-Limit-Reset`.", "using-the-api/rate-limits"),
    row("rate-limit-reset", Assumed, "`X-Rate-Limit-Reset` has the format of RFC 3339.", "using-the-api/rate-limits calls it a date"),
    row("quota-enforced", Documented, "If the quota is enforced, requests get 429 with `Retry-After` once it is used up, and have no effect.", "using-the-api/rate-limits; OpenAPI response Too-Many-Requests"),
    row("retry-after", Assumed, "`Retry-After` is the number of seconds until the quota is reset.", "using-the-api/rate-limits does not specify the form"),
    row("quota-open", Assumed, "If the quota is not enforced, requests beyond it succeed, with `X-Rate-Limit-Remaining: 0`.", "the emulator's own default, for long test runs"),
];

/// Behaviours of Codat's API that the emulator does not implement.
pub(crate) static NOT_EMULATED: &[&str] = &[
    "The limits on concurrent requests and on requests a minute.",
    "The statuses 402, 403, 500 and 503, which only faults return, and users with roles.",
    "All other operations, including `POST /companies` and `PUT /profile`.",
];

/// Returns [`BEHAVIOURS`] as plain text for a terminal.
pub fn behaviours_as_text() -> String {
    let mut text = String::from("What the emulator does, and the evidence that Codat does the same.\n");
    for behaviour in BEHAVIOURS {
        let (name, what, source) = (behaviour.name, behaviour.what.replace('`', ""), behaviour.source);
        // Writing to a String cannot fail.
        let _ = write!(text, "\n{name} ({})\n  {what}\n  Source: {source}\n", behaviour.evidence.name());
    }
    text.push_str("\nNot emulated:\n");
    for line in NOT_EMULATED {
        let _ = writeln!(text, "  - {}", line.replace('`', ""));
    }
    text
}

/// Returns [`BEHAVIOURS`] as Markdown: the content of `docs/fidelity.md`.
pub fn behaviours_as_markdown() -> String {
    let mut text = String::from(HEADING);
    for evidence in [Documented, Contradicted, Assumed] {
        let count = BEHAVIOURS.iter().filter(|behaviour| behaviour.evidence == evidence).count();
        let _ = writeln!(text, "- *{}* ({count}): {}", evidence.name(), evidence.meaning());
    }
    text.push_str("\n| behaviour | what the emulator does | evidence | source |\n| --- | --- | --- | --- |\n");
    for behaviour in BEHAVIOURS {
        let cells = [behaviour.name, behaviour.what, behaviour.evidence.name(), behaviour.source];
        let _ = writeln!(text, "| {} |", cells.map(|cell| cell.replace('|', "\\|")).join(" | "));
    }
    text.push_str("\n## Not emulated\n\n");
    for line in NOT_EMULATED {
        let _ = writeln!(text, "- {line}");
    }
    text
}

const HEADING: &str = "\
# Fidelity of the emulator

Generated by `cargo xtask generate` from `crates/emulator/src/behaviours.rs`: do not edit.

`codat-keys emulator verify` tries these behaviours against Codat's API, and reports the differences: see [emulator.md](emulator.md#comparing-it-with-codat).
Each behaviour of the emulator has a source and one of three kinds of evidence:

";

impl Evidence {
    fn name(self) -> &'static str {
        match self {
            Documented => "documented",
            Contradicted => "contradicted",
            Assumed => "assumed",
        }
    }

    fn meaning(self) -> &'static str {
        match self {
            Documented => "Codat's documents describe the behaviour.",
            Contradicted => {
                "Codat's documents contradict each other; the source names first the one that the emulator follows."
            }
            Assumed => "no document describes the behaviour.",
        }
    }
}

const fn row(name: &'static str, evidence: Evidence, what: &'static str, source: &'static str) -> Behaviour {
    Behaviour { name, what, evidence, source }
}
