//! What the emulator does, seen through its socket.

// The helpers beside the tests stop at once too, when they cannot do their work.
#![allow(clippy::unwrap_used)]

mod auth;
mod behaviours;
mod companies;
mod controls;
mod journal;
mod keys;
mod lifecycle;
mod limits;
mod schema;
mod state_file;
mod support;
