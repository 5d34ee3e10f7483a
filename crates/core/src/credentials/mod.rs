//! The sources of a credential, and the credential cache. A credential in code takes precedence over the environment
//! variables.

mod cache;
mod command;
mod file;
mod precedence;
mod printed;
mod process;
mod process_group;
mod provider;

use std::ffi::OsString;
use std::process::Command;
use std::time::Duration;

use crate::domain::{ApiKey, AuthorizationHeader, Credential, Mistake};
use crate::environment::{Environment, process_environment};
use crate::error::{Error, ErrorKind};

pub(crate) use cache::{CachedCredential, CredentialCache};
pub use command::{AbortHandle, KeyCommand};
pub(crate) use file::KeyFile;
pub use file::{is_pipe, is_readable_by_all, others_can_read};
use precedence::KEY_VARIABLES;
pub use precedence::{CREDENTIAL_VARIABLES, KeySelector, key_selectors};
pub use printed::mask_printed;
pub use provider::{CredentialFuture, KeyProvider};

const KEY_FILE: &str = "CODAT_API_KEY_FILE";

/// Removes the [`CREDENTIAL_VARIABLES`] from the environment of a child process.
pub fn without_credentials(command: &mut Command) -> &mut Command {
    CREDENTIAL_VARIABLES.iter().fold(command, |command, variable| command.env_remove(variable))
}

/// An environment variable for a credential, and the credential that was read from it. Returned by
/// [`credential_chain`].
///
/// ```
/// for source in codat_keys::credential_chain() {
///     match source.credential {
///         Ok(None) => println!("{} is not set", source.variable),
///         Ok(Some(credential)) => println!("{} holds {:?}", source.variable, credential.api_key()),
///         Err(error) => println!("{error}: {}", error.hint()),
///     }
/// }
/// ```
#[non_exhaustive]
#[derive(Debug)]
pub struct CredentialSource {
    /// The name of the environment variable.
    pub variable: &'static str,
    /// The credential, or `None` if the variable is not set. An error if the credential is invalid. For
    /// `CODAT_API_KEY_FILE`, also an error if the key file cannot be read or is a pipe. Only a client reads a pipe,
    /// because the content of a pipe can be read only once.
    pub credential: Result<Option<Credential>, Error>,
}

/// Reads the environment variables for a credential, and returns each variable with its credential. A program can use
/// this function to show the source of its key. A client uses the first variable that is set. Building the client fails
/// if another variable contains a different key.
///
/// ```
/// let chain = codat_keys::credential_chain();
/// let variables: Vec<_> = chain.iter().map(|source| source.variable).collect();
/// assert_eq!(variables, ["CODAT_API_KEY", "CODAT_AUTH_HEADER", "CODAT_API_KEY_FILE"]);
/// ```
pub fn credential_chain() -> Vec<CredentialSource> {
    read_each(&process_environment, None)
        .map(|(variable, read)| CredentialSource {
            variable,
            credential: read.transpose().map(|read| read.map(|read| read.credential)),
        })
        .collect()
}

/// A credential, and the file that contained it, if any.
struct Read {
    credential: Credential,
    file: Option<KeyFile>,
}

/// Reads the environment variables for a credential. If `CODAT_API_KEY_FILE` names a pipe, waits up to `limit` for the
/// content of the pipe. If `limit` is `None`, returns an error for a pipe and does not read the pipe.
fn read_each(
    environment: Environment<'_>,
    limit: Option<Duration>,
) -> impl Iterator<Item = (&'static str, Option<Result<Read, Error>>)> {
    KEY_VARIABLES
        .into_iter()
        .map(move |variable| (variable, environment(variable).map(|value| read(variable, value, limit))))
}

/// Returns a cache with the credential from the environment variables. If two variables contain different keys, returns
/// an error. `limit` is the maximum time to wait for a key in a pipe.
pub(crate) fn from_environment(environment: Environment<'_>, limit: Duration) -> Result<CredentialCache, Error> {
    let mut won: Option<(&str, Read)> = None;
    for (variable, read) in read_each(environment, Some(limit)) {
        match (read.transpose()?, &won) {
            (Some(read), None) => won = Some((variable, read)),
            (Some(read), Some((first, other))) if other.credential.api_key() != read.credential.api_key() => {
                return Err(disagree(first, variable));
            }
            _ => {}
        }
    }
    let (_, Read { credential, file }) = won.ok_or_else(|| Error::of(ErrorKind::NoCredential))?;
    Ok(file.map_or_else(|| CredentialCache::fixed(&credential), |file| of_file(file, &credential)))
}

/// Returns a cache with the credential in a file. `limit` is the maximum time to wait for a key in a pipe.
pub(crate) fn read_file(file: KeyFile, limit: Duration) -> Result<CredentialCache, Error> {
    let first = file.read_now(limit)?;
    Ok(of_file(file, &first))
}

/// Returns a cache with the credential `first`, which was read from `file`. The cache reads a regular file again when
/// the file changes. A file of another kind, such as a pipe, is read only once.
fn of_file(file: KeyFile, first: &Credential) -> CredentialCache {
    if file.can_be_read_again() { CredentialCache::of_file(file, first) } else { CredentialCache::fixed(first) }
}

fn read(name: &str, value: OsString, limit: Option<Duration>) -> Result<Read, Error> {
    if name == KEY_FILE {
        let path = Some(value).filter(|path| !path.is_empty()).ok_or_else(|| empty_variable(name))?;
        let file = KeyFile::of_environment(path.into());
        let credential = match limit {
            Some(limit) => file.read_now(limit),
            None => file.read_unless_pipe(),
        };
        return Ok(Read { credential: credential?, file: Some(file) });
    }
    let text = value.into_string().map_err(|_| Mistake::NonAscii.in_place(name))?;
    let text = zeroize::Zeroizing::new(text);
    let credential = match name {
        "CODAT_AUTH_HEADER" => AuthorizationHeader::read(&text).map(Credential::Header),
        _ => ApiKey::read(&text).map(Credential::ApiKey),
    };
    match credential {
        Ok(credential) => Ok(Read { credential, file: None }),
        Err(Mistake::Empty) => Err(empty_variable(name)),
        Err(mistake) => Err(mistake.in_place(name)),
    }
}

fn empty_variable(name: &str) -> Error {
    Error::new(ErrorKind::InvalidCredential, format!("{name} is empty"))
        .with_hint(format!("set {name} to a value, or unset it to use another source"))
}

fn disagree(first: &str, second: &str) -> Error {
    Error::new(ErrorKind::InvalidCredential, format!("{first} and {second} hold different keys"))
        .with_hint(format!("unset {first} or {second}"))
}
