//! The command `header`: prints the `Authorization` header of a key.

use clap::Args;

use crate::failure::Failure;
use crate::output::{print_secret, refuse_closed_output, refuse_terminal};
use crate::secret_input;

/// Print the Authorization header for a key; the key is read from standard input or from a prompt
#[derive(Args)]
#[command(after_help = "Example: codat-keys header < key.txt")]
pub(crate) struct Header {
    /// Print the header even if standard output is a terminal
    #[arg(long)]
    reveal: bool,
}

pub(crate) async fn header(header: &Header) -> Result<(), Failure> {
    refuse_terminal(header.reveal, "send it to a file or a pipe: codat-keys header > FILE; or add --reveal")?;
    refuse_closed_output("send it to a file or a pipe: codat-keys header > FILE")?;
    let credential = secret_input::read("API key (not shown): ", "codat-keys header").await?;
    print_secret(&format!("{}\n", credential.header().expose_secret()))
}
