//! Tests a program with the emulator, which creates a key but closes the connection without a response.

use codat_keys::{ApiKey, Client, How, Method};
use codat_keys_emulator::Emulator;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let emulator = Emulator::start()?; // on a free port of 127.0.0.1; it stops when it is dropped
    let key = ApiKey::parse(emulator.api_key())?;
    let client = Client::builder().base_url(emulator.base_url()).api_key(key).build()?;

    emulator.set_faults(r#"{"faults":[{"method":"POST","path":"/apiKeys","fault":"drop-after"}]}"#)?;
    let made = client.keys().create("ci").await?;
    assert_eq!(made.how, How::Replayed); // confirmed by the second request, with the same idempotency key

    let journal: serde_json::Value = client.request(Method::GET, "/_emulator/journal").await?.json()?;
    let seen = journal["requests"].as_array().into_iter().flatten();
    assert_eq!(seen.filter(|request| request["method"] == "POST").count(), 2);
    Ok(())
}
