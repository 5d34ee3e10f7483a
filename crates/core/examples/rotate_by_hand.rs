//! Replaces the key in use with a new key.

use codat_keys::Client;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), codat_keys::Error> {
    let old = Client::from_env()?;
    let old_key = old.whoami().await?;

    let made = old.keys().create("payments-2").await?;
    let new = Client::builder().api_key(made.key.api_key.clone()).build()?;
    println!("the new key {} works", new.whoami().await?.id);

    // Here, store `made.key.api_key.expose_secret()` where your programs read their key. When all programs use the new
    // key, delete the old one:
    new.keys().delete(&old_key.id).await
}
