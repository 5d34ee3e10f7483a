//! What the Node package calls. It converts types, errors and ways of waiting, and knows nothing about keys. The classes
//! that a user meets are in `node/src`.

mod asking;
mod calls;
mod client;
mod details;
mod emulator;
mod errors;
pub mod secrets;
mod waiting;
