//! Rotations over HTTP against the emulator.
