//! The native module of the Node package. It converts types and errors, and connects the core to the event loops of
//! JavaScript. It has no rules about keys. `node/src` declares the public classes.

#![deny(clippy::non_ascii_literal, reason = "messages must be printable in any encoding")]

// The modules from the top layer to the bottom layer. A module uses only modules of its own layer and of the layers
// below.
mod pending_calls;

mod client;

mod key_callback;
mod responses;

mod calls;

mod emulator;
pub mod secrets;

mod errors;

mod key_types;
