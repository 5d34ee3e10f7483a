//! Codat's API through reqwest.

use std::error::Error;
use std::time::Duration;

use codat_keys::{AuthorizationHeader, Client};
use reqwest::header::AUTHORIZATION;
use reqwest::redirect::Policy;
use reqwest::{Response, StatusCode};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    // Only with the cargo feature `ring`: reqwest then has no rustls provider of its own.
    rustls::crypto::ring::default_provider().install_default().ok();

    let client = Client::from_env()?;
    let http = reqwest::Client::builder().timeout(Duration::from_secs(10)).redirect(Policy::none()).build()?;
    let response = get(&client, &http, "/companies?pageSize=100").await?.error_for_status()?;
    let companies: serde_json::Value = serde_json::from_slice(&response.bytes().await?)?;
    println!("{} companies", companies["totalResults"]);
    Ok(())
}

/// Sends the request once more if Codat rejects the key and its source has another one.
async fn get(client: &Client, http: &reqwest::Client, path: &str) -> Result<Response, Box<dyn Error>> {
    let url = format!("{}{path}", client.base_url());
    let send = |header: &AuthorizationHeader| http.get(&url).header(AUTHORIZATION, header.to_header_value()).send();
    let header = client.authorize(&url).await?;
    let response = send(&header).await?;
    if !matches!(response.status(), StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
        return Ok(response);
    }
    match client.reauthorize(&url, &header).await? {
        Some(another) => Ok(send(&another).await?),
        None => Ok(response),
    }
}
