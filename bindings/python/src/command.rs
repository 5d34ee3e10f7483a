//! A command that prints the API key.

use std::path::PathBuf;

use codat_keys::internal::mask_credentials;
use codat_keys_bindings::KeyCommandOptions;
use pyo3::prelude::*;
use pyo3::types::PyString;

use crate::arguments::{argument, seconds, wrong};

/// A command that prints an API key or the value of an ``Authorization`` header, such as the command-line program of a
/// secret store.
///
/// Pass the command to ``Client(api_key_command=...)``. The first call of the client runs the command. The client runs
/// the command again after Codat rejects the API key, and when the API key is older than ``cached_for``. The command
/// runs without a shell and without input. It inherits the environment of this process, except for ``CODAT_API_KEY``,
/// ``CODAT_AUTH_HEADER``, ``CODAT_API_KEY_FILE`` and ``CODAT_PROFILE``. The command is killed if its timeout elapses,
/// or if the call that started it times out, is interrupted or is cancelled. On Unix, its whole process group is
/// killed.
///
/// ``argv`` contains the program and its arguments. The program is searched in ``PATH``. Do not put a secret into the
/// arguments, because every process of the machine can read them. Both times are in seconds, or a timedelta:
///
/// - ``timeout``: the time limit of one run of the command. Default: 10 s.
/// - ``cached_for``: how long the client uses the API key before it runs the command again. Default: until Codat
///   rejects the API key.
///
/// A call raises ``InvalidCredentialError`` if the command cannot be started, does not exit in time, prints more than
/// 64 KiB, exits with a status other than 0, or prints no valid API key. The error quotes up to 500 characters of the
/// standard error of a failed command, with API keys masked. No error quotes its standard output.
///
/// >>> command = KeyCommand(["printf", "ExampleKeyForTheDocs0000000000000000000A"], cached_for=600)
/// >>> command
/// <KeyCommand printf>
/// >>> Client(api_key_command=command).reload_key()
/// True
#[pyclass(frozen, module = "codat_keys")]
pub(crate) struct KeyCommand(KeyCommandOptions);

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
        Ok(Self(KeyCommandOptions { argv: words("argv", argv)?, timeout, cached_for }))
    }

    /// Returns a text that contains the program, with API keys masked. The text omits the arguments of the program,
    /// because they may contain a secret.
    fn __repr__(&self) -> String {
        let program = self.0.argv.first().map_or_else(String::new, |program| program.display().to_string());
        format!("<KeyCommand {}>", mask_credentials(&program))
    }
}

impl KeyCommand {
    /// Converts the argument `api_key_command`. The argument is a `KeyCommand`, or a list that contains a program and
    /// its arguments.
    pub(crate) fn given(value: &Bound<'_, PyAny>) -> PyResult<KeyCommandOptions> {
        match value.cast::<Self>() {
            Ok(command) => Ok(command.get().0.clone()),
            Err(_) => Ok(KeyCommandOptions { argv: words("api_key_command", value)?, timeout: None, cached_for: None }),
        }
    }
}

fn words(name: &str, value: &Bound<'_, PyAny>) -> PyResult<Vec<PathBuf>> {
    if value.is_instance_of::<PyString>() {
        return Err(wrong(name, "a list of the program and its arguments, since no shell would take a text apart"));
    }
    argument(name, value)
}
