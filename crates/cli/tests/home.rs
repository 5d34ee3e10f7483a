//! A temporary home folder. Only on Linux, because on other systems, a login would use the keyring of the user who runs
//! the tests.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tempfile::TempDir;

use crate::support::{Ended, program, run_with_input};

pub(crate) struct Home(TempDir);

impl Home {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// Returns the program with this home folder and without a keyring.
    pub(crate) fn program(&self) -> Command {
        let mut command = program();
        command
            .current_dir(self.path())
            .env("HOME", self.path())
            .env("TMPDIR", self.path())
            .env("XDG_CONFIG_HOME", self.path().join("config"))
            .env("XDG_RUNTIME_DIR", self.path());
        command
    }

    /// Logs in to `base_url` with a key on standard input.
    pub(crate) fn login(&self, base_url: &str, key: &str, more: &[&str]) -> Ended {
        run_with_input(&mut self.program(), &[&["login", "--base-url", base_url], more].concat(), key)
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn config(&self) -> PathBuf {
        self.path().join("config/codat-keys/config.toml")
    }

    pub(crate) fn write_config(&self, text: &str) {
        fs::create_dir_all(self.config().parent().unwrap()).unwrap();
        fs::write(self.config(), text).unwrap();
        // The mode must not depend on the umask.
        fs::set_permissions(self.config(), std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    }

    /// Returns the relative paths of the files that contain a key, raw or encoded.
    pub(crate) fn files_with(&self, key: &str) -> Vec<String> {
        let encoded = STANDARD.encode(key);
        let secrets = [key, encoded.trim_end_matches('=')];
        let holds = |path: &PathBuf| {
            let bytes = fs::read(path).unwrap();
            secrets.iter().any(|secret| bytes.windows(secret.len()).any(|part| part == secret.as_bytes()))
        };
        let paths = files(self.path()).into_iter().filter(holds);
        paths.map(|path| path.strip_prefix(self.path()).unwrap().to_str().unwrap().to_owned()).collect()
    }
}

/// Returns the path, relative to a home folder, of the file in which `login` stores the key of a profile.
pub(crate) fn key_file(profile: &str, base_url: &str) -> String {
    format!("config/codat-keys/keys/{profile}@{}", base_url.replace("://", "@").replace(':', "@"))
}

/// Returns the regular files in a folder and below.
pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    entries
        .flat_map(|entry| match entry.file_type().unwrap() {
            kind if kind.is_dir() => files(&entry.path()),
            kind if kind.is_file() => vec![entry.path()],
            _ => Vec::new(),
        })
        .collect()
}
