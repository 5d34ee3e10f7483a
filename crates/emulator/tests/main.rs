//! Tests of the emulator over its socket.

// Helper functions panic as tests do.
#![allow(clippy::unwrap_used)]

mod authentication;
mod behaviours;
mod clock;
mod companies;
mod controls;
mod fault_connections;
mod fault_effects;
mod fault_responses;
mod fault_scripts;
mod idempotency;
mod invoices;
mod journal;
mod keys;
mod lifecycle;
mod limits;
mod openapi;
mod schema;
mod state_file;
mod support;
