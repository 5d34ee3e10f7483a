//! Random sequences of requests, key replacements, read errors and cancelled requests. At any time, at most one request
//! reads the credential source. At the end, the client uses the newest key.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use codat_keys::{Client, Credential, CredentialFuture, ErrorKind, KeyProvider};
use proptest::prelude::*;
use tokio::task::JoinHandle;

use crate::providers::{builder, get, header_of};
use crate::raw_server::{RawServer, json};

#[derive(Clone, Debug)]
enum Step {
    /// Starts this number of requests.
    Call(usize),
    Reload,
    /// Cancels the oldest running request.
    GiveUp,
    /// Replaces the valid key. The server then rejects the previous key.
    Replace,
    /// Makes the next read of the source fail.
    Fail,
    /// Waits for this number of milliseconds.
    Wait(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (1_usize..8).prop_map(Step::Call),
        1 => Just(Step::Reload),
        2 => Just(Step::GiveUp),
        2 => Just(Step::Replace),
        1 => Just(Step::Fail),
        3 => (0_u64..4).prop_map(Step::Wait),
    ]
}

/// The number of the only key that the server accepts.
static NEWEST: AtomicUsize = AtomicUsize::new(0);

static SERVER: LazyLock<RawServer> = LazyLock::new(|| {
    RawServer::with_handler(|request| match request.contains(&header_of(&newest())) {
        true => json(200, "{}"),
        false => json(401, "{}"),
    })
});

fn newest() -> String {
    format!("MadeUpKey{:031}", NEWEST.load(Ordering::SeqCst))
}

/// A provider with slow reads. A read returns the key that was valid when the read began.
#[derive(Clone, Default)]
struct Vault(Arc<Seen>);

#[derive(Default)]
struct Seen {
    fails: AtomicBool,
    reading: AtomicUsize,
    most_at_once: AtomicUsize,
}

/// Counts a read as running until it ends or is dropped.
struct Under<'a>(&'a Seen);

impl<'a> Under<'a> {
    fn way(seen: &'a Seen) -> Self {
        let now = seen.reading.fetch_add(1, Ordering::SeqCst) + 1;
        seen.most_at_once.fetch_max(now, Ordering::SeqCst);
        Self(seen)
    }
}

impl Drop for Under<'_> {
    fn drop(&mut self) {
        self.0.reading.fetch_sub(1, Ordering::SeqCst);
    }
}

impl KeyProvider for Vault {
    fn source(&self) -> &str {
        "the vault"
    }

    fn read(&self) -> CredentialFuture<'_> {
        Box::pin(async {
            let _under = Under::way(&self.0);
            let key = newest();
            tokio::time::sleep(Duration::from_millis(2)).await;
            if self.0.fails.swap(false, Ordering::SeqCst) {
                return Err("it is sealed".into());
            }
            Ok(Credential::parse(&key)?)
        })
    }
}

type Running = JoinHandle<Result<(), codat_keys::Error>>;

fn begin(client: &Client, step: &Step) -> Vec<Running> {
    let call = || {
        let client = client.clone();
        tokio::spawn(async move { get(&client).await })
    };
    let reload = || {
        let client = client.clone();
        tokio::spawn(async move { client.reload_key().await.map(drop) })
    };
    match step {
        Step::Call(calls) => (0..*calls).map(|_| call()).collect(),
        Step::Reload => vec![reload()],
        _ => Vec::new(),
    }
}

async fn take_together(steps: Vec<Step>) {
    let vault = Vault::default();
    let client = builder(&SERVER).api_key_from(vault.clone()).build().unwrap();
    let mut running: Vec<Running> = Vec::new();
    for step in steps {
        running.extend(begin(&client, &step));
        running.retain(|task| !task.is_finished());
        match step {
            Step::GiveUp => running.first().into_iter().for_each(JoinHandle::abort),
            Step::Replace => drop(NEWEST.fetch_add(1, Ordering::SeqCst)),
            Step::Fail => vault.0.fails.store(true, Ordering::SeqCst),
            Step::Wait(milliseconds) => tokio::time::sleep(Duration::from_millis(milliseconds)).await,
            Step::Call(_) | Step::Reload => {}
        }
    }
    for task in running {
        // A request fails only if the key was replaced twice or a read failed.
        if let Ok(Err(error)) = task.await {
            assert!(matches!(error.kind(), ErrorKind::Unauthorized | ErrorKind::InvalidCredential), "{error}");
        }
    }
    vault.0.fails.store(false, Ordering::SeqCst);
    get(&client).await.unwrap();
    assert_eq!(client.authorization_for(&SERVER.url).unwrap(), Credential::parse(&newest()).unwrap().header());
    assert_eq!(vault.0.most_at_once.load(Ordering::SeqCst), 1);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn every_interleaving_ends_with_the_newest_key(steps in prop::collection::vec(step(), 1..24)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(take_together(steps));
    }
}
