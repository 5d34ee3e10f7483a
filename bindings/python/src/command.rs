//! A command as a source of keys.

use std::path::PathBuf;
use std::time::Duration;

use pyo3::prelude::*;
use pyo3::types::PyString;

use crate::arguments::{argument, wrong};
use crate::options::seconds;

/// A command that prints a key or a whole header, and nothing else, such as the client of a vault: for
/// ``Client(api_key_command=…)``.
///
/// It is run without a shell and input, with this process's environment except the variables that hold or name a key:
/// with the first call, again when Codat refuses its key, and once the key is older than ``cached_for``. ``argv`` is the
/// program, looked up in ``PATH``, and its arguments, which hold no secret: every process of the machine can read them.
/// Both times are in seconds, or a timedelta:
///
/// - ``timeout``, for one run, after which it is killed, but not what it started: 10 s; the call may end earlier
/// - ``cached_for``, how long its key is used before it is run again: until Codat refuses the key
///
/// A run fails with ``InvalidCredentialError``: where the command cannot be started, does not end in time, prints more
/// than 64 KiB, ends with another status than 0 (what it wrote to its standard error is told, at most 500 characters),
/// or prints no key. What it printed is never told.
///
/// >>> command = KeyCommand(["printf", "ExampleKeyForTheDocs0000000000000000000A"], cached_for=600)
/// >>> command
/// <KeyCommand printf>
/// >>> Client(api_key_command=command).reload_key()
/// True
#[pyclass(frozen, module = "codat_keys")]
pub(crate) struct KeyCommand {
    argv: Vec<PathBuf>,
    timeout: Option<Duration>,
    cached_for: Option<Duration>,
}

#[pymethods]
impl KeyCommand {
    #[new]
    #[pyo3(signature = (argv, *, timeout=None, cached_for=None))]
    fn new(
        argv: &Bound<'_, PyAny>,
        timeout: Option<&Bound<'_, PyAny>>,
        cached_for: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Self> {
        let time = |name, given: Option<&Bound<'_, PyAny>>| given.map_or(Ok(None), |given| seconds(name, given));
        let (timeout, cached_for) = (time("timeout", timeout)?, time("cached_for", cached_for)?);
        Ok(Self { argv: words("argv", argv)?, timeout, cached_for })
    }

    /// Without the arguments, which may be a secret all the same.
    fn __repr__(&self) -> String {
        format!("<KeyCommand {}>", self.argv.first().map_or_else(String::new, |program| program.display().to_string()))
    }
}

impl KeyCommand {
    /// One with options, or a list of the program and its arguments.
    pub(crate) fn given(value: &Bound<'_, PyAny>) -> PyResult<codat_keys::KeyCommand> {
        let Ok(given) = value.cast::<Self>() else {
            return Ok(codat_keys::KeyCommand::new(words("api_key_command", value)?));
        };
        let Self { argv, timeout, cached_for } = given.get();
        let command = codat_keys::KeyCommand::new(argv);
        let command = if let Some(time) = timeout { command.timeout(*time) } else { command };
        Ok(if let Some(time) = cached_for { command.cached_for(*time) } else { command })
    }
}

fn words(name: &str, value: &Bound<'_, PyAny>) -> PyResult<Vec<PathBuf>> {
    if value.is_instance_of::<PyString>() {
        return Err(wrong(name, "a list of the program and its arguments, since no shell would take a text apart"));
    }
    argument(name, value)
}
