//! The command `header`: prints the `Authorization` header of a key.

use clap::Args;
use clap_complete::engine::ArgValueCandidates;

use crate::connection::{KeyOptions, base_url, profile_candidates};
use crate::failure::Failure;
use crate::output::{print_secret, refuse_terminal};
use crate::secret_input;

/// Print the Authorization header for a key from a profile, from standard input or from a prompt
#[derive(Args)]
#[command(after_help = "Example: codat-keys header < key.txt")]
pub(crate) struct Header {
    /// Print the header even if standard output is a terminal
    #[arg(long)]
    reveal: bool,
    /// Use the key of this profile, instead of a key from standard input or from a prompt
    #[arg(long, value_name = "NAME", add = ArgValueCandidates::new(profile_candidates))]
    profile: Option<String>,
    /// Print the header only if the profile is for the origin of this URL [default: CODAT_BASE_URL, or no check]
    #[arg(long, value_name = "URL", value_parser = base_url, requires = "profile")]
    base_url: Option<String>,
}

pub(crate) async fn header(header: &Header) -> Result<(), Failure> {
    refuse_terminal(header.reveal, "send it to a file or a pipe: codat-keys header > FILE; or add --reveal")?;
    let header = match &header.profile {
        Some(profile) => {
            let client = KeyOptions::of_profile(profile, header.base_url.as_deref()).client().await?;
            client.authorization_for(client.base_url())?
        }
        None => secret_input::read("API key (not shown): ", "codat-keys header").await?.header(),
    };
    print_secret(&format!("{}\n", header.expose_secret()))
}
