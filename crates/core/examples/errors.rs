//! Handles errors by their kind.

use codat_keys::{Client, ErrorKind, KeyId};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), codat_keys::Error> {
    let client = Client::from_env()?;

    let Err(error) = client.keys().delete(&KeyId::parse("no-such-id")?).await else { return Ok(()) };
    match error.kind() {
        ErrorKind::NotFound => println!("it is gone already"),
        ErrorKind::LastKey | ErrorKind::KeyInUse => println!("{error}: {}", error.hint()),
        _ if error.is_retryable() => println!("try again after {:?}", error.retry_after()),
        _ => return Err(error), // the error also has status(), codat_message() and correlation_id()
    }
    Ok(())
}
