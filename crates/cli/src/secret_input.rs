//! A key as people give it: typed at a prompt that does not show it, or on standard input. Never an argument.

use std::io::{IsTerminal, Read, stdin};

use codat_keys::{Credential, ErrorKind};
use zeroize::Zeroizing;

use crate::failure::Failure;

/// Far more than any key: a larger input was given by mistake.
const MAX_BYTES: u64 = 64 * 1024;

/// Reads a raw key or a whole header. `command` is how to give it without a terminal.
pub(crate) fn read(prompt: &str, command: &str) -> Result<Credential, Failure> {
    let text = if stdin().is_terminal() { rpassword::prompt_password(prompt) } else { piped() };
    let text = text.map(Zeroizing::new).map_err(|error| {
        Failure::new(
            ErrorKind::InvalidInput,
            format!("no key could be read: {error}"),
            format!("give the key on standard input: `{command} < FILE`"),
        )
    })?;
    Ok(Credential::parse_line(&text)?)
}

fn piped() -> std::io::Result<String> {
    let mut text = String::new();
    stdin().take(MAX_BYTES + 1).read_to_string(&mut text)?;
    if text.len() as u64 > MAX_BYTES {
        return Err(std::io::Error::other("it is larger than 64 KiB"));
    }
    Ok(text)
}
