//! Reads the key of a profile from the keyring of the operating system. This crate runs the command `codat-keys` to
//! read the key, so it needs no keyring library.

use std::env::consts::EXE_SUFFIX;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::credentials::KeyCommand;
use crate::environment::Environment;
use crate::error::{Error, ErrorKind};
use crate::trusted_file::open_trusted;

/// The timeout of the command `codat-keys`. It gives a user time to answer the password prompt of a locked keyring.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Returns a provider that runs `codat-keys header` for the profile `name`. The command fails unless the base URL of
/// the profile has the same origin as `base_url`.
pub(super) fn provider(name: &str, base_url: &str, environment: Environment<'_>) -> Result<KeyCommand, Error> {
    let refuse = |what: String| {
        let text = format!("the key of the profile `{name}` is in the keyring, which `codat-keys` reads, and {what}");
        Error::new(ErrorKind::InvalidCredential, text)
    };
    let program = find(environment).ok_or_else(|| {
        refuse("that command is not in PATH".into()).with_hint(format!(
            "install codat-keys-cli, or keep the key in a file: codat-keys login --profile {name} --store file; \
             or run this program with the key: codat-keys exec --profile {name} -- COMMAND"
        ))
    })?;
    open_trusted(&program).map_err(|error| {
        refuse(format!("{} {error}", program.display())).with_hint(error.hint("check the permissions of the file"))
    })?;
    let arguments = ["header", "--profile", name, "--base-url", base_url].map(Into::into);
    Ok(KeyCommand::new([program.into_os_string()].into_iter().chain(arguments)).timeout(TIMEOUT))
}

/// Searches for the program `codat-keys` in the folders of `PATH`. Skips relative folders, because they depend on the
/// working directory.
fn find(environment: Environment<'_>) -> Option<PathBuf> {
    let path = environment("PATH")?;
    let folders = std::env::split_paths(&path).filter(|folder| folder.is_absolute());
    folders.map(|folder| folder.join(format!("codat-keys{EXE_SUFFIX}"))).find(|program| is_executable(program))
}

fn is_executable(program: &Path) -> bool {
    fs::metadata(program).is_ok_and(|metadata| {
        #[cfg(unix)]
        let is_executable = std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o111 != 0;
        #[cfg(not(unix))]
        let is_executable = true;
        is_executable && metadata.is_file()
    })
}
