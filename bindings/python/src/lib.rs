//! `codat_keys._native`: what the Python package calls. It converts types, errors and ways of waiting, and knows nothing
//! about keys. The classes that a user meets are documented in `python/codat_keys/_native.pyi`.

#![deny(clippy::non_ascii_literal, reason = "what is shown can be encoded anywhere")]

mod aio;
mod answers;
mod arguments;
mod asking;
mod blocking;
mod calls;
mod command;
mod completions;
mod details;
mod emulator;
mod errors;
mod interpreter;
mod logs;
mod options;
mod secrets;

use pyo3::pymodule;

/// The module.
#[pymodule]
mod _native {
    use pyo3::prelude::*;

    #[pymodule_export]
    use crate::aio::{AsyncCore, Runtime};
    #[pymodule_export]
    use crate::answers::{Page, RateLimit, Response};
    #[pymodule_export]
    use crate::asking::Question;
    #[pymodule_export]
    use crate::blocking::BlockingCore;
    #[pymodule_export]
    use crate::calls::{
        Call, Walk, authorize, create, delete, find, get, list, reauthorize, reload_key, request, whoami,
    };
    #[pymodule_export]
    use crate::command::KeyCommand;
    #[pymodule_export]
    use crate::completions::{Completions, Task};
    #[pymodule_export]
    use crate::details::{ApiKeyDetails, Creation};
    #[pymodule_export]
    use crate::emulator::Emulator;
    #[pymodule_export]
    use crate::interpreter::ensure_running;
    #[pymodule_export]
    use crate::options::Options;
    #[pymodule_export]
    use crate::secrets::{ApiKey, AuthorizationHeader, encode};

    #[pymodule_init]
    fn begin(_module: &Bound<'_, PyModule>) -> PyResult<()> {
        crate::interpreter::must_be_the_main_one()
    }
}
