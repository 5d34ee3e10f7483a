//! The Rust clients, each as a function that makes a call and returns the number of results.

mod invoice;

use std::env;
use std::fs::File;
use std::hint::black_box;
use std::io::{self, Write as _};
use std::sync::Arc;

use anyhow::{Context as _, Result};
use codat_keys::{ApiKey, AuthorizationHeader, ClientBuilder, Method, Timestamp};
use http::header::{ACCEPT, AUTHORIZATION};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::KEY;
use crate::responses::{BODY_PATH, DISTANT_PAGE_SIZE, DISTANT_PATH, KEYS_PATH, PAGE_SIZE, PAGES_PATH};
pub(crate) use invoice::Invoice;

/// A key with the same fields as those that codat-keys parses. codat-keys also validates IDs and keys, parses other date
/// formats, and wipes keys from memory.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "parsed, and then dropped")]
pub(crate) struct Key {
    id: String,
    name: Option<String>,
    api_key: String,
    created_date: Timestamp,
}

/// Returns a function that lists the keys. All functions of a client share its connections.
pub(crate) fn list_keys(client: &codat_keys::Client) -> impl AsyncFnMut() -> Result<usize> + use<> {
    let client = client.clone();
    async move || Ok(black_box(client.keys().list().send().await?).len())
}

pub(crate) fn list_keys_blocking(client: codat_keys::blocking::Client) -> impl FnMut() -> Result<usize> {
    move || Ok(black_box(client.keys().list().send()?).len())
}

/// Returns a function that requests the next page. After the last page, the function continues with the first one.
pub(crate) fn next_page(client: codat_keys::Client) -> impl AsyncFnMut() -> Result<usize> {
    let first = move || client.pages::<Invoice>(PAGES_PATH).page_size(PAGE_SIZE);
    let mut pages = first();
    async move || {
        loop {
            match pages.next().await? {
                Some(page) => return Ok(black_box(page.results).len()),
                None => pages = first(),
            }
        }
    }
}

pub(crate) fn next_page_blocking(client: codat_keys::blocking::Client) -> impl FnMut() -> Result<usize> {
    let first = move || client.pages::<Invoice>(PAGES_PATH).page_size(PAGE_SIZE);
    let mut pages = first();
    move || {
        loop {
            match pages.next() {
                Some(page) => return Ok(black_box(page?.results).len()),
                None => pages = first(),
            }
        }
    }
}

/// Returns a function that reads all distant pages.
pub(crate) fn all_pages(client: codat_keys::Client, concurrency: u32) -> impl AsyncFnMut() -> Result<usize> {
    async move || {
        let mut results = 0;
        let mut pages = client.pages::<Invoice>(DISTANT_PATH).page_size(DISTANT_PAGE_SIZE).concurrency(concurrency);
        while let Some(page) = pages.next().await? {
            results += black_box(page.results).len();
        }
        Ok(results)
    }
}

pub(crate) fn all_pages_blocking(
    client: codat_keys::blocking::Client,
    concurrency: u32,
) -> impl FnMut() -> Result<usize> {
    move || {
        let mut results = 0;
        for page in client.pages::<Invoice>(DISTANT_PATH).page_size(DISTANT_PAGE_SIZE).concurrency(concurrency) {
            results += black_box(page?.results).len();
        }
        Ok(results)
    }
}

/// Returns a function that writes a body to a file.
pub(crate) fn download(client: codat_keys::Client) -> impl AsyncFnMut() -> Result<usize> {
    async move || {
        let (mut file, mut bytes) = (download_file()?, 0);
        let mut body = client.request(Method::GET, BODY_PATH).send_streaming().await?;
        while let Some(chunk) = body.chunk().await? {
            file.write_all(&chunk)?;
            bytes += chunk.len();
        }
        Ok(bytes)
    }
}

pub(crate) fn download_blocking(client: codat_keys::blocking::Client) -> impl FnMut() -> Result<usize> {
    move || {
        let mut body = client.request(Method::GET, BODY_PATH).send_streaming()?;
        Ok(io::copy(&mut body, &mut download_file()?)? as usize)
    }
}

fn download_file() -> Result<File> {
    Ok(File::create(env::var_os("BENCH_FILE").context("`BENCH_FILE` is not set")?)?)
}

/// Returns a builder for a codat-keys client.
pub(crate) fn builder(url: &str) -> Result<ClientBuilder> {
    Ok(codat_keys::Client::builder().api_key(ApiKey::parse(KEY)?).base_url(url))
}

/// A reqwest client with the settings of the core.
#[derive(Clone)]
pub(crate) struct Reqwest {
    http: reqwest::Client,
    base_url: String,
    authorization: http::HeaderValue,
}

impl Reqwest {
    pub(crate) fn new(base_url: &str) -> Result<Self> {
        let roots = rustls::RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        let tls = rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .user_agent("codat-keys-bench")
            .build()?;
        let authorization = AuthorizationHeader::from(&ApiKey::parse(KEY)?).to_header_value();
        Ok(Self { http, base_url: base_url.to_owned(), authorization })
    }

    pub(crate) fn list_keys(&self) -> impl AsyncFnMut() -> Result<usize> + use<> {
        self.clone().reader::<Key>(KEYS_PATH.to_owned())
    }

    pub(crate) fn next_page(self) -> impl AsyncFnMut() -> Result<usize> {
        self.reader::<Invoice>(format!("{PAGES_PATH}?page=1&pageSize={PAGE_SIZE}"))
    }

    /// Returns a function that only parses a page, which is requested once.
    pub(crate) async fn parse_page(self) -> Result<impl AsyncFnMut() -> Result<usize>> {
        let body = self.get(&format!("{}{PAGES_PATH}", self.base_url)).await?;
        Ok(async move || parse::<Invoice>(&body))
    }

    /// Returns a function that writes a body to a file.
    pub(crate) fn download(self) -> impl AsyncFnMut() -> Result<usize> {
        let url = format!("{}{BODY_PATH}", self.base_url);
        async move || {
            let (mut file, mut bytes) = (download_file()?, 0);
            let mut response = self.send(&url).await?;
            while let Some(chunk) = response.chunk().await? {
                file.write_all(&chunk)?;
                bytes += chunk.len();
            }
            Ok(bytes)
        }
    }

    fn reader<T: DeserializeOwned>(self, path: String) -> impl AsyncFnMut() -> Result<usize> {
        let url = format!("{}{path}", self.base_url);
        async move || parse::<T>(&self.get(&url).await?)
    }

    async fn get(&self, url: &str) -> Result<bytes::Bytes> {
        Ok(self.send(url).await?.bytes().await?)
    }

    async fn send(&self, url: &str) -> Result<reqwest::Response> {
        let request = self.http.get(url).header(AUTHORIZATION, &self.authorization).header(ACCEPT, "application/json");
        Ok(request.send().await?.error_for_status()?)
    }
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<usize> {
    #[derive(Deserialize)]
    struct Body<T> {
        results: Vec<T>,
    }
    let Body { results } = serde_json::from_slice::<Body<T>>(body).context("the response cannot be parsed")?;
    Ok(black_box(results).len())
}
