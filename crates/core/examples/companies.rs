//! Sends a request to a path of Codat's API, and iterates over the companies on all pages.

use codat_keys::{Client, Method};

#[derive(serde::Deserialize)]
struct Company {
    id: String,
    name: String,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), codat_keys::Error> {
    let client = Client::from_env()?;

    let profile: serde_json::Value = client.request(Method::GET, "/profile").await?.json()?;
    println!("the companies of {}:", profile["name"]);

    let mut companies = client.pages::<Company>("/companies").page_size(500).order_by("name").items();
    while let Some(company) = companies.next().await? {
        println!("{} {}", company.id, company.name);
    }
    Ok(())
}
