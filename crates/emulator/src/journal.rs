//! The newest requests, without their secrets.

use std::collections::VecDeque;

use axum::http::StatusCode;
use axum::http::request::Parts;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use crate::mask::Masks;
use crate::server::Credential;

const MAX_ENTRIES: usize = 10_000;
/// In bytes, for each text of an entry.
const MAX_TEXT: usize = 4096;

#[derive(Default)]
pub(crate) struct Journal {
    entries: VecDeque<Entry>,
    last_seq: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Entry {
    seq: u64,
    time: String,
    method: String,
    path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    query: Option<String>,
    /// Of the answer; absent while there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    correlation_id: Option<String>,
    /// Absent while the request is running.
    #[serde(skip_serializing_if = "Option::is_none")]
    ended: Option<Ended>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) fault: Option<&'static str>,
    /// Whether the answer was the first one under the idempotency key.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    replayed: bool,
    authorization: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    idempotency_key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<Value>,
}

/// How a request ended.
#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Ended {
    Answered,
    /// The emulator closed the connection without an answer.
    Dropped,
    /// The client went away before there was an answer.
    ClientClosed,
}

impl Journal {
    pub(crate) fn entries(&self) -> &VecDeque<Entry> {
        &self.entries
    }

    /// The numbers go on: no two requests of one emulator have the same.
    pub(crate) fn clear(&mut self) {
        self.entries.clear();
    }

    /// Takes a request in when it arrives, and gives its number.
    pub(crate) fn push(&mut self, mut entry: Entry) -> u64 {
        self.last_seq += 1;
        entry.seq = self.last_seq;
        if self.entries.len() == MAX_ENTRIES {
            self.entries.pop_front();
        }
        self.entries.push_back(entry);
        self.last_seq
    }

    /// With the status that was sent.
    pub(crate) fn answered(&mut self, seq: u64, status: StatusCode, correlation_id: Option<String>) {
        if let Some(entry) = self.running(seq) {
            entry.status = Some(status.as_u16());
            entry.correlation_id = correlation_id;
            entry.ended = Some(Ended::Answered);
        }
    }

    /// What the cache held reached nobody: the answer was a gateway's, or there was none.
    pub(crate) fn not_replayed(&mut self, seq: u64) {
        if let Some(entry) = self.entry(seq) {
            entry.replayed = false;
        }
    }

    pub(crate) fn dropped(&mut self, seq: u64) {
        if let Some(entry) = self.running(seq) {
            entry.ended = Some(Ended::Dropped);
        }
    }

    /// Has no effect on a request that has ended already.
    pub(crate) fn client_closed(&mut self, seq: u64) {
        if let Some(entry) = self.running(seq) {
            entry.ended = Some(Ended::ClientClosed);
        }
    }

    pub(crate) fn replayed(&mut self, seq: u64) {
        if let Some(entry) = self.entry(seq) {
            entry.replayed = true;
        }
    }

    fn running(&mut self, seq: u64) -> Option<&mut Entry> {
        self.entry(seq).filter(|entry| entry.ended.is_none())
    }

    /// None when the journal was emptied meanwhile.
    fn entry(&mut self, seq: u64) -> Option<&mut Entry> {
        let first = self.entries.front()?.seq;
        let index = usize::try_from(seq.checked_sub(first)?).ok()?;
        self.entries.get_mut(index)
    }
}

impl Entry {
    /// Written when the request arrives, while the keys to be masked are those that it was sent with.
    pub(crate) fn new(head: &Parts, body: &[u8], credential: &Credential, masks: &Masks, now: Timestamp) -> Entry {
        let (authorization, key_id) = match credential {
            Credential::Valid { key_id } => ("valid", Some(key_id.clone())),
            Credential::Invalid => ("invalid", None),
            Credential::Missing => ("missing", None),
        };
        let idempotency_key = head.headers.get("idempotency-key");
        Entry {
            seq: 0,
            time: format!("{now:.3}"),
            method: cut(head.method.to_string()),
            path: cut(masks.url(head.uri.path())),
            query: head.uri.query().map(|query| cut(masks.url(query))),
            status: None,
            correlation_id: None,
            ended: None,
            fault: None,
            replayed: false,
            authorization,
            key_id,
            idempotency_key: idempotency_key.map(|key| cut(masks.text(&String::from_utf8_lossy(key.as_bytes())))),
            body: (!body.is_empty()).then(|| written(body, masks)),
        }
    }
}

/// The body as JSON, or as text when it is not JSON or too long to be kept whole.
fn written(body: &[u8], masks: &Masks) -> Value {
    match serde_json::from_slice(body) {
        Ok(json) => {
            let json = masks.json(json);
            if body.len() <= MAX_TEXT { json } else { cut(json.to_string()).into() }
        }
        Err(_) => cut(masks.text(&String::from_utf8_lossy(body))).into(),
    }
}

/// Only masked text is cut, so that no half of a secret escapes its mask.
fn cut(mut text: String) -> String {
    text.truncate(text.floor_char_boundary(MAX_TEXT));
    text
}
