//! The native module of the Node package. It connects the Rust client to the event loops of JavaScript, and converts
//! types and errors. It contains no logic for API keys, because the Rust client manages API keys. `node/src` declares
//! the public classes.

#![deny(clippy::non_ascii_literal, reason = "messages must be printable in any encoding")]

// Modules are grouped in layers, from the top layer to the bottom layer. A module uses only modules of its own layer
// and of lower layers.
mod pending_calls;

mod rotation;

mod scan;

mod calls;
mod client;

mod diagnostics;

mod responses;

mod emulator;
pub mod secrets;

mod errors;

mod key_types;
