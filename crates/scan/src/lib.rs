//! Finds known API keys in bytes, files, archives and git repositories, in every common encoding.
//!
//! A [`Scanner`] searches for the keys that it is given, and for nothing else. It does not guess from patterns or from
//! entropy. It finds a key in its plain form, in the Base64 of the `Authorization` header, and in other encodings, such
//! as hexadecimal, escape sequences and UTF-16, also if the text is wrapped, quoted or split into parts.
//!
//! ```
//! use codat_keys_scan::{Key, Scanner};
//!
//! let scanner = Scanner::new([Key::new("MadeUpKeyForTheDocsOfTheScanner000000000")?.with_name("billing")])?;
//! let findings = scanner.scan_bytes(b"auth: TWFkZVVwS2V5Rm9yVGhlRG9jc09mVGhlU2Nhbm5lcjAwMDAwMDAwMA==");
//! assert_eq!(findings[0].encoding, "Base64");
//! assert_eq!(findings[0].column, 7);
//! # Ok::<(), codat_keys_scan::Error>(())
//! ```

#[cfg(feature = "git")]
mod git;
mod tree;

#[cfg(feature = "archive")]
mod archive;

mod text;

mod scanner;

mod stream;

mod excerpt;

mod decode;

mod matcher;

mod needles;
mod seeds;

mod error;
mod finding;
mod key;

pub use error::Error;
pub use finding::{Event, Finding, GitObject, Place, Severity, Totals};
pub use key::Key;
pub use scanner::Scanner;
