//! The way of every request: read it, authenticate it, count it, answer it, journal it.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http_body_util::BodyExt as _;
use jiff::Timestamp;

use crate::emulator::Builder;
use crate::generator::Generator;
use crate::journal::{Entry, Journal};
use crate::mask::Masks;
use crate::state::Account;
use crate::store::Store;
use crate::wire::{Answer, Refusal};
use crate::{codat, controls};

/// In bytes. A larger body is read to its end, so that the client sees the answer, but not kept.
const MAX_BODY: usize = 1024 * 1024;

pub(crate) fn router(server: Server) -> Router {
    Router::new().fallback(handle).with_state(Arc::new(Mutex::new(server)))
}

async fn handle(State(server): State<Arc<Mutex<Server>>>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let body = read(body).await;
    let now = Timestamp::now();
    // Every change replaces the account as a whole, so what a panic leaves behind is sound.
    let mut server = server.lock().unwrap_or_else(PoisonError::into_inner);
    let answer = match controls::own(head.uri.path()) {
        true => server.controls(&head, body, now),
        false => server.codat(&head, body, now),
    };
    answer.into_response()
}

async fn read(mut body: Body) -> Result<Bytes, Refusal> {
    let mut kept = Vec::new();
    let mut length = 0;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Refusal::bad_request("The request body could not be read."))?;
        let data = frame.into_data().unwrap_or_default();
        length += data.len();
        if length <= MAX_BODY {
            kept.extend_from_slice(&data);
        }
    }
    match length <= MAX_BODY {
        true => Ok(kept.into()),
        false => Err(Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "The request body is larger than 1 MiB.")),
    }
}

pub(crate) struct Server {
    pub(crate) account: Account,
    pub(crate) journal: Journal,
    store: Option<Store>,
    /// Apart from the account's, so that an error does not change which key comes next.
    correlation_ids: Generator,
}

/// What came in `Authorization`.
pub(crate) enum Credential {
    Valid { key_id: String },
    Invalid,
    Missing,
}

impl Server {
    pub(crate) fn open(options: Builder) -> io::Result<Server> {
        let now = Timestamp::now();
        let seed = options.seed.unwrap_or_else(|| fastrand::u64(..));
        let mut account = Account::new(seed);
        let store = options.state_file.map(Store::open).transpose()?;
        if let Some(store) = &store
            && let Some(snapshot) = store.load()?
        {
            account.apply(snapshot, now).map_err(|reason| store.damaged(&reason))?;
        }
        account.provide_first_key(now);
        account.enforce_limits = options.enforce_limits.unwrap_or(account.enforce_limits);
        account.last_key_can_be_deleted = options.last_key_can_be_deleted.unwrap_or(account.last_key_can_be_deleted);
        if let Some(store) = &store {
            store.save(&account.snapshot())?;
        }
        Ok(Server { account, journal: Journal::default(), store, correlation_ids: Generator::new(!seed) })
    }

    pub(crate) fn first_key(&self) -> &str {
        self.account.keys.first().map_or("", |key| &key.api_key)
    }

    /// Makes a change that is on disk before it is seen, or not made at all.
    pub(crate) fn change<T>(&mut self, step: impl FnOnce(&mut Account) -> Result<T, Refusal>) -> Result<T, Refusal> {
        let mut account = self.account.clone();
        let result = step(&mut account)?;
        if let Some(store) = &self.store {
            store.save(&account.snapshot()).map_err(|error| {
                Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, format!("The state file could not be written: {error}"))
            })?;
        }
        self.account = account;
        Ok(result)
    }

    fn codat(&mut self, head: &Parts, body: Result<Bytes, Refusal>, now: Timestamp) -> Answer {
        let credential = self.credential(&head.headers);
        let written = body.as_deref().unwrap_or_default();
        let entry = Entry::new(head, written, &credential, &self.masks(&head.headers), now);
        let outcome = self.admit(credential, now).and_then(|key_id| codat::answer(self, &key_id, head, &body?, now));
        let answer = self.settle(outcome);
        self.journal.push(entry, &answer);
        self.with_rate_limit(answer, now)
    }

    fn controls(&mut self, head: &Parts, body: Result<Bytes, Refusal>, now: Timestamp) -> Answer {
        let outcome = controls::answer(self, head, body, now);
        self.settle(outcome)
    }

    /// Authentication first, then the quota: nothing else is looked at before.
    fn admit(&mut self, credential: Credential, now: Timestamp) -> Result<String, Refusal> {
        let Credential::Valid { key_id } = credential else { return Err(Refusal::unauthorized()) };
        let account = &mut self.account;
        if !account.quota.spend(account.companies, now) && account.enforce_limits {
            let reset = account.quota.at(account.companies, now).seconds_to_reset;
            return Err(Refusal::too_many_requests(reset));
        }
        Ok(key_id)
    }

    /// `Basic`, in any case, and the Base64 of a key alone.
    fn credential(&self, headers: &HeaderMap) -> Credential {
        let mut sent = headers.get_all(AUTHORIZATION).iter();
        let (value, more) = (sent.next(), sent.next());
        let Some(value) = value else { return Credential::Missing };
        let encoded = value.to_str().ok().and_then(|value| value.split_once(' '));
        match encoded {
            Some((scheme, encoded)) if more.is_none() && scheme.eq_ignore_ascii_case("Basic") => {
                let key = self.account.keys.iter().find(|key| STANDARD.encode(&key.api_key) == encoded.trim());
                key.map_or(Credential::Invalid, |key| Credential::Valid { key_id: key.id.clone() })
            }
            _ => Credential::Invalid,
        }
    }

    fn masks(&self, headers: &HeaderMap) -> Masks {
        let keys = self.account.keys.iter().map(|key| key.api_key.as_str());
        let sent = headers.get_all(AUTHORIZATION).iter().filter_map(|value| value.to_str().ok());
        Masks::new(keys, sent)
    }

    fn settle(&mut self, outcome: Result<Answer, Refusal>) -> Answer {
        outcome.unwrap_or_else(|refusal| refusal.into_answer(self.correlation_ids.correlation_id()))
    }

    fn with_rate_limit(&self, answer: Answer, now: Timestamp) -> Answer {
        let rate_limit = self.account.quota.at(self.account.companies, now);
        let answer = answer
            .with_header(HeaderName::from_static("x-rate-limit-limit"), rate_limit.limit)
            .with_header(HeaderName::from_static("x-rate-limit-remaining"), rate_limit.remaining);
        match HeaderValue::from_str(&rate_limit.reset) {
            Ok(reset) => answer.with_header(HeaderName::from_static("x-rate-limit-reset"), reset),
            Err(_) => answer,
        }
    }
}
