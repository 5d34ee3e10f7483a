//! The native part of `codat-keys/scan`.

use std::sync::Arc;
use std::time::Duration;

use codat_keys_bindings::{Scan, ScanEvent, ScanKey};
use napi::bindgen_prelude::{AsyncTask, Uint8Array};
use napi::{Env, Task};
use napi_derive::napi;

use crate::errors::wrong;
use crate::secrets::verbatim;

/// The time between two checks whether a scan has been stopped.
const STOP_CHECK_INTERVAL: Duration = Duration::from_millis(50);

/// A key to search for. The id and the name contain no key.
#[napi(object, object_to_js = false)]
pub struct ScanKeyData {
    pub key: String,
    pub id: Option<String>,
    pub name: Option<String>,
}

/// An occurrence of a key.
#[napi(object, object_from_js = false, use_nullable = true)]
pub struct FindingData {
    pub place: String,
    pub line: i64,
    pub column: i64,
    pub start: i64,
    pub end: i64,
    pub encoding: String,
    pub severity: &'static str,
    pub key: u32,
    pub key_id: Option<String>,
    pub key_name: Option<String>,
    pub excerpt: String,
}

/// An event of a scan of files. Exactly one of `finding` and `reason` has a value.
#[napi(object, object_from_js = false, use_nullable = true)]
pub struct ScanEventData {
    pub finding: Option<FindingData>,
    /// The file that was not read. Empty if there is a finding.
    pub place: String,
    /// The reason why the file was not read.
    pub reason: Option<String>,
}

/// The native part of `Scanner`.
#[napi]
pub struct ScannerCore(codat_keys_bindings::Scanner);

#[napi]
impl ScannerCore {
    #[napi(constructor)]
    pub fn new(env: Env, keys: Vec<ScanKeyData>) -> napi::Result<Self> {
        let key = |key: ScanKeyData| Ok(ScanKey::new(verbatim(env, &key.key)?, key.id, key.name));
        let keys: napi::Result<Vec<_>> = keys.into_iter().map(key).collect();
        codat_keys_bindings::Scanner::new(keys?).map(Self).map_err(wrong)
    }

    #[napi]
    pub fn number_of_keys(&self) -> u32 {
        self.0.number_of_keys() as u32
    }

    #[napi]
    pub fn scan_bytes(&self, bytes: Uint8Array) -> Vec<FindingData> {
        self.0.scan_bytes(&bytes).into_iter().map(Into::into).collect()
    }

    /// Starts a scan of files and folders in a thread.
    #[napi]
    pub fn scan_paths(&self, paths: Vec<String>) -> napi::Result<PathScan> {
        let scan = Scan::start(self.0.clone(), paths.into_iter().map(Into::into).collect());
        scan.map(|scan| PathScan(Arc::new(scan))).map_err(|error| napi::Error::from_reason(error.to_string()))
    }
}

/// A scan of files.
#[napi]
pub struct PathScan(Arc<Scan>);

#[napi]
impl PathScan {
    /// Resolves to the next events, and to an empty array after the end.
    #[napi(ts_return_type = "Promise<ScanEventData[]>")]
    pub fn next(&self) -> AsyncTask<NextEvents> {
        AsyncTask::new(NextEvents(Arc::clone(&self.0)))
    }

    #[napi]
    pub fn stop(&self) {
        self.0.stop();
    }
}

/// Waits for events of a scan, in a thread of Node's thread pool.
pub struct NextEvents(Arc<Scan>);

impl Task for NextEvents {
    type Output = Vec<ScanEvent>;
    type JsValue = Vec<ScanEventData>;

    fn compute(&mut self) -> napi::Result<Self::Output> {
        loop {
            match self.0.next(STOP_CHECK_INTERVAL).map_err(napi::Error::from_reason)? {
                Some(events) if events.is_empty() => {}
                events => return Ok(events.unwrap_or_default()),
            }
        }
    }

    fn resolve(&mut self, _env: Env, events: Self::Output) -> napi::Result<Self::JsValue> {
        Ok(events.into_iter().map(Into::into).collect())
    }
}

impl From<codat_keys_bindings::Finding> for FindingData {
    fn from(found: codat_keys_bindings::Finding) -> Self {
        Self {
            place: found.place,
            line: found.line as i64,
            column: found.column as i64,
            start: found.range.start as i64,
            end: found.range.end as i64,
            encoding: found.encoding,
            severity: found.severity,
            key: found.key as u32,
            key_id: found.key_id,
            key_name: found.key_name,
            excerpt: found.excerpt,
        }
    }
}

impl From<ScanEvent> for ScanEventData {
    fn from(event: ScanEvent) -> Self {
        match event {
            ScanEvent::Finding(found) => Self { finding: Some(found.into()), place: String::new(), reason: None },
            ScanEvent::Unread { place, reason } => Self { finding: None, place, reason: Some(reason) },
        }
    }
}
