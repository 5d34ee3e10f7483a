//! What the Node package calls. It converts types, errors and ways of waiting, and knows nothing about keys. The classes
//! that a user meets are in `node/src`.

#![deny(clippy::non_ascii_literal, reason = "what is shown can be encoded anywhere")]

mod asking;
mod calls;
mod client;
mod details;
mod emulator;
mod errors;
pub mod secrets;
mod waiting;
