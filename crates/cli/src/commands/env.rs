//! The command `env`: prints the key as shell variables.

use clap::Args;
use codat_keys::internal::CREDENTIAL_VARIABLES;

use crate::connection::KeyOptions;
use crate::failure::Failure;
use crate::output::{print_secret, refuse_terminal};
use crate::runtime;

/// Print shell commands that set the key, for `eval "$(codat-keys env)"`, such as in direnv's .envrc
///
/// The output sets CODAT_API_KEY and CODAT_BASE_URL, and unsets the other variables that supply a key. It is for sh, bash
/// and zsh.
#[derive(Args)]
#[command(after_help = "Example: eval \"$(codat-keys env --profile work)\"")]
pub(crate) struct Env {
    /// Print the key even if standard output is a terminal
    #[arg(long)]
    reveal: bool,
    #[command(flatten)]
    key: KeyOptions,
}

pub(crate) fn env(env: &Env) -> Result<(), Failure> {
    refuse_terminal(env.reveal, "write eval \"$(codat-keys env)\", or add --reveal")?;
    let client = runtime::run(env.key.client())?;
    let header = client.authorization_for(client.base_url())?;
    let others = CREDENTIAL_VARIABLES.into_iter().filter(|name| *name != "CODAT_API_KEY").collect::<Vec<_>>();
    print_secret(&format!(
        "export CODAT_API_KEY={}\nexport CODAT_BASE_URL={}\nunset {}\n",
        quoted(header.api_key().expose_secret()),
        quoted(client.base_url()),
        others.join(" ")
    ))
}

/// Quotes a text as one word of a shell command.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}
