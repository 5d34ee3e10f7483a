//! Sends the requests with a reqwest client that the program configures.

use codat_keys::Client;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), codat_keys::Error> {
    // Only with the cargo feature `ring`: reqwest then has no rustls provider of its own.
    rustls::crypto::ring::default_provider().install_default().ok();

    let http = || reqwest::Client::builder().pool_max_idle_per_host(2);
    let client = Client::builder().http_client(http).build()?;
    println!("{} keys", client.keys().list().await?.len());
    Ok(())
}
