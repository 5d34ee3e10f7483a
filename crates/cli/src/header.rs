//! `header`: from a key to what is sent.

use std::io::{IsTerminal, Read, stdin};

use codat_keys::{Credential, ErrorKind};
use zeroize::Zeroizing;

use crate::failure::Failure;
use crate::output::print;

/// Far more than any key: a larger input was given by mistake.
const MAX_INPUT_BYTES: u64 = 64 * 1024;

pub(crate) fn header() -> Result<(), Failure> {
    let credential = Credential::parse_line(&input()?)?;
    print(&format!("{}\n", credential.header().expose_secret()))
}

fn input() -> Result<Zeroizing<String>, Failure> {
    let text = if stdin().is_terminal() { rpassword::prompt_password("API key (not shown): ") } else { piped() };
    text.map(Zeroizing::new).map_err(|error| {
        Failure::new(
            ErrorKind::InvalidInput,
            format!("no key could be read: {error}"),
            "give the key on standard input: `codat-keys header < FILE`",
        )
    })
}

fn piped() -> std::io::Result<String> {
    let mut text = String::new();
    stdin().take(MAX_INPUT_BYTES + 1).read_to_string(&mut text)?;
    if text.len() as u64 > MAX_INPUT_BYTES {
        return Err(std::io::Error::other("it is larger than 64 KiB"));
    }
    Ok(text)
}
