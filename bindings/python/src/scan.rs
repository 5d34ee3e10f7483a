//! The native part of `codat_keys.scan`.

use std::path::PathBuf;
use std::process;
use std::time::Duration;

use codat_keys_bindings::{Finding, Scan, ScanEvent, ScanKey, Scanner};
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::{PyBytes, PyString};

use crate::arguments::{argument, wrong};
use crate::errors::exception;
use crate::key_types::ApiKeyDetails;
use crate::secrets::api_key;

/// The time between two runs of the signal handlers of Python while a scan waits for events.
const SIGNAL_CHECK_INTERVAL: Duration = Duration::from_millis(50);

/// The arguments of the Python class `Finding`.
type FindingData =
    (Option<String>, u64, u64, u64, u64, String, &'static str, usize, Option<String>, Option<String>, String);

/// The arguments of the Python class `Unread`.
type UnreadData = (String, String);

fn data(found: Finding) -> FindingData {
    let Finding { place, line, column, range, encoding, severity, key, key_id, key_name, excerpt } = found;
    let place = (!place.is_empty()).then_some(place);
    (place, line, column, range.start, range.end, encoding, severity, key, key_id, key_name, excerpt)
}

/// The native part of `Scanner`.
#[pyclass(frozen, module = "codat_keys._native")]
pub(crate) struct ScannerCore(Scanner);

#[pymethods]
impl ScannerCore {
    #[new]
    fn new(keys: &Bound<'_, PyAny>) -> PyResult<Self> {
        let keys: PyResult<Vec<_>> = items("keys", keys)?.iter().map(scan_key).collect();
        Scanner::new(keys?).map(Self).map_err(PyValueError::new_err)
    }

    fn number_of_keys(&self) -> usize {
        self.0.number_of_keys()
    }

    fn scan_bytes(&self, py: Python<'_>, content: &Bound<'_, PyBytes>) -> Vec<FindingData> {
        let bytes = PyBackedBytes::from(content.clone());
        py.detach(|| self.0.scan_bytes(&bytes)).into_iter().map(data).collect()
    }

    fn scan_paths(&self, paths: &Bound<'_, PyAny>) -> PyResult<PathScan> {
        let paths: PyResult<Vec<PathBuf>> = items("paths", paths)?.iter().map(|path| argument("paths", path)).collect();
        let scan = Scan::start(self.0.clone(), paths?)?;
        Ok(PathScan { scan: Some(scan), process: process::id() })
    }
}

/// The native part of the iterator that `Scanner.scan_paths` returns.
#[pyclass(frozen, module = "codat_keys._native")]
pub(crate) struct PathScan {
    /// `None` while this value is dropped.
    scan: Option<Scan>,
    /// The id of the process that started the scan. The threads of the scan do not exist in a child process after a
    /// fork.
    process: u32,
}

#[pymethods]
impl PathScan {
    /// Waits for findings and unread files. Returns `None` after the last one.
    fn next<'py>(&self, py: Python<'py>) -> PyResult<Option<Vec<Bound<'py, PyAny>>>> {
        if self.process != process::id() {
            let what = "the scan belongs to the parent process";
            return Err(exception(py, "InvalidInputError", what, "start another scan after the fork"));
        }
        let Some(scan) = &self.scan else { return Ok(None) };
        loop {
            let events = py.detach(|| scan.next(SIGNAL_CHECK_INTERVAL)).map_err(PyRuntimeError::new_err)?;
            py.check_signals()?;
            match events {
                Some(events) if events.is_empty() => {}
                Some(events) => {
                    return events.into_iter().map(|event| into_python(py, event)).collect::<PyResult<_>>().map(Some);
                }
                None => return Ok(None),
            }
        }
    }

    fn stop(&self) {
        if let Some(scan) = &self.scan
            && self.process == process::id()
        {
            scan.stop();
        }
    }
}

impl Drop for PathScan {
    fn drop(&mut self) {
        if self.process != process::id() {
            // The copies of locks in a child process may be locked for ever.
            std::mem::forget(self.scan.take());
        }
    }
}

fn into_python(py: Python<'_>, event: ScanEvent) -> PyResult<Bound<'_, PyAny>> {
    Ok(match event {
        ScanEvent::Finding(found) => data(found).into_pyobject(py)?.into_any(),
        ScanEvent::Unread { place, reason } => UnreadData::from((place, reason)).into_pyobject(py)?.into_any(),
    })
}

/// Returns the items of an argument that is an iterable. A single string is an error, because its items are characters.
fn items<'py>(name: &str, values: &Bound<'py, PyAny>) -> PyResult<Vec<Bound<'py, PyAny>>> {
    if values.is_instance_of::<PyString>() {
        return Err(wrong(name, "it must be a list, and is a str"));
    }
    let values = values.try_iter().map_err(|error| wrong(name, error.value(values.py())))?;
    values.collect()
}

/// Converts an `ApiKeyDetails`, an `ApiKey` or a string.
fn scan_key(value: &Bound<'_, PyAny>) -> PyResult<ScanKey> {
    match value.cast::<ApiKeyDetails>() {
        Ok(key) => Ok(ScanKey::from(&key.get().0)),
        Err(_) => Ok(ScanKey::new(api_key("keys", value)?, None, None)),
    }
}
