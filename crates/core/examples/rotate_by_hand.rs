//! Puts a new key in the place of the one in use.

use codat_keys::Client;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), codat_keys::Error> {
    let old = Client::from_env()?;
    let old_key = old.whoami().await?;

    let made = old.keys().create("payments-2").await?;
    let new = Client::builder().api_key(made.key.api_key.clone()).build()?;
    println!("the new key {} works", new.whoami().await?.id);

    // Here `made.key.api_key.expose_secret()` goes where your programs read their key. Once all of them use it:
    new.keys().delete(&old_key.id).await
}
