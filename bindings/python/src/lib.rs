//! `codat_keys._native`, the native module of the Python package. It connects the Rust client to threads and event
//! loops, and converts types and errors. It contains no logic for API keys, because the Rust client manages API keys.
//! `python/codat_keys/_native.pyi` repeats the docs of the public classes.

#![deny(clippy::non_ascii_literal, reason = "messages must be printable in any encoding")]

// Modules are grouped in layers, from the top layer to the bottom layer. A module uses only modules of its own layer
// and of lower layers.
mod blocking;
mod completion_queue;

mod aio;
mod blocking_body;

mod watch;

mod logs;

mod rotation;

mod scan;

mod calls;
mod options;

mod command;
mod key_callback;
mod responses;
mod staged;

mod key_types;

mod secrets;

mod emulator;
mod errors;

mod arguments;
mod interpreter;
mod json;

use pyo3::pymodule;

/// The native module.
#[pymodule]
mod _native {
    use pyo3::prelude::*;
    use pyo3::types::PyTuple;

    #[pymodule_export]
    use crate::aio::{AsyncCore, Runtime};
    #[pymodule_export]
    use crate::blocking::BlockingCore;
    #[pymodule_export]
    use crate::blocking_body::BlockingBody;
    #[pymodule_export]
    use crate::calls::{
        AsyncBody, Call, PageCursor, authorize, create, delete, find, get, list, reauthorize, reload_key, request,
        stream, whoami,
    };
    #[pymodule_export]
    use crate::command::KeyCommand;
    #[pymodule_export]
    use crate::completion_queue::{CompletionQueue, Task};
    #[pymodule_export]
    use crate::emulator::Emulator;
    #[pymodule_export]
    use crate::interpreter::ensure_running;
    #[pymodule_export]
    use crate::key_callback::KeyRequest;
    #[pymodule_export]
    use crate::key_types::{ApiKeyDetails, Creation};
    #[pymodule_export]
    use crate::options::Options;
    #[pymodule_export]
    use crate::responses::{Page, RateLimit, Response, ResponseHead};
    #[pymodule_export]
    use crate::rotation::{RotationCore, RotationRequest};
    #[pymodule_export]
    use crate::scan::{PathScan, ScannerCore};
    #[pymodule_export]
    use crate::secrets::{ApiKey, AuthorizationHeader, encode, masked};
    #[pymodule_export]
    use crate::staged::{StagedPlan, plan_staged};

    #[pymodule_init]
    fn begin(module: &Bound<'_, PyModule>) -> PyResult<()> {
        let variables = PyTuple::new(module.py(), codat_keys::internal::CREDENTIAL_VARIABLES)?;
        module.add("CREDENTIAL_VARIABLES", variables)?;
        crate::interpreter::check_main_interpreter()
    }
}
