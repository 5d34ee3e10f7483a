//! What the emulator does, and how sure it is that Codat does the same.

use crate::behaviours::Mark::{Assumed, Contradicted, Documented};

/// One thing that the emulator does.
///
/// ```
/// use codat_keys_emulator::BEHAVIOURS;
///
/// let limit = BEHAVIOURS.iter().find(|behaviour| behaviour.name == "key-limit").expect("it has one");
/// println!("{} ({:?}: {})", limit.what, limit.mark, limit.source);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Behaviour {
    /// A short name, unlike any other.
    pub name: &'static str,
    /// What the emulator does.
    pub what: &'static str,
    /// How sure it is that Codat does the same.
    pub mark: Mark,
    /// A page of docs.codat.io, an operation of Codat's OpenAPI description, or what an assumption rests on.
    pub source: &'static str,
}

/// How sure a [`Behaviour`] is.
///
/// ```
/// use codat_keys_emulator::{BEHAVIOURS, Mark};
///
/// for assumed in BEHAVIOURS.iter().filter(|behaviour| behaviour.mark == Mark::Assumed) {
///     println!("{}: {}", assumed.what, assumed.source);
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// Codat's documents say so.
    Documented,
    /// Two of Codat's documents disagree. The source names the one that is followed first.
    Contradicted,
    /// No document says so.
    Assumed,
}

/// Everything the emulator does that a client can notice.
#[rustfmt::skip] // One line is one row.
pub static BEHAVIOURS: &[Behaviour] = &[
    row("authorization", Contradicted, "The header is `Basic` and the padded Base64 of the key alone. `key:` encoded, and a raw key after `Basic`, get 401.", "using-the-api/authentication; every OpenAPI operation on keys leaves the encoding out"),
    row("authorization-scheme", Assumed, "`Basic` may be written in any case.", "RFC 9110 section 11.1"),
    row("host", Assumed, "A request whose `Host` is not a loopback name, the address that the emulator listens on, or a name of `--allow-host` gets 421, and is not journalled.", "the emulator's own guard against web pages (DNS rebinding)"),
    row("origin", Assumed, "A request from another origin, according to its `Origin` or `Sec-Fetch-Site`, gets 403, and is not journalled.", "the emulator's own guard against web pages"),
    row("wrong-key", Documented, "An unknown key, or none, gets 401 `Unauthorized`.", "using-the-api/errors; OpenAPI response Unauthorized"),
    row("authentication-first", Assumed, "The key is checked before the quota, the path, the method and the body.", "no document gives an order"),
    row("new-key", Assumed, "A new key works at once.", "no document gives a delay"),
    row("deleted-key", Contradicted, "A deleted key gets 401 from then on.", "using-the-api/errors, 401: an incorrect key; the same page, 403: an outdated key"),
    row("first-key", Documented, "The account starts with one key, which has no name.", "using-the-api/authentication"),
    row("list", Documented, "`GET /apiKeys` answers 200 with all keys in `results`, in clear and not paged.", "OpenAPI list-api-keys"),
    row("list-order", Assumed, "Keys are listed from the oldest to the newest.", "the OpenAPI example of list-api-keys is in that order"),
    row("create", Documented, "`POST /apiKeys` answers 201 with the new key, in clear.", "OpenAPI create-api-key"),
    row("key-form", Assumed, "A generated key is 40 ASCII letters and digits.", "the OpenAPI examples; the form is not promised"),
    row("key-id", Documented, "The id of a key is a UUID with dashes.", "OpenAPI schema ApiKeyDetails, its example"),
    row("created-date", Contradicted, "`createdDate` is UTC with whole seconds and `Z`; a key without one has no such member.", "the OpenAPI examples of list-api-keys; its description says that the date is null"),
    row("key-limit", Documented, "At most ten keys exist; creating another gets 409.", "using-the-api/authentication; OpenAPI create-api-key"),
    row("key-limit-body", Documented, "The body of that 409 has `statusCode` 400.", "OpenAPI create-api-key, the example of its 409"),
    row("name-length", Documented, "A name longer than 50 gets 400.", "OpenAPI create-api-key; schema ApiKeyDetails"),
    row("name-units", Assumed, "The length of a name is counted in UTF-16 code units.", "as .NET counts"),
    row("name-before-limit", Assumed, "With ten keys, a name that is too long still gets 400.", "no document gives an order"),
    row("nameless", Documented, "No body, `{}` and a null name create a key without a name; it has no `name` member.", "OpenAPI create-api-key: the body is optional, the name nullable"),
    row("empty-name", Assumed, "An empty name is kept as it is.", "no document forbids it"),
    row("duplicate-names", Assumed, "Several keys may have the same name.", "no document forbids it"),
    row("create-body", Assumed, "A body that is not a JSON object, or a name that is neither a string nor null, gets 400. Other members and the `Content-Type` are ignored.", "using-the-api/errors, 400: a bad request"),
    row("body-size", Assumed, "A body larger than 1 MiB gets 413.", "the emulator's own limit"),
    row("idempotency", Documented, "The first answer under an `Idempotency-Key` is kept for 90 minutes, and replayed with its status and its body, byte for byte: success, 400, 409, 422 and 5xx alike.", "using-the-api/write-data/idempotency"),
    row("idempotency-create", Assumed, "`POST /apiKeys` honours the header.", "using-the-api/write-data/idempotency speaks of every POST; OpenAPI create-api-key does not name it"),
    row("idempotency-methods", Documented, "With GET and DELETE the header has no effect.", "using-the-api/write-data/idempotency: POST and PATCH only"),
    row("idempotency-running", Documented, "While the first request is still running, another with its key gets 409. The body has `statusCode` 409 and a text that begins with `Idempotency-Conflict`.", "using-the-api/write-data/idempotency; using-the-api/errors"),
    row("idempotency-body", Documented, "The same key with another body gets 422.", "using-the-api/write-data/idempotency"),
    row("idempotency-body-bytes", Assumed, "Bodies are compared byte by byte.", "no document says how"),
    row("idempotency-order", Assumed, "While the first request is still running, another body gets 409 too.", "no document gives an order"),
    row("idempotency-first-stays", Assumed, "Neither that 409 nor that 422 takes the place of the first answer.", "no document says"),
    row("idempotency-429", Documented, "A 429 is not kept: it releases the key.", "using-the-api/write-data/idempotency"),
    row("idempotency-429-running", Assumed, "A 429 releases the key also while the first request is still running, whose answer is then not kept; an answer that is kept already stays.", "no document says"),
    row("idempotency-limit", Assumed, "The 409 of the key limit is replayed even after a slot is free.", "using-the-api/write-data/idempotency makes no exception for it"),
    row("idempotency-correlation-id", Assumed, "A replay repeats the `correlationId` of the first answer, but not its rate-limit headers.", "no document says"),
    row("idempotency-authentication", Assumed, "The key and the quota are checked before the idempotency key: a replay needs a valid key, and counts as a request.", "no document gives an order"),
    row("idempotency-client", Assumed, "Idempotency keys belong to the account, whichever of its keys asks.", "no document says"),
    row("idempotency-form", Assumed, "Any text is an idempotency key, not only a GUID; an empty one counts as none.", "using-the-api/write-data/idempotency asks for a unique GUID, and does not say what becomes of others"),
    row("idempotency-unread", Assumed, "A 413, and the 400 to a body that cannot be read, are not kept.", "the emulator's own limit"),
    row("idempotency-memory", Assumed, "Idempotency keys are kept in memory only: a restart forgets them.", "the emulator's own limit"),
    row("delete", Contradicted, "`DELETE /apiKeys/{id}` answers 204 with an empty body. There is no way back.", "OpenAPI delete-api-key, its description; the same 204 refers to the answer of a 429"),
    row("delete-unknown", Documented, "An unknown id gets 404.", "OpenAPI delete-api-key"),
    row("delete-self", Documented, "A key may delete itself.", "OpenAPI delete-api-key"),
    row("last-key", Contradicted, "The last remaining key cannot be deleted, unless the emulator was told otherwise.", "using-the-api/authentication; OpenAPI delete-api-key says that it can"),
    row("last-key-answer", Assumed, "The attempt gets 409 `The last remaining API key cannot be deleted.`.", "no document gives the answer"),
    row("profile", Documented, "`GET /profile` answers 200 with at least `name` and `redirectUrl`.", "OpenAPI get-profile"),
    row("profile-key", Assumed, "The deprecated `apiKey` of the profile is the key that asked.", "OpenAPI schema Profile does not say which key it is"),
    row("companies", Assumed, "Five companies exist, all of them active and connected, unless the emulator was told otherwise.", "the emulator's own scene"),
    row("paging", Documented, "`page` counts from 1, `pageSize` is 100 by default; answers carry the paging members and relative `_links`.", "using-the-api/paging; OpenAPI list-companies"),
    row("page-size", Contradicted, "`pageSize` is at most 5000.", "OpenAPI parameter pageSize; schema PagingInfo says 2000"),
    row("paging-errors", Assumed, "A `page` or `pageSize` that is out of range or not a number gets 400.", "using-the-api/errors, 400: a bad request"),
    row("page-beyond", Assumed, "A page after the last one is empty.", "no document says"),
    row("links", Assumed, "`_links` repeat every other parameter of the request.", "without it a filter would be lost from page to page"),
    row("query", Assumed, "`query` compares `id`, `name` and `created` with `=`, `!=` and `~`, joined by `&&`, without regard to case; anything else gets 400.", "a part of the language that OpenAPI list-companies names"),
    row("order-by", Assumed, "`orderBy` takes `id`, `name` or `created`, in descending order after `-`; anything else gets 400.", "OpenAPI parameter orderBy, its example"),
    row("error-body", Documented, "An error is JSON with `statusCode`, `service`, `error`, `correlationId`, `validation`, `canBeRetried` and `detailedErrorCode`.", "using-the-api/errors; OpenAPI schema ErrorMessage"),
    row("error-validation", Contradicted, "`validation` is null.", "OpenAPI schema ErrorMessage; its examples leave the member out"),
    row("error-retry", Documented, "`canBeRetried` is `Unknown` and `detailedErrorCode` 0.", "the OpenAPI examples of all errors"),
    row("correlation-id", Contradicted, "`correlationId` is 32 hexadecimal digits, new with every error that is not replayed.", "the OpenAPI examples; using-the-api/errors shows a GUID with dashes"),
    row("unknown-path", Assumed, "A path that the emulator does not know gets 404 with an error body.", "using-the-api/errors, 404: an unknown resource"),
    row("other-method", Documented, "Another method on a known path gets 405.", "using-the-api/errors"),
    row("allow", Assumed, "A 405 names the known methods in `Allow`.", "RFC 9110 section 15.5.6"),
    row("head", Assumed, "HEAD gets 405.", "no document names it"),
    row("quota", Documented, "The quota is 1,000 times (1 + companies) requests a day, whole again at 00:00 UTC.", "using-the-api/rate-limits"),
    row("quota-count", Assumed, "Every request with a valid key counts as one.", "no document says which do not"),
    row("rate-limit-headers", Documented, "Every answer carries `X-Rate-Limit-Limit`, `X-Rate-Limit-Remaining` and `X-Rate-Limit-Reset`.", "using-the-api/rate-limits"),
    row("rate-limit-reset", Assumed, "`X-Rate-Limit-Reset` is written as in RFC 3339.", "using-the-api/rate-limits calls it a date"),
    row("quota-enforced", Documented, "When told to enforce the quota, the emulator answers 429 with `Retry-After` once it is used up, and does nothing.", "using-the-api/rate-limits; OpenAPI response Too-Many-Requests"),
    row("retry-after", Assumed, "`Retry-After` is the number of seconds until the quota is whole again.", "using-the-api/rate-limits does not give the form"),
    row("quota-open", Assumed, "When not told so, it answers on with `X-Rate-Limit-Remaining: 0`.", "the emulator's own default, for long test runs"),
];

/// What Codat does and the emulator does not.
pub(crate) static NOT_EMULATED: &[&str] = &[
    "The limits on concurrent requests and on requests a minute.",
    "The answers 402, 403, 500 and 503, unless a fault gives them, and users with roles.",
    "All other operations, `POST /companies` and `PUT /profile` among them.",
];

const fn row(name: &'static str, mark: Mark, what: &'static str, source: &'static str) -> Behaviour {
    Behaviour { name, what, mark, source }
}
