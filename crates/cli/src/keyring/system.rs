//! Requests to the keyring. Each request has a timeout.

use std::io;
use std::thread;
use std::time::Duration;

use codat_keys::{ApiKey, ErrorKind};
use keyring::{Entry, Error};
use tokio::sync::{Mutex, MutexGuard, oneshot};
use zeroize::Zeroizing;

use super::KeyringError;
use crate::config::{Name, Profile, key_id};
use crate::failure::Failure;
use crate::runtime::unless_interrupted;

/// The service name of all keyring entries. The user name of an entry is the [`key_id`] of the profile.
const SERVICE: &str = "codat-keys";

/// The maximum size of a keyring entry. A key file has the same limit. Valid credentials are far smaller.
const MAX_ENTRY_BYTES: usize = 64 * 1024;

/// The lock that a running request holds.
static TURN: Mutex<()> = Mutex::const_new(());

const ELSEWHERE: &str = "keep the key in a file: codat-keys login --store file";

pub(crate) async fn store(name: &Name, base_url: &str, key: &ApiKey, limit: Duration) -> Result<(), KeyringError> {
    let key = key.clone();
    within(limit, key_id(name, base_url), move |entry| entry.set_password(key.expose_secret()))
        .await
        .map_err(may_still_complete)
}

pub(crate) async fn fetch(profile: &Profile, limit: Duration) -> Result<Zeroizing<String>, KeyringError> {
    let text = within(limit, id_of(profile), |entry| entry.get_password().map(Zeroizing::new)).await?;
    if text.len() > MAX_ENTRY_BYTES {
        let what = "the keyring entry of this profile is larger than 64 KiB";
        let hint = format!("store the key again: codat-keys login --profile {}", profile.name);
        return Err(other(ErrorKind::InvalidCredential, what, hint));
    }
    Ok(text)
}

pub(crate) async fn remove(profile: &Profile, limit: Duration) -> Result<(), KeyringError> {
    within(limit, id_of(profile), Entry::delete_credential).await.map_err(may_still_complete)
}

fn id_of(profile: &Profile) -> String {
    key_id(&profile.name, &profile.base_url)
}

/// Adds a hint to the error of a cancelled keyring request: the keyring may still complete the request.
fn may_still_complete(error: KeyringError) -> KeyringError {
    match error {
        KeyringError::Other(failure) if failure.is_of(ErrorKind::Cancelled) => {
            KeyringError::Other(failure.with_hint("the keyring may still complete the request: check with `codat-keys profile list`, or run the command again"))
        }
        other => other,
    }
}

/// Sends a keyring request on another thread. If the request takes longer than `limit`, returns an error, and the
/// thread continues. A later request waits for the end of this thread, because an earlier write must not replace a
/// later write.
async fn within<T: Send + 'static>(
    limit: Duration,
    id: String,
    job: impl FnOnce(&Entry) -> keyring::Result<T> + Send + 'static,
) -> Result<T, KeyringError> {
    check_bus_address()?;
    let (tx, rx) = oneshot::channel();
    let job = move |_turn: MutexGuard<'static, ()>| {
        let done = match Entry::store_status() {
            Err(error) => Err(KeyringError::Absent(reason(error))),
            Ok(()) => Entry::new(SERVICE, &id).and_then(|entry| job(&entry)).map_err(|error| convert(&error)),
        };
        // Sending fails if the caller no longer waits.
        let _ = tx.send(done);
    };
    let asked = async move {
        let turn = TURN.lock().await;
        thread::Builder::new().name("codat-keys-keyring".into()).spawn(move || job(turn))?;
        Ok::<_, io::Error>(rx.await)
    };
    let in_time = async { Ok::<_, Failure>(tokio::time::timeout(limit, asked).await) };
    match unless_interrupted(in_time).await.map_err(KeyringError::Other)? {
        Ok(Ok(Ok(done))) => done,
        Ok(Err(error)) => Err(other(ErrorKind::Internal, format!("the keyring cannot be asked: {error}"), ELSEWHERE)),
        Ok(Ok(Err(_))) => Err(other(ErrorKind::Internal, "the keyring's client broke off", ELSEWHERE)),
        Err(_) => Err(other(
            ErrorKind::Timeout,
            format!("the keyring did not answer within {} s", limit.as_secs()),
            format!("it may wait for its password: unlock it and try again, or {ELSEWHERE}"),
        )),
    }
}

/// Returns an error if a connection to the D-Bus address can start a program. The program would inherit the API keys in
/// the environment of this process. Also returns an error if the address belongs to another user, who could read the
/// stored key.
fn check_bus_address() -> Result<(), KeyringError> {
    const VARIABLE: &str = "DBUS_SESSION_BUS_ADDRESS";
    const KINDS: [&str; 3] = ["unix", "tcp", "nonce-tcp"];
    // The keyrings of Windows and macOS do not use D-Bus.
    let address = std::env::var(VARIABLE).ok().filter(|_| !cfg!(any(windows, target_os = "macos")));
    if let Some(owner) = address.as_deref().and_then(foreign_owner) {
        return Err(other(
            ErrorKind::InvalidInput,
            format!("{VARIABLE} is the address of the user with the id {owner}, who could read the key in the keyring"),
            format!("unset it, or {ELSEWHERE}"),
        ));
    }
    match address.as_deref().and_then(|address| address.split_once(':')) {
        Some((kind, _)) if !KINDS.contains(&kind) => Err(other(
            ErrorKind::InvalidInput,
            format!("{VARIABLE} has an address of the kind `{kind}:`, which may start a program with your keys"),
            format!("set it to an address of the kind `unix:`, or {ELSEWHERE}"),
        )),
        _ => Ok(()),
    }
}

/// Returns the id of the user who owns the socket of a D-Bus address. Returns `None` if the owner is unknown, is root,
/// or is the user of this process.
#[cfg(unix)]
fn foreign_owner(address: &str) -> Option<u32> {
    let path = address.strip_prefix("unix:")?.split(',').find_map(|pair| pair.strip_prefix("path="))?;
    let owner = std::os::unix::fs::MetadataExt::uid(&std::fs::metadata(path).ok()?);
    (owner != 0 && owner != rustix::process::geteuid().as_raw()).then_some(owner)
}

#[cfg(not(unix))]
fn foreign_owner(_address: &str) -> Option<u32> {
    None
}

fn convert(error: &Error) -> KeyringError {
    match error {
        Error::NoEntry => KeyringError::NoEntry,
        Error::NoStorageAccess(_) => other(
            ErrorKind::InvalidCredential,
            format!("the keyring is locked, or denies access: {}", reason(error)),
            format!("unlock it and try again, or {ELSEWHERE}"),
        ),
        _ => other(ErrorKind::InvalidCredential, format!("the keyring fails: {}", reason(error)), ELSEWHERE),
    }
}

/// Returns the text of a keyring error. Omits the stored secret, which some keyring errors contain.
fn reason(error: &Error) -> String {
    match error {
        Error::PlatformFailure(source) | Error::NoStorageAccess(source) => source.to_string(),
        Error::Ambiguous(_) => "it has several entries for this profile".into(),
        Error::BadEncoding(_) | Error::BadDataFormat(..) => "its entry is no text".into(),
        _ => "it does not say why".into(),
    }
}

fn other(kind: ErrorKind, what: impl std::fmt::Display, hint: impl std::fmt::Display) -> KeyringError {
    KeyringError::Other(Failure::new(kind, what, hint))
}
