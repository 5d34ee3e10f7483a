//! Typed access to the fields of a JSON object. Each method removes a field from the object, so the fields that remain
//! at the end are unknown.

use std::time::Duration;

use serde_json::{Map, Value};

/// The maximum value of a field in milliseconds: one hour.
const MAX_MILLISECONDS: u64 = 3_600_000;

pub(crate) struct JsonFields(pub(crate) Map<String, Value>);

impl JsonFields {
    pub(crate) fn text(&mut self, name: &str) -> Result<Option<String>, String> {
        match self.0.remove(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(format!("`{name}` must be a string")),
        }
    }

    /// Removes a field whose value must be a whole number from `min` to `max`, and returns the number.
    pub(crate) fn number(&mut self, name: &str, min: u64, max: u64) -> Result<Option<u64>, String> {
        let Some(value) = self.0.remove(name) else { return Ok(None) };
        match value.as_u64() {
            Some(number) if (min..=max).contains(&number) => Ok(Some(number)),
            _ => Err(format!("`{name}` must be a whole number from {min} to {max}")),
        }
    }

    pub(crate) fn milliseconds(&mut self) -> Result<Duration, String> {
        required("milliseconds", self.optional_milliseconds()?)
    }

    pub(crate) fn optional_milliseconds(&mut self) -> Result<Option<Duration>, String> {
        Ok(self.number("milliseconds", 0, MAX_MILLISECONDS)?.map(Duration::from_millis))
    }

    /// Removes a field whose value must be one of `words`. Returns the value that is paired with the word.
    pub(crate) fn one_of<T: Copy>(&mut self, name: &str, words: &[(&str, T)]) -> Result<Option<T>, String> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        match words.iter().find(|(word, _)| *word == text) {
            Some((_, value)) => Ok(Some(*value)),
            None => {
                let words: Vec<String> = words.iter().map(|(word, _)| format!("`{word}`")).collect();
                Err(format!("`{name}` must be one of {}", words.join(", ")))
            }
        }
    }

    pub(crate) fn value(&mut self, name: &str) -> Option<Value> {
        self.0.remove(name)
    }

    /// Returns an error if any field remains, because such a field is unknown.
    pub(crate) fn reject_unknown(self) -> Result<(), String> {
        match self.0.keys().next() {
            None => Ok(()),
            Some(name) => Err(format!("`{name}` is unknown here")),
        }
    }
}

pub(crate) fn required<T>(name: &str, value: Option<T>) -> Result<T, String> {
    value.ok_or_else(|| format!("`{name}` is missing"))
}
