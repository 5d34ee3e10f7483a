//! Asks Codat which key this is, and what companies there are.

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
    println!("{:?}", client.rate_limit()); // what the latest answer said of the day's quota
    Ok(())
}
