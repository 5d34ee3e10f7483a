//! Converts JSON to Python objects without intermediate Rust values. The result is the same as the result of
//! `json.loads`.

#![allow(unsafe_code, reason = "the safe constructors of PyO3 panic if there is not enough memory")]

use std::cell::RefCell;
use std::collections::HashMap;
use std::ffi::c_char;
use std::fmt;

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyList, PyString};
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use crate::interpreter::call;

/// Parses a JSON text in about two thirds of the time of `json.loads`. If this parser rejects the text, returns the
/// result of `json.loads`. For example, this parser rejects lone surrogates, integers of more than 64 bits, `-0`, `NaN`
/// and invalid JSON. The traceback of an error contains no frame of `json.loads`.
///
/// If there is not enough memory for the objects, this parser also rejects the text, and `json.loads` raises
/// `MemoryError`.
pub(crate) fn parse<'py>(py: Python<'py>, text: &str) -> PyResult<Bound<'py, PyAny>> {
    let parsed = without_garbage_collection(py, || {
        let names = RefCell::default();
        let mut deserializer = serde_json::Deserializer::from_str(text);
        let value = ValueSeed { py, names: &names }.deserialize(&mut deserializer)?;
        deserializer.end().map(|()| value)
    })?;
    if let Ok(value) = parsed {
        return Ok(value);
    }
    // Removes the traceback of an error: the frames of Python's parser have the whole text as a local variable.
    let loads = py.import("json")?.getattr("loads")?;
    call(&loads, (text,)).inspect_err(|error| error.set_traceback(py, None))
}

/// Runs `parse` while Python's garbage collector is disabled. An enabled collector would run after every few hundred
/// new containers, and would free none of the parsed values. While the collector is disabled, no Python code runs.
fn without_garbage_collection<T>(py: Python<'_>, parse: impl FnOnce() -> T) -> PyResult<T> {
    let gc = py.import("gc")?;
    if !gc.call_method0("isenabled")?.is_truthy()? {
        return Ok(parse());
    }
    gc.call_method0("disable")?;
    let parsed = parse();
    gc.call_method0("enable")?;
    Ok(parsed)
}

/// Returns a new Python object. Returns an error if `new` returns null, which means that there is not enough memory.
fn created<'py, E: Error>(py: Python<'py>, new: impl FnOnce() -> *mut ffi::PyObject) -> Result<Bound<'py, PyAny>, E> {
    // SAFETY: `new` calls a constructor of the C interface, which returns a new reference or null.
    unsafe { Bound::from_owned_ptr_or_err(py, new()) }.map_err(no_memory)
}

/// Converts an error of Python to an error that reports a lack of memory. Ignores the text of the original error,
/// because formatting the text would need memory.
fn no_memory<E: Error>(_: impl Sized) -> E {
    E::custom("there is not enough memory")
}

fn new_string<'py, E: Error>(py: Python<'py>, text: &str) -> Result<Bound<'py, PyString>, E> {
    let length = text.len().try_into().map_err(E::custom)?;
    // SAFETY: the pointer and the length are those of the text.
    let new = || unsafe { ffi::PyUnicode_FromStringAndSize(text.as_ptr().cast::<c_char>(), length) };
    created(py, new)?.cast_into().map_err(no_memory)
}

/// Deserializes a JSON value to a Python object.
#[derive(Clone, Copy)]
struct ValueSeed<'a, 'py> {
    py: Python<'py>,
    /// The names of the JSON object members read so far, as Python strings. Equal names share one Python string.
    names: &'a RefCell<HashMap<String, Bound<'py, PyString>>>,
}

impl<'de, 'py> DeserializeSeed<'de> for ValueSeed<'_, 'py> {
    type Value = Bound<'py, PyAny>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, 'py> Visitor<'de> for ValueSeed<'_, 'py> {
    type Value = Bound<'py, PyAny>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(self.py.None().into_bound(self.py))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Self::Value, E> {
        Ok(PyBool::new(self.py, value).to_owned().into_any())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Self::Value, E> {
        // SAFETY: the function takes any value.
        created(self.py, || unsafe { ffi::PyLong_FromLongLong(value) })
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Self::Value, E> {
        // SAFETY: the function takes any value.
        created(self.py, || unsafe { ffi::PyLong_FromUnsignedLongLong(value) })
    }

    /// Rejects a number that may be an integer in the JSON text. The deserializer converts `-0` and integers of more
    /// than 64 bits to floating-point numbers, whereas `json.loads` converts them to integers.
    fn visit_f64<E: Error>(self, value: f64) -> Result<Self::Value, E> {
        if value.abs() >= 2_f64.powi(63) || (value == 0.0 && value.is_sign_negative()) {
            return Err(E::custom("the number may be an integer"));
        }
        // SAFETY: the function takes any value.
        created(self.py, || unsafe { ffi::PyFloat_FromDouble(value) })
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Self::Value, E> {
        new_string(self.py, value).map(Bound::into_any)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Self::Value, A::Error> {
        // SAFETY: zero is a valid length.
        let list = created(self.py, || unsafe { ffi::PyList_New(0) })?;
        let list = list.cast_into::<PyList>().map_err(no_memory)?;
        while let Some(element) = elements.next_element_seed(self)? {
            list.append(element).map_err(no_memory)?;
        }
        Ok(list.into_any())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
        // SAFETY: the function has no parameters.
        let dict = created(self.py, || unsafe { ffi::PyDict_New() })?;
        let dict = dict.cast_into::<PyDict>().map_err(no_memory)?;
        while let Some(name) = members.next_key_seed(NameSeed(self))? {
            dict.set_item(name, members.next_value_seed(self)?).map_err(no_memory)?;
        }
        Ok(dict.into_any())
    }
}

/// Deserializes the name of a JSON object member to a Python string.
struct NameSeed<'a, 'py>(ValueSeed<'a, 'py>);

impl<'de, 'py> DeserializeSeed<'de> for NameSeed<'_, 'py> {
    type Value = Bound<'py, PyString>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'py> Visitor<'_> for NameSeed<'_, 'py> {
    type Value = Bound<'py, PyString>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Self::Value, E> {
        let mut names = self.0.names.borrow_mut();
        if let Some(known) = names.get(name) {
            return Ok(known.clone());
        }
        let new = new_string(self.0.py, name)?;
        names.insert(name.to_owned(), new.clone());
        Ok(new)
    }
}
