//! Reading of environment variables. Error messages contain the name of an invalid variable.

use std::ffi::OsString;
use std::path::PathBuf;

use crate::error::{Error, ErrorKind};

/// A function that returns the value of an environment variable.
pub(crate) type Environment<'a> = &'a dyn Fn(&str) -> Option<OsString>;

/// Returns the value of an environment variable of this process.
pub fn process_environment(name: &str) -> Option<OsString> {
    std::env::var_os(name)
}

/// Reads an environment variable as text. Returns an error if the value is empty.
pub(crate) fn variable(environment: Environment<'_>, name: &str) -> Result<Option<String>, Error> {
    let refuse = |what: &str| {
        Err(Error::new(ErrorKind::InvalidInput, format!("{name} {what}"))
            .with_hint(format!("set {name} to a value, or unset it")))
    };
    match environment(name).map(OsString::into_string) {
        None => Ok(None),
        Some(Ok(value)) if value.is_empty() => refuse("is empty"),
        Some(Ok(value)) => Ok(Some(value)),
        Some(Err(_)) => refuse("is not valid Unicode"),
    }
}

/// Reads an environment variable as a Boolean. Returns false if the variable is not set.
pub(crate) fn switch(environment: Environment<'_>, name: &str) -> Result<bool, Error> {
    match variable(environment, name)?.as_deref() {
        None | Some("false" | "0") => Ok(false),
        Some("true" | "1") => Ok(true),
        Some(_) => Err(Error::new(ErrorKind::InvalidInput, format!("{name} is neither true nor false"))
            .with_hint(format!("set {name} to true or false, or unset it"))),
    }
}

/// Reads an environment variable as a path. Returns an error if the value is empty.
pub(crate) fn path(environment: Environment<'_>, name: &str) -> Result<Option<PathBuf>, Error> {
    match environment(name) {
        Some(path) if path.is_empty() => variable(environment, name).map(|_| None),
        path => Ok(path.map(PathBuf::from)),
    }
}
