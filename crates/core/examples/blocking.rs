//! Uses the blocking client, which needs no async runtime.

use codat_keys::blocking::Client;

#[derive(serde::Deserialize)]
struct Company {
    name: String,
}

fn main() -> Result<(), codat_keys::Error> {
    let client = Client::from_env()?;
    println!("this is the key {}", client.whoami().send()?.id);
    for company in client.pages::<Company>("/companies").items() {
        println!("{}", company?.name);
    }
    Ok(())
}
