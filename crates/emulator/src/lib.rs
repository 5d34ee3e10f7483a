//! A stateful local emulator of a part of Codat's API. The emulator supports six operations: list, create and delete
//! API keys, list companies and invoices, and read the profile.
//!
//! The emulator enforces Codat's rules: ten keys, names of at most 50 characters, and no deletion of the last key. Its
//! responses have the same bodies and headers as responses of Codat's API. A request with a repeated `Idempotency-Key`
//! gets the response that the emulator stored for the first request. The emulator needs no Codat account and no
//! network. [`BEHAVIOURS`] lists the emulator's behaviours and the evidence for each of them.
//!
//! ```
//! # fn main() -> std::io::Result<()> {
//! let emulator = codat_keys_emulator::Emulator::start()?;
//! println!("{} accepts {}", emulator.base_url(), emulator.api_key());
//! # Ok(())
//! # }
//! ```
//!
//! Tests read and change the state of the emulator through the control endpoints, which need no API key. A request body
//! must be `application/json`:
//!
//! | request | effect |
//! | --- | --- |
//! | `GET /_emulator/state` | returns the keys (masked), the numbers of companies and invoices, the settings and the rate limit |
//! | `PUT /_emulator/state` | changes the keys, the numbers of companies and invoices, the settings or the rate limit; absent fields keep their values |
//! | `GET /_emulator/journal` | returns the newest 10,000 requests, without secrets |
//! | `DELETE /_emulator/journal` | clears the journal |
//! | `GET /_emulator/clock` | returns the emulator's current time |
//! | `POST /_emulator/clock` | advances the clock |
//! | `GET /_emulator/faults` | returns the remaining faults |
//! | `PUT /_emulator/faults` | replaces the faults: `docs/emulator.md` lists them |
//! | `DELETE /_emulator/faults` | removes all faults |
//!
//! The body of `PUT /_emulator/state` is JSON. Every field is optional, including the fields of a key. The emulator
//! generates an absent `id` or `apiKey`. Unknown fields are rejected. A request with an invalid body changes nothing:
//!
//! ```json
//! {
//!   "keys": [{"id": "an-id", "name": "a name", "apiKey": "a-made-up-key", "createdDate": "2026-11-24T22:53:25Z"}],
//!   "companies": 5,
//!   "invoices": 1000,
//!   "lastKeyCanBeDeleted": false,
//!   "enforceLimits": false,
//!   "rateLimit": {"remaining": 6000}
//! }
//! ```

#![cfg_attr(not(test), deny(clippy::non_ascii_literal, reason = "output must be encodable on any terminal"))]

// The modules are listed by layer, from top to bottom. A module uses only modules in the layers below it.
mod emulator;
mod server_thread;
mod service;

mod controls;
mod fault_injection;
mod origin_check;
mod pipeline;

mod operations;

mod server;

mod fault_script;
mod journal;

mod authentication;
mod fault;
mod idempotency;
mod state_file;

mod account;
mod companies;
mod faulty_body;
mod invoices;
mod listener;

mod clock;
mod generator;
mod json;
mod lists;
mod mask;
mod quota;
mod wire;

mod behaviours;
#[cfg(fuzzing)]
pub mod fuzzing;

pub use behaviours::{BEHAVIOURS, Behaviour, Evidence, behaviours_as_markdown, behaviours_as_text};
pub use emulator::{Emulator, EmulatorBuilder};
