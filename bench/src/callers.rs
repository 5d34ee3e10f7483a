//! The measured clients. Each client makes the same call: it lists two keys and parses them into native objects.

use std::hint::black_box;
use std::sync::Arc;
use std::{future, thread};

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use codat_keys::{ApiKey, AuthorizationHeader, ClientBuilder, HeaderValue, Timestamp};
use http::header::{ACCEPT, AUTHORIZATION, USER_AGENT};
use http::{Request, Uri};
use http_body_util::{BodyExt as _, Empty};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use serde::Deserialize;
use tokio::runtime::{Handle, Runtime};

use crate::{KEY, PATH};

const JSON: &str = "application/json";
const AGENT: &str = "codat-keys-bench";

/// A client. Clones share its connections.
#[derive(Clone)]
pub(crate) enum Caller {
    Ours(codat_keys::Client),
    /// The client as bindings use it: one thread drives the connections, and another thread waits.
    OursAway(codat_keys::Client, Handle),
    Reqwest {
        http: reqwest::Client,
        url: String,
        authorization: HeaderValue,
    },
    Hyper {
        http: hyper_util::client::legacy::Client<HttpConnector, Empty<Bytes>>,
        url: Uri,
        authorization: HeaderValue,
    },
}

impl Caller {
    pub(crate) fn ours(url: &str) -> Result<Self> {
        Ok(Self::Ours(builder(url)?.build()?))
    }

    /// Creates a client whose connections are driven by a thread that runs until the process ends.
    pub(crate) fn ours_away(url: &str) -> Result<Self> {
        let runtime = runtime()?;
        let handle = runtime.handle().clone();
        thread::spawn(move || runtime.block_on(future::pending::<()>()));
        Ok(Self::OursAway(builder(url)?.build()?, handle))
    }

    /// Creates a reqwest client with the settings of the core.
    pub(crate) fn reqwest(url: &str) -> Result<Self> {
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
            .user_agent(AGENT)
            .build()?;
        Ok(Self::Reqwest { http, url: format!("{url}{PATH}"), authorization: authorization()? })
    }

    pub(crate) fn hyper(url: &str) -> Result<Self> {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let http = hyper_util::client::legacy::Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .build(connector);
        Ok(Self::Hyper { http, url: format!("{url}{PATH}").parse()?, authorization: authorization()? })
    }

    /// Makes one call. Fails unless the response contains two keys, because fast failures would distort the result.
    pub(crate) async fn call(&self) -> Result<()> {
        match self {
            Self::Ours(client) => two(client.keys().list().send().await?),
            Self::OursAway(client, thread) => two(thread.spawn(client.keys().list().send()).await??),
            Self::Reqwest { http, url, authorization } => {
                let request = http.get(url).header(AUTHORIZATION, authorization).header(ACCEPT, JSON);
                let answer = request.send().await?.error_for_status()?;
                read_two(&answer.bytes().await?)
            }
            Self::Hyper { http, url, authorization } => {
                let request = Request::get(url.clone())
                    .header(AUTHORIZATION, authorization)
                    .header(ACCEPT, JSON)
                    .header(USER_AGENT, AGENT)
                    .body(Empty::new())?;
                let answer = http.request(request).await?;
                ensure!(answer.status().is_success(), "{}", answer.status());
                read_two(&answer.into_body().collect().await?.to_bytes())
            }
        }
    }
}

/// Returns a builder for a codat-keys client.
pub(crate) fn builder(url: &str) -> Result<ClientBuilder> {
    Ok(codat_keys::Client::builder().api_key(ApiKey::parse(KEY)?).base_url(url))
}

/// A key with the same fields as those that codat-keys reads. codat-keys also validates IDs and keys, reads other date
/// formats, and wipes keys from memory.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "made, and then dropped")]
struct Key {
    id: String,
    name: Option<String>,
    api_key: String,
    created_date: Timestamp,
}

fn read(body: &[u8]) -> Result<Vec<Key>> {
    #[derive(Deserialize)]
    struct Answer {
        results: Vec<Key>,
    }
    Ok(serde_json::from_slice::<Answer>(body).context("the response cannot be read")?.results)
}

/// Parses a body in the same way as the other clients and checks that it contains two keys.
pub(crate) fn read_two(body: &[u8]) -> Result<()> {
    two(read(body)?)
}

pub(crate) fn two<T>(keys: Vec<T>) -> Result<()> {
    ensure!(black_box(keys).len() == 2, "the server answers something else");
    Ok(())
}

pub(crate) fn authorization() -> Result<HeaderValue> {
    Ok(AuthorizationHeader::from(&ApiKey::parse(KEY)?).to_header_value())
}

/// Returns a runtime of one thread.
pub(crate) fn runtime() -> Result<Runtime> {
    Ok(tokio::runtime::Builder::new_current_thread().enable_all().build()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::KEYS;

    #[test]
    fn the_answer_is_as_large_as_it_is_said_to_be_and_every_peer_reads_it() {
        assert_eq!(KEYS.len(), 373);
        read_two(KEYS.as_bytes()).unwrap();
        assert!(two(vec![0]).is_err());
    }
}
