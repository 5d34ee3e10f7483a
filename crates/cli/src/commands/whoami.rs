//! The command `whoami`.

use clap::Args;

use crate::connection::Connection;
use crate::credential_report;
use crate::failure::Failure;
use crate::key_display::{KeyDocument, print_keys};
use crate::output::print_json;
use crate::runtime::unless_interrupted;
use crate::stderr::eprint_line;

#[derive(Args)]
#[command(after_help = "Example: codat-keys whoami --json")]
pub(crate) struct Whoami {
    /// Print the key as JSON, with its value masked: {"key":{"id","name","created","inUse","key"}}
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    connection: Connection,
}

pub(crate) async fn whoami(whoami: &Whoami) -> Result<(), Failure> {
    let client = whoami.connection.client().await?;
    let key = unless_interrupted(client.whoami()).await?;
    eprint_line(&credential_report::summary(whoami.connection.key.profile.as_deref()));
    if whoami.json {
        print_json(&KeyDocument::new(&client, &key, false, None))
    } else {
        print_keys(&client, std::slice::from_ref(&key), false)
    }
}
