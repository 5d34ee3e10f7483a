//! Conversion of Python arguments. Each error message names the argument. PyO3 names the argument only in an exception
//! note, and Python before 3.11 has no exception notes. No error quotes the value of an argument, because the value may
//! be a secret.

use std::time::Duration;

use pyo3::exceptions::{PyOverflowError, PyTypeError, PyUnicodeEncodeError, PyValueError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedStr;
use pyo3::types::{PyBool, PyFloat, PyInt, PyMapping, PyString};

/// Converts an argument to the type `T`. `name` is the name of the argument for the error message.
pub(crate) fn argument<'a, 'py, T: FromPyObject<'a, 'py>>(name: &str, value: &'a Bound<'py, PyAny>) -> PyResult<T> {
    value.extract().map_err(|error: T::Error| {
        let (py, error): (_, PyErr) = (value.py(), error.into());
        if error.is_instance_of::<PyTypeError>(py) {
            wrong(name, error.value(py))
        } else if error.is_instance_of::<PyOverflowError>(py) {
            PyValueError::new_err(format!("argument '{name}': the number is out of range"))
        } else if error.is_instance_of::<PyUnicodeEncodeError>(py) {
            PyValueError::new_err(format!("argument '{name}': a surrogate stands alone in it"))
        } else {
            error
        }
    })
}

/// Converts a string argument. The returned value borrows the string from Python.
pub(crate) fn text(name: &str, value: &Bound<'_, PyAny>) -> PyResult<PyBackedStr> {
    argument(name, value)
}

/// Converts an integer argument. An integer that does not fit in a `u32` becomes `u32::MAX`, which the Rust client
/// rejects.
pub(crate) fn whole(name: &str, value: &Bound<'_, PyAny>) -> PyResult<Option<u32>> {
    match value.extract::<Option<u32>>() {
        Err(error) if error.is_instance_of::<PyOverflowError>(value.py()) => Ok(Some(u32::MAX)),
        _ => argument(name, value),
    }
}

/// Converts a number of bytes. A number greater than `u64::MAX` becomes `u64::MAX`. A negative number becomes zero,
/// which the Rust client rejects.
pub(crate) fn bytes(name: &str, value: &Bound<'_, PyAny>) -> PyResult<Option<u64>> {
    match value.extract::<Option<u64>>() {
        Err(error) if error.is_instance_of::<PyOverflowError>(value.py()) => {
            Ok(Some(if value.lt(0)? { 0 } else { u64::MAX }))
        }
        _ => argument(name, value),
    }
}

/// Converts a mapping to pairs of a name and a value. Returns an error for a value that is not a string, a number or a
/// boolean.
pub(crate) fn entries(name: &str, mapping: Option<&Bound<'_, PyAny>>) -> PyResult<Vec<(String, String)>> {
    let Some(mapping) = mapping else { return Ok(Vec::new()) };
    let Ok(mapping) = mapping.cast::<PyMapping>() else {
        return Err(wrong(name, format!("{} is not a mapping", kind(mapping))));
    };
    let entry = |entry: Bound<'_, PyAny>| {
        let (key, value): (Bound<'_, PyAny>, Bound<'_, PyAny>) = entry.extract()?;
        Ok((argument(name, &key)?, parameter(name, &value)?))
    };
    mapping.items()?.iter().map(entry).collect()
}

/// Formats the value of a query parameter or an HTTP header. A boolean becomes `true` or `false`, as in Codat's API.
fn parameter(name: &str, value: &Bound<'_, PyAny>) -> PyResult<String> {
    if let Ok(value) = value.cast::<PyBool>() {
        return Ok(value.is_true().to_string());
    }
    if value.is_instance_of::<PyString>() || value.is_instance_of::<PyInt>() || value.is_instance_of::<PyFloat>() {
        return value.str()?.extract();
    }
    Err(wrong(name, format!("a value in it is a {}, and no str, int, float or bool", kind(value))))
}

/// Converts a duration: a number of seconds, a `timedelta`, or `None`.
pub(crate) fn seconds(name: &str, time: &Bound<'_, PyAny>) -> PyResult<Option<Duration>> {
    Ok(number_of_seconds(name, time)?.map(codat_keys::internal::seconds))
}

/// Converts a duration: a number of seconds, a `timedelta`, or `None`. Returns an error for NaN, and for a duration of
/// less than `minimum` seconds.
pub(crate) fn seconds_from(minimum: f64, name: &str, time: &Bound<'_, PyAny>) -> PyResult<Option<Duration>> {
    match number_of_seconds(name, time)? {
        Some(number) if number.is_nan() || number < minimum => {
            Err(PyValueError::new_err(format!("argument '{name}': the time must be at least {minimum} seconds")))
        }
        number => Ok(number.map(codat_keys::internal::seconds)),
    }
}

fn number_of_seconds(name: &str, time: &Bound<'_, PyAny>) -> PyResult<Option<f64>> {
    match time.getattr_opt(intern!(time.py(), "total_seconds"))? {
        Some(total_seconds) => total_seconds.call0()?.extract().map(Some),
        None => argument(name, time),
    }
}

pub(crate) fn wrong(name: &str, what: impl std::fmt::Display) -> PyErr {
    PyTypeError::new_err(format!("argument '{name}': {what}"))
}

pub(crate) fn kind(value: &Bound<'_, PyAny>) -> String {
    value.get_type().name().map_or_else(|_| "thing".into(), |name| name.to_string())
}
