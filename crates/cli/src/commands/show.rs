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

pub(crate) async fn show(show: &Show) -> Result<(), Failure> {
    let client = show.connection.client().await?;
    show.key.check()?;
    let file = reserve(&show.output)?;
    let keys = unless_interrupted(client.keys().list()).await?;
    write_secret(&client, show.key.resolve(&keys)?, &show.output, file, None)
}
