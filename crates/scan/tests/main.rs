//! The tests of the crate.

mod encodings;
#[cfg(feature = "git")]
mod git;
mod tree;
