//! Rotations over HTTP against the emulator. The tests check the state and the journal of the emulator.

mod happy;
mod support;
