//! The command `show`.

use clap::Args;

use crate::connection::Connection;
use crate::failure::Failure;
use crate::key_output::{KeyOutput, reserve, write_secret};
use crate::key_reference::KeyReference;
use crate::runtime::unless_interrupted;

#[derive(Args)]
#[command(after_help = "Example: codat-keys show ci --out key.txt")]
pub(crate) struct Show {
    #[command(flatten)]
    key: KeyReference,
    #[command(flatten)]
    output: KeyOutput,
    #[command(flatten)]
    connection: Connection,
}

impl Show {
    /// See [`Cli::closed_output_hint`](super::Cli::closed_output_hint).
    pub(super) fn closed_output_hint(&self) -> Option<&'static str> {
        self.output.prints().then_some("send it to a file or a pipe: > FILE, or name a file: --out FILE")
    }
}

pub(crate) async fn show(show: &Show) -> Result<(), Failure> {
    let client = show.connection.client().await?;
    show.key.check()?;
    let file = reserve(&show.output)?;
    let keys = unless_interrupted(client.keys().list()).await?;
    write_secret(&client, show.key.resolve(&keys)?, &show.output, file, None)
}
