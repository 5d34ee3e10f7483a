//! `config.toml`: no error repeats a key that was put there by mistake, and what `login` and `logout` write is read again.

#![no_main]

use std::path::Path;

use codat_keys_fuzz::{has_key, with_key};
use libfuzzer_sys::fuzz_target;

use config::{Config, Name, Place};

#[allow(dead_code, reason = "the command line uses the rest")]
#[path = "../../crates/cli/src/config/mod.rs"]
mod config;

/// As in the command line, which also reports it.
mod failure {
    use std::fmt::{Display, Formatter, Result};

    pub(crate) struct Failure(String);

    impl From<codat_keys::Error> for Failure {
        fn from(error: codat_keys::Error) -> Self {
            Self::local(&error, error.hint())
        }
    }

    impl Failure {
        pub(crate) fn local(message: impl Display, hint: impl Display) -> Self {
            Self(format!("{message} {hint}"))
        }
    }

    impl Display for Failure {
        fn fmt(&self, f: &mut Formatter<'_>) -> Result {
            f.write_str(&self.0)
        }
    }
}

/// As in the command line, for files that no target writes.
mod atomic_file {
    use std::io::{ErrorKind, Result};
    use std::path::Path;

    pub(crate) struct AtomicFile;

    impl AtomicFile {
        pub(crate) fn new_in(_: &Path) -> Result<Self> {
            Err(ErrorKind::Unsupported.into())
        }

        pub(crate) fn write(&mut self, _: &[u8]) -> Result<()> {
            Err(ErrorKind::Unsupported.into())
        }

        pub(crate) fn persist(self, _: &Path) -> Result<()> {
            Err(ErrorKind::Unsupported.into())
        }
    }
}

fuzz_target!(|input: &str| {
    let mut config = match read(with_key(input).as_bytes()) {
        Ok(config) => config,
        Err(error) => return assert!(!has_key(&error), "{error}"),
    };
    let before = profiles(&config);
    assert_eq!(profiles(&read_again(&config)), before);

    let name = Name::parse("work", "").map_err(|error| error.to_string()).expect("a name");
    config.put(&name, "https://api.codat.io", Place::File);
    config.use_profile(&name);
    let again = read_again(&config);
    assert_eq!(profiles(&again), profiles(&config));
    assert!(again.find(&name).is_some() && again.in_use() == Some(&name));

    config.remove(&name);
    let again = read_again(&config);
    assert!(again.find(&name).is_none() && again.in_use().is_none());
    assert!(profiles(&again).iter().eq(before.iter().filter(|profile| !profile.starts_with("work "))));
});

fn read(bytes: &[u8]) -> Result<Config, String> {
    Config::parse(Path::new("/home/config.toml"), bytes).map_err(|failure| failure.to_string())
}

fn read_again(config: &Config) -> Config {
    read(config.text().as_bytes()).unwrap_or_else(|error| panic!("{error}\n{}", config.text()))
}

/// In the order of their names.
fn profiles(config: &Config) -> Vec<String> {
    let profile = |it: &config::Profile| format!("{} {} {}", it.name, it.base_url, it.source);
    let mut profiles: Vec<String> = config.profiles().iter().map(profile).collect();
    profiles.sort();
    profiles
}
