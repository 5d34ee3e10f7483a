//! Rotations over HTTP against the emulator. The tests check the state and the journal of the emulator.

// Helper functions panic as tests do.
#![allow(clippy::unwrap_used)]

mod changed_sinks;
mod failures;
mod happy;
mod interrupted;
mod support;
mod two_rotations;
mod wrong_responses;
