//! The journal: a record of the newest 10,000 requests, with secrets masked.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Write};

use axum::http::StatusCode;
use axum::http::request::Parts;
use jiff::Timestamp;
use serde::ser::Error as _;
use serde::{Serialize, Serializer};
use serde_json::Value;

use crate::authentication::Credential;
use crate::mask::Masker;

const MAX_ENTRIES: usize = 10_000;
/// The length in bytes at which a part of the journal ends. The last entry of the part can exceed this length.
const PART: usize = 32 * 1024;
/// The maximum length in bytes of each text in a journal entry.
const MAX_TEXT_LENGTH: usize = 4096;

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
    /// The status of the response. `None` if the response has not begun, or if the client received no response.
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    correlation_id: Option<String>,
    /// The way in which the request has ended. `None` while the request is running.
    #[serde(skip_serializing_if = "Option::is_none")]
    ended: Option<End>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) fault: Option<String>,
    /// Whether the response is the stored response of an earlier request with the same idempotency key.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    replayed: bool,
    authorization: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    idempotency_key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<Body>,
}

/// The body of a request, with secrets masked.
enum Body {
    /// JSON. The journal keeps the text of the JSON, because parsed values can need a hundred times the memory.
    Json(String),
    /// The start of a body that is not JSON or is too long.
    Text(String),
}

impl Serialize for Body {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Json(text) => serde_json::from_str::<Value>(text).map_err(S::Error::custom)?.serialize(serializer),
            Self::Text(text) => text.serialize(serializer),
        }
    }
}

/// The way in which a request has ended.
#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "kebab-case")]
enum End {
    /// The emulator sent the response. If the body has a fault, the emulator sent the whole faulty body.
    Answered,
    /// The emulator closed the connection without a response.
    Dropped,
    /// The client disconnected before the emulator sent a response, or while the emulator sent a faulty body.
    ClientClosed,
}

impl Journal {
    pub(crate) fn entries(&self) -> &VecDeque<Entry> {
        &self.entries
    }

    /// Returns the sequence number of the latest recorded request, even if its entry was removed.
    pub(crate) fn last_seq(&self) -> u64 {
        self.last_seq
    }

    /// Returns a part of the journal, and the sequence number of the last entry in this part. The part contains entries
    /// with sequence numbers above `after` and up to `last`, as JSON separated by commas. The part has about [`PART`]
    /// bytes. Returns `None` if the journal has no entry in this range.
    pub(crate) fn part(&self, after: u64, last: u64) -> Option<(String, u64)> {
        let first = self.entries.partition_point(|entry| entry.seq <= after);
        let (mut json, mut seq) = (String::new(), None);
        for entry in self.entries.range(first..).take_while(|entry| entry.seq <= last) {
            if json.len() >= PART {
                break;
            }
            json += if json.is_empty() { "" } else { "," };
            json += &serde_json::to_string(entry).expect("plain data is always serializable");
            seq = Some(entry.seq);
        }
        Some((json, seq?))
    }

    /// Removes all entries. Does not reset the sequence number, so that each sequence number is unique.
    pub(crate) fn clear(&mut self) {
        self.entries.clear();
    }

    /// Adds the entry of a new request, and returns the sequence number of the entry.
    pub(crate) fn record(&mut self, mut entry: Entry) -> u64 {
        self.last_seq += 1;
        entry.seq = self.last_seq;
        if self.entries.len() == MAX_ENTRIES {
            self.entries.pop_front();
        }
        self.entries.push_back(entry);
        self.last_seq
    }

    /// Records that the response begins.
    pub(crate) fn record_response(&mut self, seq: u64, status: StatusCode, correlation_id: Option<String>) {
        if let Some(entry) = self.running(seq) {
            entry.status = Some(status.as_u16());
            entry.correlation_id = correlation_id;
        }
    }

    /// Records that the emulator has sent the response.
    pub(crate) fn record_answered(&mut self, seq: u64) {
        if let Some(entry) = self.running(seq) {
            entry.ended = Some(End::Answered);
        }
    }

    pub(crate) fn record_dropped(&mut self, seq: u64) {
        if let Some(entry) = self.running(seq) {
            entry.ended = Some(End::Dropped);
        }
    }

    /// Records that the client has disconnected. Has no effect if the request has ended.
    pub(crate) fn record_client_closed(&mut self, seq: u64) {
        if let Some(entry) = self.running(seq) {
            entry.ended = Some(End::ClientClosed);
        }
    }

    /// Records whether the response is the stored response of an earlier request with the same idempotency key.
    pub(crate) fn set_replayed(&mut self, seq: u64, replayed: bool) {
        if let Some(entry) = self.entry(seq) {
            entry.replayed = replayed;
        }
    }

    fn running(&mut self, seq: u64) -> Option<&mut Entry> {
        self.entry(seq).filter(|entry| entry.ended.is_none())
    }

    /// Returns the entry with the sequence number `seq`. Returns `None` if the entry was removed.
    fn entry(&mut self, seq: u64) -> Option<&mut Entry> {
        let first = self.entries.front()?.seq;
        let index = usize::try_from(seq.checked_sub(first)?).ok()?;
        self.entries.get_mut(index)
    }
}

impl Entry {
    /// Creates an entry for a request that has just arrived. `masker` masks the keys that the account has at this time.
    pub(crate) fn new(head: &Parts, body: &[u8], credential: &Credential, masker: &Masker, now: Timestamp) -> Entry {
        let (authorization, key_id) = match credential {
            Credential::Valid { key_id } => ("valid", Some(key_id.clone())),
            Credential::Invalid => ("invalid", None),
            Credential::Missing => ("missing", None),
        };
        let idempotency_key = head.headers.get("idempotency-key");
        Entry {
            seq: 0,
            time: format!("{now:.3}"),
            method: truncate(head.method.to_string()),
            path: truncate(masker.url(head.uri.path())),
            query: head.uri.query().map(|query| truncate(masker.url(query))),
            status: None,
            correlation_id: None,
            ended: None,
            fault: None,
            replayed: false,
            authorization,
            key_id,
            idempotency_key: idempotency_key.map(|key| truncate(masker.text(&String::from_utf8_lossy(key.as_bytes())))),
            body: (!body.is_empty()).then(|| masked_body(body, masker)),
        }
    }
}

/// Returns the body with secrets masked. Returns a truncated text if the body is not JSON or is longer than
/// [`MAX_TEXT_LENGTH`]. Masks only the part that the journal keeps, because masking a long body can take seconds.
fn masked_body(body: &[u8], masker: &Masker) -> Body {
    let Ok(json) = serde_json::from_slice(body) else {
        return Body::Text(truncate(masker.start_of(&String::from_utf8_lossy(body), MAX_TEXT_LENGTH)));
    };
    let mut masked = Limited(Vec::new());
    let is_whole = serde_json::to_writer(&mut masked, &masker.json(&json, MAX_TEXT_LENGTH)).is_ok();
    let text = truncate(String::from_utf8_lossy(&masked.0).into_owned());
    if is_whole && body.len() <= MAX_TEXT_LENGTH { Body::Json(text) } else { Body::Text(text) }
}

/// A buffer that returns an error when its length exceeds [`MAX_TEXT_LENGTH`].
struct Limited(Vec<u8>);

impl Write for Limited {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.extend_from_slice(bytes);
        if self.0.len() > MAX_TEXT_LENGTH { Err(ErrorKind::FileTooLarge.into()) } else { Ok(bytes.len()) }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Truncates a text to [`MAX_TEXT_LENGTH`]. Secrets in the text must already be masked, because a masker does not find
/// a truncated secret.
fn truncate(mut text: String) -> String {
    text.truncate(text.floor_char_boundary(MAX_TEXT_LENGTH));
    // The journal keeps thousands of texts. `String::truncate` alone would keep the memory of the removed part.
    text.shrink_to_fit();
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_truncated_text_keeps_no_memory_of_its_rest() {
        let text = truncate("é".repeat(1 << 20));
        assert_eq!((text.len(), text.capacity()), (MAX_TEXT_LENGTH, MAX_TEXT_LENGTH));
    }
}
