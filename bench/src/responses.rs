//! The responses of the servers, which are generated once in each run.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result};
use bytes::Bytes;
use codat_keys::{ApiKey, Client};
use codat_keys_emulator::Emulator;
use serde::de::IgnoredAny;
use serde_json::Value;

/// The path of the list of keys.
pub(crate) const KEYS_PATH: &str = "/apiKeys";

/// A list response of 373 bytes with two made-up keys.
pub(crate) const KEYS: &str = r#"{"results":[{"id":"0498e921-9b53-4396-a412-4f2f5983b0a2","name":"MadeUpKey-accounting","apiKey":"MadeUpKey0000000000000000000000000000kGHd","createdDate":"2026-11-25T09:15:30.1234567Z"},{"id":"7c1d6a50-2f4e-4b8e-9a37-d1e02c5b6f18","name":"MadeUpKey-nightly-reconciliation","apiKey":"MadeUpKey0000000000000000000000000000wXyZ","createdDate":"2026-11-24T17:45:00.7654321Z"}]}"#;

/// The path of a list of invoices. Each page of it is the same response of about 6 MB.
pub(crate) const PAGES_PATH: &str = "/companies/bench/data/invoices";
/// The number of invoices on a page.
pub(crate) const PAGE_SIZE: u32 = 3000;
/// The number of pages that together contain 1 GB.
pub(crate) const PAGES: u32 = 165;
/// The path of a list of the same pages that ends after three pages.
pub(crate) const THREE_PAGES_PATH: &str = "/companies/three/data/invoices";

/// The path of a list of 100 small pages. Each response takes [`LATENCY`].
pub(crate) const DISTANT_PATH: &str = "/companies/distant/data/invoices";
pub(crate) const DISTANT_PAGE_SIZE: u32 = 100;
pub(crate) const DISTANT_PAGES: u32 = 100;
pub(crate) const LATENCY: Duration = Duration::from_millis(100);

/// The path of a response with a body of 1 GB, which consists of null bytes.
pub(crate) const BODY_PATH: &str = "/attachment";
pub(crate) const BODY_BYTES: usize = 1_000_000_000;

/// Returns the folder of the files that the servers send. The path of a URL is also the path of its file.
pub(crate) fn files(folder: &Path) -> PathBuf {
    folder.join("files")
}

/// Returns the file that contains the response for a path.
pub(crate) fn file(folder: &Path, path: &str) -> PathBuf {
    files(folder).join(path.trim_start_matches('/'))
}

/// Writes the responses to files, except the list of keys.
pub(crate) fn write(folder: &Path, pages: u32) -> Result<()> {
    let lists = [
        (PAGES_PATH, PAGE_SIZE, pages),
        (THREE_PAGES_PATH, PAGE_SIZE, 3),
        (DISTANT_PATH, DISTANT_PAGE_SIZE, DISTANT_PAGES),
    ];
    for (path, size, pages) in lists {
        let file = file(folder, path);
        fs::create_dir_all(file.parent().context("the path has no parent")?)?;
        fs::write(file, page(size, pages)?)?;
    }
    // The file has no blocks on the disk.
    Ok(File::create(file(folder, BODY_PATH))?.set_len(BODY_BYTES as u64)?)
}

/// Returns the first of several pages of invoices, which the emulator generates.
fn page(size: u32, pages: u32) -> Result<Bytes> {
    let emulator = Emulator::builder().invoices(pages * size).start()?;
    let key = ApiKey::parse(emulator.api_key())?;
    let client = Client::builder().base_url(emulator.base_url()).api_key(key).build_blocking()?;
    let company = client.pages::<Value>("/companies").next().context("there is no company")??;
    let company = company.results[0]["id"].as_str().context("the company has no ID")?.to_owned();
    let path = format!("/companies/{company}/data/invoices");
    let page = client.pages::<IgnoredAny>(&path).page_size(size).next().context("there is no page")??;
    Ok(page.response.bytes().clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_of_keys_has_373_bytes() {
        assert_eq!(KEYS.len(), 373);
    }

    #[test]
    fn a_page_has_6_mb_and_all_pages_have_1_gb() {
        let bytes = page(PAGE_SIZE, PAGES).unwrap().len() as f64;
        assert!((5.9e6..6.2e6).contains(&bytes), "{bytes}");
        assert!((0.99e9..1.02e9).contains(&(bytes * f64::from(PAGES))), "{bytes}");
    }
}
