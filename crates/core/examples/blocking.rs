//! Calls without a runtime.

use codat_keys::blocking::Client;

fn main() -> Result<(), codat_keys::Error> {
    let client = Client::from_env()?;
    println!("this is the key {}", client.whoami()?.id);
    for page in client.pages("/companies") {
        println!("{} companies", page?.results.len());
    }
    Ok(())
}
