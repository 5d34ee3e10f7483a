//! What the emulator does, seen through its socket.

// The helpers beside the tests stop at once too, when they cannot do their work.
#![allow(clippy::unwrap_used)]

mod auth;
mod behaviours;
mod clock;
mod companies;
mod controls;
mod fault_answers;
mod fault_connections;
mod fault_effects;
mod fault_script;
mod idempotency;
mod journal;
mod keys;
mod lifecycle;
mod limits;
mod schema;
mod state_file;
mod support;
