//! Writes all companies to a file, and continues after errors.

use std::error::Error;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::time::Duration;

use codat_keys::Client;
use serde_json::Value;

const FIRST_WAIT: Duration = Duration::from_secs(1);
const LAST_WAIT: Duration = Duration::from_secs(1000);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let client = Client::from_env()?;
    let mut file = BufWriter::new(File::create("companies.jsonl")?);
    let mut companies = client.pages::<Value>("/companies").page_size(2).order_by("created").concurrency(4).items();

    let mut wait = FIRST_WAIT;
    loop {
        match companies.next().await {
            Ok(Some(company)) => {
                writeln!(file, "{company}")?;
                wait = FIRST_WAIT;
            }
            Ok(None) => break,
            Err(error) if error.is_retryable() && wait <= LAST_WAIT => {
                tokio::time::sleep(wait.max(error.retry_after().unwrap_or_default())).await;
                wait *= 10;
            }
            Err(error) => return Err(error.into()),
        }
    }
    file.flush()?;
    println!("complete: {}", !companies.total_changed());
    Ok(())
}
