//! Prints the details of the key in use, and the companies.

use codat_keys::Client;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), codat_keys::Error> {
    let client = Client::from_env()?; // nothing is sent yet

    let key = client.whoami().await?;
    println!("this is the key {}, made {:?}", key.id, key.created_date);

    let mut pages = client.pages::<serde_json::Value>("/companies");
    while let Some(page) = pages.next().await? {
        println!("{} of {} companies", page.results.len(), page.total_results);
    }
    println!("{:?}", client.rate_limit()); // the daily quota from the latest response
    Ok(())
}
