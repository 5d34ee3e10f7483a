//! The command `create`.

use clap::Args;
use codat_keys::{Creation, How, KeyName};

use crate::connection::Connection;
use crate::failure::Failure;
use crate::key_output::{KeyOutput, fetch_hint, reserve, write_secret};
use crate::signals::{begin_change, end_change, interrupted};
use crate::stderr::eprint_line;

#[derive(Args)]
#[command(after_help = "Example: codat-keys create invoice-processor --out key.txt")]
pub(crate) struct Create {
    /// The name of the key, at most 50 characters
    name: String,
    /// If the response is lost, accept the only new key of this name as the created key; use only if no other program
    /// creates keys of this name
    #[arg(long)]
    adopt: bool,
    /// Resume an earlier create with an unknown outcome; KEY is the idempotency key in its error message
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
    #[command(flatten)]
    output: KeyOutput,
    #[command(flatten)]
    connection: Connection,
}

impl Create {
    /// See [`Cli::closed_output_hint`](super::Cli::closed_output_hint).
    pub(super) fn closed_output_hint(&self) -> Option<&'static str> {
        self.output.prints().then_some("send it to a file or a pipe: > FILE, or name a file: --out FILE")
    }
}

pub(crate) async fn create(create: &Create) -> Result<(), Failure> {
    let client = create.connection.client().await?;
    let name = KeyName::parse(&create.name)?;
    let file = reserve(&create.output)?;
    let mut call = client.keys().create(&name).adopt(create.adopt).cancel_on(interrupted());
    if let Some(key) = &create.idempotency_key {
        call = call.idempotency_key(key);
    }
    begin_change();
    let made = call.await?;
    end_change(fetch_hint(&made.key));
    let is_written = create.output.is_printed() || file.is_some();
    let notes = describe(&made, is_written);
    if create.output.json {
        // Prints no notes with `--json`. The JSON document contains the same facts, and standard error must contain
        // only the error.
        let written = write_secret(&client, &made.key, &create.output, file, Some(&made));
        return written.map_err(|failure| notes.iter().fold(failure, Failure::with_note));
    }
    notes.iter().for_each(|note| eprint_line(note));
    write_secret(&client, &made.key, &create.output, file, Some(&made))
}

/// Returns notes on a created key, one line each.
fn describe(made: &Creation, is_written: bool) -> Vec<String> {
    let id = &made.key.id;
    let how = match made.how {
        How::Created => "",
        How::Replayed => ", confirmed on retry",
        How::Adopted => ", the one new key of this name",
    };
    let mut notes = vec![format!("created {id} ({}){how}", made.key.api_key.masked())];
    match made.extras.as_deref() {
        None => notes.push("note: whether other keys of this name are new could not be seen".into()),
        Some(extras) => {
            notes.extend(extras.iter().map(|extra| format!("note: this key of the same name is new too: {}", extra.id)))
        }
    }
    if !is_written {
        notes.push(format!("to fetch its value: codat-keys show --id {id} --out FILE"));
    }
    notes
}
