//! `create`.

use codat_keys::{Creation, How, KeyName, plain};

use crate::args::Create;
use crate::failure::Failure;
use crate::keys::{hand_out, reserve};
use crate::output::say;
use crate::runtime;

pub(crate) async fn create(create: &Create) -> Result<(), Failure> {
    let client = create.connection.client().await?;
    let name = KeyName::parse(&create.name)?;
    let file = reserve(&create.output)?;
    let mut call = client.keys().create(&name).adopt(create.adopt).until(runtime::interrupted());
    if let Some(key) = &create.idempotency_key {
        call = call.idempotency_key(key);
    }
    let made = call.await?;
    tell(&made, create.output.reveal || file.is_some());
    hand_out(&client, &made.key, &create.output, file, Some(&made))
}

/// What came of it, for a person.
fn tell(made: &Creation, handed_out: bool) {
    let id = plain(made.key.id.as_str());
    let how = match made.how {
        How::Created => "",
        How::Replayed => ", told by a repeated request",
        How::Adopted => ", the one new key of this name",
    };
    say(&format!("created {id} ({}){how}", made.key.api_key.masked()));
    match made.extras.as_deref() {
        None => say("note: whether other keys of this name are new could not be seen"),
        Some(extras) => extras.iter().for_each(|extra| {
            say(&format!("note: this key of the same name is new too: {}", plain(extra.id.as_str())));
        }),
    }
    if !handed_out {
        say(&format!("to fetch its value: codat-keys show {id} --out FILE"));
    }
}
