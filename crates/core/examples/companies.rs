//! Sends any request, and iterates over pages.

use codat_keys::{Client, Method};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), codat_keys::Error> {
    let client = Client::from_env()?;

    let profile: serde_json::Value = client.request(Method::GET, "/profile").await?.json()?;
    println!("the companies of {}:", profile["name"]);

    let mut pages = client.pages("/companies").page_size(500).order_by("name");
    while let Some(page) = pages.next().await? {
        for company in page.results {
            println!("{} {}", company["id"], company["name"]);
        }
    }
    Ok(())
}
