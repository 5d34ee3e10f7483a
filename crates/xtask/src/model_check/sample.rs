//! Checks the real client over HTTP. The client sends its requests to the emulator, which injects random faults. The
//! checks read the state and the journal of the emulator.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use codat_keys::{ApiKey, Client, Error, ErrorKind, KeyId, Method};
use codat_keys_emulator::Emulator;
use serde_json::{Value, json};

const RUNS: u64 = 200;
/// The number of runs that are in progress at the same time. A run mostly waits for delayed responses and retries, so
/// many runs share one core.
const CONCURRENT: usize = 50;
const NAME: &str = "sample";
/// The time between the end of a call and the check of the effects of this call. Delayed requests take effect within
/// 2.5 s.
const LATE: Duration = Duration::from_millis(2700);

pub(crate) struct Sampled {
    pub(crate) runs: u64,
    pub(crate) races: u64,
    pub(crate) violations: u64,
}

enum Ending {
    Held,
    KnownRace,
}

pub(crate) fn run() -> Result<Sampled> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut sampled = Sampled { runs: RUNS, races: 0, violations: 0 };
    let seeds: Vec<u64> = (0..RUNS).collect();
    for seeds in seeds.chunks(CONCURRENT) {
        let runs: Vec<_> = seeds.iter().map(|seed| (*seed, runtime.spawn(one(*seed)))).collect();
        for (seed, run) in runs {
            match runtime.block_on(run).context("a run panicked").flatten() {
                Ok(Ending::Held) => {}
                Ok(Ending::KnownRace) => sampled.races += 1,
                Err(error) => {
                    sampled.violations += 1;
                    println!("violated: {error:#}: cargo xtask model-check http {seed}");
                }
            }
        }
    }
    Ok(sampled)
}

/// Repeats the run with this seed. [`run`] prints the seed of a failed run.
pub(crate) fn repeat(seed: u64) -> Result<()> {
    println!("{}", faults(seed));
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(one(seed)).map(drop)
}

/// Returns whether the run with this seed deletes an API key. Every fourth run does. The other runs create an API key.
fn deletes(seed: u64) -> bool {
    seed.is_multiple_of(4)
}

async fn one(seed: u64) -> Result<Ending> {
    let emulator = Emulator::builder().seed(seed).start()?;
    let key = ApiKey::parse(emulator.api_key())?;
    let client =
        Client::builder().base_url(emulator.base_url()).api_key(key).timeout(Duration::from_secs(4)).build()?;
    let target = if deletes(seed) { Some(client.keys().create(NAME).await?.key.id) } else { None };
    emulator.set_faults(&faults(seed).to_string()).map_err(anyhow::Error::msg)?;
    let outcome = match &target {
        Some(id) => client.keys().delete(id).await.map(|()| None),
        None => client.keys().create(NAME).await.map(|made| Some(made.key.id)),
    };
    tokio::time::sleep(LATE).await;
    let keys = control_state(&client, "state", "keys").await?;
    let requests = control_state(&client, "journal", "requests").await?;
    match &target {
        Some(id) => check_delete(id, outcome.map(drop), &keys),
        None => check_create(outcome, &keys, &requests),
    }
}

fn check_create(outcome: Result<Option<KeyId>, Error>, keys: &[Value], requests: &[Value]) -> Result<Ending> {
    let posts: Vec<&Value> = requests.iter().filter(|request| request["method"] == "POST").collect();
    let same = posts
        .iter()
        .all(|post| post["idempotencyKey"] == posts[0]["idempotencyKey"] && post["body"] == posts[0]["body"]);
    ensure!(same, "the attempts differ in idempotency key or body");
    let named = keys.iter().filter(|key| key["name"] == NAME).count();
    let foreign = requests.iter().filter(|request| request["fault"] == "foreign-creator").count();
    let ours = named.saturating_sub(foreign);
    let allows_known_race =
        posts.iter().any(|post| post["status"] == 429) && posts.iter().any(|post| post["ended"] != "answered");
    if ours > 1 && allows_known_race {
        return Ok(Ending::KnownRace);
    }
    ensure!(ours <= 1, "the call created {ours} keys");
    match outcome {
        Ok(made) => {
            let made = made.context("no id")?;
            ensure!(keys.iter().any(|key| key["id"] == made.as_str()), "the call returns a key that does not exist");
        }
        Err(error) if error.kind() == ErrorKind::OutcomeUnknown => {
            let candidates = error.outcome().and_then(|outcome| outcome.candidates.as_ref());
            let all_listed = candidates.is_none_or(|candidates| {
                candidates.iter().all(|candidate| keys.iter().any(|key| key["id"] == candidate.id.as_str()))
            });
            ensure!(all_listed, "a candidate does not exist");
        }
        Err(error) => ensure!(ours == 0, "the call created a key, but failed with: {error}"),
    }
    Ok(Ending::Held)
}

fn check_delete(target: &KeyId, outcome: Result<(), Error>, keys: &[Value]) -> Result<Ending> {
    let is_there = keys.iter().any(|key| key["id"] == target.as_str());
    match outcome {
        Ok(()) => ensure!(!is_there, "the key is reported as deleted, but exists"),
        Err(error) if error.kind() == ErrorKind::OutcomeUnknown => {}
        Err(error) => ensure!(is_there, "the key is deleted, but the call failed with: {error}"),
    }
    Ok(Ending::Held)
}

async fn control_state(client: &Client, what: &str, member: &str) -> Result<Vec<Value>> {
    let answer = client.request(Method::GET, &format!("/_emulator/{what}")).await?;
    let mut answer: Value = serde_json::from_slice(answer.bytes())?;
    Ok(answer[member].as_array_mut().map(std::mem::take).unwrap_or_default())
}

/// Returns one to four random faults for the run with this seed, as JSON for the emulator.
fn faults(seed: u64) -> Value {
    let mut rng = fastrand::Rng::with_seed(seed);
    let method = if deletes(seed) { "DELETE" } else { "POST" };
    let mut faults = Vec::new();
    for _ in 0..rng.usize(1..=4) {
        let change = [
            json!({"fault": "drop-before"}),
            json!({"fault": "drop-after"}),
            json!({"fault": "late", "milliseconds": 300}),
            json!({"fault": "delay-before", "milliseconds": 2500}),
            json!({"fault": "truncated"}),
            json!({"fault": "garbage"}),
            json!({"fault": "status", "status": 503, "effect": "none"}),
            json!({"fault": "status", "status": 503, "effect": "now"}),
            json!({"fault": "status", "status": 500, "effect": "late", "milliseconds": 300}),
            json!({"fault": "status", "status": 502, "effect": "now", "from": "gateway"}),
            json!({"fault": "status", "status": 504, "effect": "none", "from": "gateway"}),
            json!({"fault": "status", "status": 429, "retryAfter": "0"}),
            json!({"fault": "status", "status": 401}),
            json!({"fault": "foreign-creator", "name": NAME, "when": "before"}),
        ];
        // Excludes the last fault for a deletion: a key that another client creates does not affect it.
        let changes = if deletes(seed) { change.len() - 1 } else { change.len() };
        let list = [
            json!({"fault": "drop-before"}),
            json!({"fault": "stale-list"}),
            json!({"fault": "status", "status": 503}),
        ];
        let (mut fault, method, path) = match rng.u8(0..5) {
            0 => (list[rng.usize(0..list.len())].clone(), "GET", "/apiKeys"),
            _ => (change[rng.usize(0..changes)].clone(), method, "/apiKeys*"),
        };
        fault["method"] = method.into();
        fault["path"] = path.into();
        faults.push(fault);
    }
    json!({ "faults": faults })
}
