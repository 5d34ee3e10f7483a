//! Writes a response of any size to a file.

use std::fs::File;
use std::io;

use codat_keys::Method;
use codat_keys::blocking::Client;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let client = Client::from_env()?;
    let mut response = client.request(Method::GET, "/companies").send_streaming()?;
    let bytes = io::copy(&mut response, &mut File::create("companies.json")?)?;
    println!("{bytes} bytes");
    Ok(())
}
