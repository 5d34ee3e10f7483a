//! Creates a key, and lists the keys.

use codat_keys::{Client, ErrorKind};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), codat_keys::Error> {
    let client = Client::from_env()?; // CODAT_API_KEY, CODAT_AUTH_HEADER or CODAT_API_KEY_FILE

    match client.keys().create("invoice-processor").await {
        Ok(made) => println!("made {}, {:?}", made.key.id, made.key.api_key), // ApiKey(****kGHd)
        Err(error) if error.kind() == ErrorKind::KeyLimitReached => println!("{}", error.hint()),
        Err(error) => return Err(error),
    }
    for key in client.keys().list().await? {
        println!("{} {}", key.id, key.name.map_or("(no name)".into(), |name| name.to_string()));
    }
    Ok(())
}
