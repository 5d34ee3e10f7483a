//! Input of a key, from a prompt without echo or from standard input.

use std::io::{self, IsTerminal, Read, stdin};

use codat_keys::{Credential, ErrorKind};
use zeroize::Zeroizing;

use crate::failure::Failure;
use crate::signals::{Terminal, interrupted, with_state};
use crate::stderr::eprint_line;

/// The maximum size of the input in bytes. Every key is much smaller.
const MAX_BYTES: u64 = 64 * 1024;

/// Reads a raw key or a whole `Authorization` header, from a prompt or from standard input. If reading fails, the hint
/// of the error is to run `command` with the key on standard input.
pub(crate) async fn read(prompt: &str, command: &str) -> Result<Credential, Failure> {
    let bytes = if stdin().is_terminal() { typed(prompt).await?.map(String::into_bytes) } else { piped() };
    let bytes = bytes.map(Zeroizing::new).map_err(|error| {
        Failure::new(
            ErrorKind::InvalidInput,
            format!("no key could be read: {error}"),
            format!("give the key on standard input: `{command} < FILE`"),
        )
    })?;
    Ok(Credential::parse_bytes(&bytes)?)
}

/// Prompts for the key. A signal ends the prompt and restores the terminal settings.
async fn typed(prompt: &str) -> Result<io::Result<String>, Failure> {
    let interrupted = interrupted();
    with_state(|state| state.restore_at_end(Terminal::now()));
    let prompt = prompt.to_owned();
    let typing = tokio::task::spawn_blocking(move || rpassword::prompt_password(prompt));
    let typed = tokio::select! {
        typed = typing => typed.unwrap_or_else(|error| Err(io::Error::other(error))),
        () = interrupted => Err(io::ErrorKind::Interrupted.into()),
    };
    // Ctrl-C may also interrupt the read of the prompt.
    if typed.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::Interrupted) {
        with_state(|state| state.restore_terminal());
        eprint_line("");
        return Err(Failure::new(ErrorKind::Cancelled, "stopped", ErrorKind::Cancelled.hint()));
    }
    with_state(|state| state.restore_at_end(None));
    Ok(typed)
}

fn piped() -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    stdin().take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(io::Error::other("it is larger than 64 KiB"));
    }
    Ok(bytes)
}
