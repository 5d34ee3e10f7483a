//! The members of a JSON object, taken out one by one, so that what is left over is unknown.

use std::time::Duration;

use serde_json::{Map, Value};

/// In milliseconds: an hour.
const MAX_DELAY: u64 = 3_600_000;

pub(crate) struct Members(pub(crate) Map<String, Value>);

impl Members {
    pub(crate) fn text(&mut self, name: &str) -> Result<Option<String>, String> {
        match self.0.remove(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(format!("`{name}` must be a string")),
        }
    }

    /// A whole number between bounds.
    pub(crate) fn number(&mut self, name: &str, min: u64, max: u64) -> Result<Option<u64>, String> {
        let Some(value) = self.0.remove(name) else { return Ok(None) };
        match value.as_u64() {
            Some(number) if (min..=max).contains(&number) => Ok(Some(number)),
            _ => Err(format!("`{name}` must be a whole number from {min} to {max}")),
        }
    }

    pub(crate) fn milliseconds(&mut self) -> Result<Duration, String> {
        required("milliseconds", self.number_of_milliseconds()?)
    }

    pub(crate) fn number_of_milliseconds(&mut self) -> Result<Option<Duration>, String> {
        Ok(self.number("milliseconds", 0, MAX_DELAY)?.map(Duration::from_millis))
    }

    /// One of a few words.
    pub(crate) fn choice<T: Copy>(&mut self, name: &str, words: &[(&str, T)]) -> Result<Option<T>, String> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        match words.iter().find(|(word, _)| *word == text) {
            Some((_, choice)) => Ok(Some(*choice)),
            None => {
                let words: Vec<String> = words.iter().map(|(word, _)| format!("`{word}`")).collect();
                Err(format!("`{name}` must be one of {}", words.join(", ")))
            }
        }
    }

    pub(crate) fn value(&mut self, name: &str) -> Option<Value> {
        self.0.remove(name)
    }

    /// Refuses what nobody asked for.
    pub(crate) fn end(self) -> Result<(), String> {
        match self.0.keys().next() {
            None => Ok(()),
            Some(name) => Err(format!("`{name}` is unknown here")),
        }
    }
}

pub(crate) fn required<T>(name: &str, value: Option<T>) -> Result<T, String> {
    value.ok_or_else(|| format!("`{name}` is missing"))
}
