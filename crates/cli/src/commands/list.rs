//! The command `list`.

use clap::Args;

use crate::connection::Connection;
use crate::failure::Failure;
use crate::key_display::{KeyJson, KeysDocument, print_keys};
use crate::output::print_json;
use crate::runtime::unless_interrupted;

#[derive(Args)]
#[command(after_help = "Example: codat-keys list --name ci --json")]
pub(crate) struct List {
    /// List only the keys with exactly this name
    #[arg(long)]
    name: Option<String>,
    /// Print the keys as JSON: {"keys":[{"id","name","created","inUse","key"}]}
    #[arg(long)]
    json: bool,
    /// Print the keys unmasked
    #[arg(long)]
    reveal: bool,
    #[command(flatten)]
    connection: Connection,
}

pub(crate) async fn list(list: &List) -> Result<(), Failure> {
    let client = list.connection.client().await?;
    let keys = match &list.name {
        Some(name) => unless_interrupted(client.keys().find(name)).await?,
        None => unless_interrupted(client.keys().list()).await?,
    };
    if list.json {
        let keys: Vec<KeyJson> = keys.iter().map(|key| KeyJson::new(&client, key, list.reveal)).collect();
        print_json(&KeysDocument { keys })
    } else {
        print_keys(&client, &keys, list.reveal)
    }
}
