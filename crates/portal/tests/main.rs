//! The page over raw sockets, judged by what they receive and by what the emulator then holds.

#[path = "../../../tests/support/bounded.rs"]
#[allow(dead_code, reason = "shared with other tests, which use the rest")]
mod bounded;
mod guard;
mod pages;
mod roles;
mod secrets;
mod support;
