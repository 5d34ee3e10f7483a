//! Resumes the creation of a key after an error with an unknown outcome.

use codat_keys::{Client, ErrorKind};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), codat_keys::Error> {
    let client = Client::from_env()?;
    let name = "payments";

    let made = match client.keys().create(name).await {
        Err(error) if error.kind() == ErrorKind::OutcomeUnknown => {
            println!("{error}\n{}", error.hint());
            let Some(key) = error.outcome().and_then(|known| known.idempotency_key.as_deref()) else {
                return Err(error);
            };
            // Within 85 minutes, this process or another one passes the same name and the same idempotency key.
            client.keys().create(name).idempotency_key(key).await?
        }
        made_or_failed => made_or_failed?,
    };
    println!("{} was {}", made.key.id, made.how.code());
    Ok(())
}
