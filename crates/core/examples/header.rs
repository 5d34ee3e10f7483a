//! Authenticates requests of another HTTP library.

use codat_keys::{ApiKey, AuthorizationHeader, Client};

fn main() -> Result<(), codat_keys::Error> {
    let header = AuthorizationHeader::from(&ApiKey::parse("example")?);
    assert_eq!(header.expose_secret(), "Basic ZXhhbXBsZQ==");

    // Or the header of a client, which returns it only for URLs with the origin of its base URL.
    let client = Client::from_env()?;
    let header = client.authorization_for(&format!("{}/companies", client.base_url()))?;
    assert!(header.to_header_value().is_sensitive()); // an `http::HeaderValue`, kept out of logs
    Ok(())
}
