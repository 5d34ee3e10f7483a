//! Tests of the page over raw sockets. The tests check the responses of the page and the state of the emulator.

#[path = "../../../tests/support/bounded.rs"]
#[allow(dead_code, reason = "shared with other tests, which use the rest")]
mod bounded;
mod middleware;
mod pages;
mod roles;
mod secrets;
mod support;
