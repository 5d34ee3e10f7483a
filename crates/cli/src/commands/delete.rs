//! The command `delete`.

use clap::Args;
use codat_keys::{ApiKeyDetails, ErrorKind};
use serde::Serialize;

use crate::confirmation;
use crate::connection::Connection;
use crate::failure::Failure;
use crate::key_display::KeyJson;
use crate::key_reference::KeyReference;
use crate::output::print_json;
use crate::runtime::unless_interrupted;
use crate::signals::{begin_change, end_change, interrupted};
use crate::stderr::eprint_line;

#[derive(Args)]
#[command(after_help = "Example: codat-keys delete invoice-processor --yes")]
pub(crate) struct Delete {
    #[command(flatten)]
    key: KeyReference,
    /// Skip the confirmation; required without a terminal
    #[arg(long, short)]
    yes: bool,
    /// Allow deleting the key that authenticates this request
    #[arg(long)]
    allow_key_in_use: bool,
    /// Print the deleted key as JSON, with its value masked: {"deleted":{"id","name","created","inUse","key"}}
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    connection: Connection,
}

#[derive(Serialize)]
struct Document {
    deleted: KeyJson,
}

pub(crate) async fn delete(delete: &Delete) -> Result<(), Failure> {
    let client = delete.connection.client().await?;
    delete.key.check()?;
    if !delete.yes {
        confirmation::require_terminal("delete")?;
    }
    let keys = unless_interrupted(client.keys().list()).await?;
    let key = delete.key.resolve(&keys)?;
    let question = || format!("Delete {} for good? Whatever uses it stops working.", describe(key));
    if !delete.yes && !unless_interrupted(confirmation::ask(question())).await? {
        return Err(Failure::new(ErrorKind::Cancelled, "not confirmed", "nothing was deleted"));
    }
    let call = client.keys().delete(&key.id).allow_key_in_use(delete.allow_key_in_use).cancel_on(interrupted());
    begin_change();
    call.await?;
    let deleted = format!("deleted {}", describe(key));
    eprint_line(&deleted);
    end_change(deleted);
    if delete.json { print_json(&Document { deleted: KeyJson::new(&client, key, false) }) } else { Ok(()) }
}

fn describe(key: &ApiKeyDetails) -> String {
    let name = key.name.as_ref().map_or("no name".into(), ToString::to_string);
    format!("{} ({name}, {})", key.id, key.api_key.masked())
}
