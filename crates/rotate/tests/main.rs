//! Rotations over HTTP against the emulator. The tests check the state and the journal of the emulator.

// Helper functions panic as tests do.
#![allow(clippy::unwrap_used)]

mod cancelled;
mod changed_sinks;
mod failures;
mod happy;
mod interrupted;
mod raw_codat;
#[path = "../../../tests/support/raw_server.rs"]
#[allow(dead_code, reason = "shared with other tests, which use the rest")]
mod raw_server;
mod raw_socket;
mod staged;
mod support;
mod two_rotations;
mod unknown_sinks;
mod wrong_responses;
