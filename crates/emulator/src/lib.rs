//! A stateful local stand-in for the operations of Codat's API that concern API keys: list, create and delete
//! keys, list companies, read the profile.
//!
//! It keeps the same rules as Codat (ten keys, names of at most 50 characters, the last key stays), answers with the
//! same bodies and headers, replays what was answered under an `Idempotency-Key` (for as long as it runs), and needs no
//! account and no network. Where Codat's documents disagree or are silent, [`BEHAVIOURS`] says what the emulator does
//! and how sure that is.
//!
//! ```
//! # fn main() -> std::io::Result<()> {
//! let emulator = codat_keys_emulator::Emulator::start()?;
//! println!("{} accepts {}", emulator.base_url(), emulator.api_key());
//! # Ok(())
//! # }
//! ```
//!
//! A test reads and changes the state through the controls, which need no key. A body must be `application/json`:
//!
//! | call | what it does |
//! | --- | --- |
//! | `GET /_emulator/state` | the keys (masked), the number of companies, the switches and the rate limit |
//! | `PUT /_emulator/state` | changes any of them; what is absent stays as it is |
//! | `GET /_emulator/journal` | the newest 10,000 requests, without secrets |
//! | `DELETE /_emulator/journal` | forgets them |
//! | `GET /_emulator/clock` | the time that the emulator goes by |
//! | `POST /_emulator/clock` | puts it forward |
//! | `GET /_emulator/faults` | what is still to go wrong |
//! | `PUT /_emulator/faults` | replaces it: `docs/emulator.md` lists the faults |
//! | `DELETE /_emulator/faults` | lets nothing go wrong any more |
//!
//! The state to `PUT` is JSON. Every member may be absent, in a key too (an absent `id` or `apiKey` is made up);
//! unknown members are refused, and a wrong state changes nothing:
//!
//! ```json
//! {
//!   "keys": [{"id": "an-id", "name": "a name", "apiKey": "a-made-up-key", "createdDate": "2026-11-24T22:53:25Z"}],
//!   "companies": 5,
//!   "lastKeyCanBeDeleted": false,
//!   "enforceLimits": false,
//!   "rateLimit": {"remaining": 6000}
//! }
//! ```

#![cfg_attr(not(test), deny(clippy::non_ascii_literal, reason = "what is shown can be encoded anywhere"))]

mod behaviours;
mod clock;
mod codat;
mod companies;
mod controls;
mod emulator;
mod fault;
mod fidelity;
#[cfg(fuzzing)]
pub mod fuzzing;
mod gate;
mod generator;
mod guard;
mod handling;
mod http;
mod idempotency;
mod journal;
mod late;
mod link;
mod mask;
mod members;
mod pages;
mod play;
mod quota;
mod script;
mod server;
mod state;
mod store;
mod stream;
mod wire;

pub use behaviours::{BEHAVIOURS, Behaviour, Mark};
pub use emulator::{Builder, Emulator};
pub use fidelity::{explain, fidelity};
