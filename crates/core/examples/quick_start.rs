//! Makes the first calls, with the blocking client.

fn main() -> Result<(), codat_keys::Error> {
    let client = codat_keys::blocking::Client::from_env()?;
    println!("this is the key {}", client.whoami().send()?.id);
    for company in client.pages::<serde_json::Value>("/companies").items() {
        println!("{}", company?["name"]);
    }
    Ok(())
}
