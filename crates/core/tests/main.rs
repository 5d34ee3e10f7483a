//! Tests of the public interface over HTTP, and of the cases in `tests/scenario`.

#![allow(clippy::unwrap_used, reason = "a test that cannot set itself up should stop at once")]

mod any_call;
mod authorization;
mod blocking;
mod body_limits;
#[path = "../../../tests/support/bounded.rs"]
mod bounded;
mod canary;
mod commands;
mod connect;
mod conversions;
mod credential_refresh;
mod exactly_once;
mod files;
mod http_client;
mod insecure_http;
mod interleavings;
mod lifecycle;
mod misplaced;
mod pages;
mod pages_properties;
#[path = "../../../tests/support/process.rs"]
mod process;
mod profiles;
mod properties;
mod providers;
#[path = "../../../tests/support/raw_server.rs"]
mod raw_server;
mod requests;
mod responses;
mod scenarios;
mod streaming;
mod wire;
