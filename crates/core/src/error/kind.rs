//! The table of error kinds. A part of `docs/errors.md` and the error classes of the bindings are generated from this
//! table.

/// The kind of an error, for programs. The table in `docs/errors.md` has a row for each kind.
///
/// The enum is `#[non_exhaustive]`, because a later version can distinguish further kinds.
///
/// ```
/// use codat_keys::{ErrorKind, KeyId};
///
/// let kind = KeyId::parse("../companies").unwrap_err().kind();
/// assert_eq!((kind, kind.code()), (ErrorKind::InvalidInput, "invalid_input"));
/// assert!(!kind.is_retryable() && ErrorKind::RateLimited.is_retryable());
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// An argument or option is not valid. Nothing was sent, or Codat responded with 400.
    InvalidInput,
    /// No credential was given, and no environment variable contains a credential or names a profile.
    NoCredential,
    /// The given key or header is invalid, or two environment variables hold different keys. Nothing was sent.
    InvalidCredential,
    /// 401: Codat does not accept the key. The key is wrong or was deleted.
    Unauthorized,
    /// 402: a limit of the account is reached, or a free account has expired.
    PaymentRequired,
    /// 403: the key is outdated or lacks permission.
    Forbidden,
    /// Codat's limit of ten API keys is reached. Nothing was created.
    KeyLimitReached,
    /// The key to delete is the only key of the account. Nothing was deleted.
    LastKey,
    /// The client authenticates with the key to delete. The caller did not allow the deletion of this key. Nothing was
    /// deleted.
    KeyInUse,
    /// The key or resource does not exist.
    NotFound,
    /// 429: too many requests.
    RateLimited,
    /// The request was sent, but it is unknown whether it took effect.
    OutcomeUnknown,
    /// 409 or 422. For example, Codat is still processing an equal request, or an earlier request used the idempotency
    /// key with another body.
    Conflict,
    /// 5xx: Codat failed to process the request.
    Server,
    /// The connection failed or was lost.
    Connect,
    /// No response arrived within the timeout.
    Timeout,
    /// The response differs from Codat's documentation.
    BadResponse,
    /// The response is larger than the limit: 8 MiB for the operations on keys, and `max_response_bytes` for other
    /// requests.
    TooLarge,
    /// The caller cancelled the operation.
    Cancelled,
    /// The client was closed before the operation.
    Closed,
    /// A defect of this library.
    Internal,
}

struct Row {
    kind: ErrorKind,
    code: &'static str,
    retryable: bool,
    text: &'static str,
    hint: &'static str,
}

#[rustfmt::skip]
static TABLE: [Row; 21] = [
    Row { kind: ErrorKind::InvalidInput, code: "invalid_input", retryable: false,
        text: "the input is not valid", hint: "correct it and call again; nothing was changed" },
    Row { kind: ErrorKind::NoCredential, code: "no_credential", retryable: false,
        text: "no API key was given", hint: "set CODAT_API_KEY to a raw key, CODAT_AUTH_HEADER to a whole header, CODAT_API_KEY_FILE to a file that holds either, or CODAT_PROFILE to a profile that `codat-keys login` made; or run the program with `codat-keys exec`" },
    Row { kind: ErrorKind::InvalidCredential, code: "invalid_credential", retryable: false,
        text: "the API key is not valid", hint: "copy the key again from the page Developers > API keys of Codat's Portal" },
    Row { kind: ErrorKind::Unauthorized, code: "unauthorized", retryable: false,
        text: "Codat does not accept the API key", hint: "the key is wrong or was deleted, or belongs to another instance: compare its last four characters with the Portal's page Developers > API keys" },
    Row { kind: ErrorKind::PaymentRequired, code: "payment_required", retryable: false,
        text: "a limit of the Codat account is reached", hint: "read Codat's message; a free account can have up to 50 companies and expires after 365 days" },
    Row { kind: ErrorKind::Forbidden, code: "forbidden", retryable: false,
        text: "the API key may not do this", hint: "the key is outdated or belongs to another account; keys are managed by Administrators and Developers" },
    Row { kind: ErrorKind::KeyLimitReached, code: "key_limit_reached", retryable: false,
        text: "the account has 10 keys already, the most that Codat allows", hint: "delete an unused key, then create again" },
    Row { kind: ErrorKind::LastKey, code: "last_key", retryable: false,
        text: "this is the last remaining key", hint: "create another key first: without a key, no program can call the API" },
    Row { kind: ErrorKind::KeyInUse, code: "key_in_use", retryable: false,
        text: "this is the key in use", hint: "use another key to delete it, or allow deleting the key in use" },
    Row { kind: ErrorKind::NotFound, code: "not_found", retryable: false,
        text: "there is no such key or resource", hint: "list the keys to see their ids, and check the base URL" },
    Row { kind: ErrorKind::RateLimited, code: "rate_limited", retryable: true,
        text: "too many requests", hint: "wait for the time that the response names; the daily count is reset at 00:00 UTC" },
    Row { kind: ErrorKind::OutcomeUnknown, code: "outcome_unknown", retryable: false,
        text: "it is unknown whether the change took effect", hint: "list the keys before you try again" },
    Row { kind: ErrorKind::Conflict, code: "conflict", retryable: false,
        text: "the request conflicts with another", hint: "list the keys before you try again" },
    Row { kind: ErrorKind::Server, code: "server", retryable: true,
        text: "Codat failed to process the request", hint: "try again later; give the correlation id to Codat's support" },
    Row { kind: ErrorKind::Connect, code: "connect", retryable: true,
        text: "there is no connection", hint: "check the base URL, the network and the proxy" },
    Row { kind: ErrorKind::Timeout, code: "timeout", retryable: true,
        text: "no response arrived in time", hint: "try again, or allow more time" },
    Row { kind: ErrorKind::BadResponse, code: "bad_response", retryable: false,
        text: "the response is not one that Codat documents", hint: "check the base URL, and what is between this machine and Codat: a proxy, a gateway, a captive portal" },
    Row { kind: ErrorKind::TooLarge, code: "too_large", retryable: false,
        text: "the response is larger than the limit", hint: "ask for smaller pages, raise `max_response_bytes`, or stream the response" },
    Row { kind: ErrorKind::Cancelled, code: "cancelled", retryable: false,
        text: "the call was cancelled", hint: "nothing was changed" },
    Row { kind: ErrorKind::Closed, code: "closed", retryable: false,
        text: "the client is closed", hint: "create a new client, or call before this one is closed; nothing was sent" },
    Row { kind: ErrorKind::Internal, code: "internal", retryable: false,
        text: "this is a defect of codat-keys", hint: "please report it, without any key" },
];

const _: () = assert!(TABLE.len() == ErrorKind::Internal as usize + 1, "every kind has its row");

impl ErrorKind {
    /// Returns all kinds, in the order of the table in `docs/errors.md`.
    ///
    /// ```
    /// use codat_keys::ErrorKind;
    ///
    /// let kind = ErrorKind::all().iter().find(|kind| kind.code() == "rate_limited");
    /// assert_eq!(kind, Some(&ErrorKind::RateLimited));
    /// ```
    pub fn all() -> &'static [ErrorKind] {
        static ALL: [ErrorKind; TABLE.len()] = {
            let mut all = [ErrorKind::Internal; TABLE.len()];
            let mut at = 0;
            while at < all.len() {
                all[at] = TABLE[at].kind;
                at += 1;
            }
            all
        };
        &ALL
    }

    /// Returns a stable identifier for this kind, such as `key_limit_reached`.
    pub fn code(self) -> &'static str {
        self.row().code
    }

    /// Returns whether the same operation may succeed later.
    pub fn is_retryable(self) -> bool {
        self.row().retryable
    }

    /// Returns a phrase that says what happened, such as `too many requests`.
    pub fn text(self) -> &'static str {
        self.row().text
    }

    /// Returns a hint on what to do next.
    pub fn hint(self) -> &'static str {
        self.row().hint
    }

    fn row(self) -> &'static Row {
        &TABLE[self as usize]
    }
}
