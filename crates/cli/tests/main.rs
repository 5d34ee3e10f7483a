//! Tests of the command line as a child process, over real HTTP.

#![allow(clippy::unwrap_used, reason = "a test that cannot set itself up should stop at once")]

mod api;
mod audit;
#[path = "../../../tests/support/bounded.rs"]
#[allow(dead_code, reason = "shared with other tests, which use the rest")]
mod bounded;
mod canary;
#[cfg(target_os = "linux")]
mod children;
#[cfg(target_os = "linux")]
mod completions;
mod doctor;
#[cfg(target_os = "linux")]
mod doctor_causes;
#[cfg(target_os = "linux")]
mod emulator_memory;
mod encode_cases;
#[cfg(target_os = "linux")]
mod encodings;
mod exec;
#[cfg(target_os = "linux")]
mod home;
#[cfg(target_os = "linux")]
mod init;
#[cfg(all(target_os = "linux", feature = "keyring", feature = "portal"))]
mod interface;
mod json_errors;
#[cfg(all(target_os = "linux", feature = "keyring"))]
mod keyring;
mod keys;
#[cfg(target_os = "linux")]
mod login;
#[cfg(target_os = "linux")]
mod misplaced;
mod mistakes;
#[cfg(unix)]
mod out_file;
mod outcomes;
#[cfg(unix)]
mod output_file;
#[cfg(all(unix, feature = "portal"))]
mod portal;
#[cfg(target_os = "linux")]
#[path = "../../../tests/support/process.rs"]
mod process;
#[cfg(target_os = "linux")]
mod profiles;
#[path = "../../../tests/support/raw_server.rs"]
#[allow(dead_code, reason = "shared with other tests, which use the rest")]
mod raw_server;
mod readme;
#[cfg(target_os = "linux")]
mod rotate;
#[cfg(all(target_os = "linux", feature = "keyring"))]
mod rotate_canary;
#[cfg(target_os = "linux")]
mod rotate_followed;
#[cfg(all(target_os = "linux", feature = "keyring"))]
mod rotate_keyring;
#[cfg(target_os = "linux")]
mod rotate_places;
#[cfg(target_os = "linux")]
mod rotate_signals;
#[cfg(all(target_os = "linux", feature = "object-store"))]
mod rotate_store;
#[cfg(target_os = "linux")]
mod rotate_tools;
#[cfg(unix)]
mod scan;
mod scenarios;
#[cfg(target_os = "linux")]
mod secrecy;
#[cfg(unix)]
mod secret_outputs;
#[cfg(all(target_os = "linux", feature = "keyring"))]
mod secret_service;
#[cfg(unix)]
mod signals;
#[cfg(unix)]
mod state_file;
#[cfg(all(target_os = "linux", feature = "object-store"))]
mod storage_server;
mod support;
#[cfg(unix)]
mod terminal;
#[cfg(target_os = "linux")]
mod trust;
mod verify;
mod verify_proxy;
