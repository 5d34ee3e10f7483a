//! A sample of schedules over real HTTP: the whole client against the emulator, judged by the emulator's state and journal.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use codat_keys::{ApiKey, Client, Error, ErrorKind, KeyId, KeyName, Method};
use codat_keys_emulator::Emulator;
use serde_json::{Value, json};

const RUNS: u64 = 200;
/// Runs wait more than they work.
const AT_ONCE: usize = 50;
const NAME: &str = "sample";
/// What is late has come by then.
const LATE: Duration = Duration::from_millis(2700);

pub(crate) struct Sampled {
    pub(crate) runs: u64,
    pub(crate) holes: u64,
    pub(crate) violations: u64,
}

enum Ending {
    Held,
    KnownHole,
}

pub(crate) fn run() -> Result<Sampled> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut sampled = Sampled { runs: RUNS, holes: 0, violations: 0 };
    let seeds: Vec<u64> = (0..RUNS).collect();
    for seeds in seeds.chunks(AT_ONCE) {
        let runs: Vec<_> = seeds.iter().map(|seed| (*seed, runtime.spawn(one(*seed)))).collect();
        for (seed, run) in runs {
            match runtime.block_on(run).context("a run broke off").flatten() {
                Ok(Ending::Held) => {}
                Ok(Ending::KnownHole) => sampled.holes += 1,
                Err(error) => {
                    sampled.violations += 1;
                    println!("violated: {error:#}: cargo xtask prove http {seed}");
                }
            }
        }
    }
    Ok(sampled)
}

/// Repeats one run, as a line of [`run`] told it.
pub(crate) fn repeat(seed: u64) -> Result<()> {
    println!("{}", faults(seed));
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(one(seed)).map(drop)
}

/// Every fourth run deletes, the others create.
fn deletes(seed: u64) -> bool {
    seed.is_multiple_of(4)
}

async fn one(seed: u64) -> Result<Ending> {
    let emulator = Emulator::builder().seed(seed).start()?;
    let key = ApiKey::parse(emulator.api_key())?;
    let client =
        Client::builder().base_url(emulator.base_url()).api_key(key).timeout(Duration::from_secs(4)).build()?;
    let name = KeyName::parse(NAME)?;
    let target = if deletes(seed) { Some(client.keys().create(&name).await?.key.id) } else { None };
    emulator.set_faults(&faults(seed).to_string()).map_err(anyhow::Error::msg)?;
    let outcome = match &target {
        Some(id) => client.keys().delete(id).await.map(|()| None),
        None => client.keys().create(&name).await.map(|made| Some(made.key.id)),
    };
    tokio::time::sleep(LATE).await;
    let keys = look(&client, "state", "keys").await?;
    let requests = look(&client, "journal", "requests").await?;
    match &target {
        Some(id) => judge_delete(id, outcome.map(drop), &keys),
        None => judge_create(outcome, &keys, &requests),
    }
}

fn judge_create(outcome: Result<Option<KeyId>, Error>, keys: &[Value], requests: &[Value]) -> Result<Ending> {
    let posts: Vec<&Value> = requests.iter().filter(|request| request["method"] == "POST").collect();
    let same = posts
        .iter()
        .all(|post| post["idempotencyKey"] == posts[0]["idempotencyKey"] && post["body"] == posts[0]["body"]);
    ensure!(same, "several idempotency keys, or other bytes");
    let named = keys.iter().filter(|key| key["name"] == NAME).count();
    let foreign = requests.iter().filter(|request| request["fault"] == "foreign-creator").count();
    let ours = named.saturating_sub(foreign);
    let is_open =
        posts.iter().any(|post| post["status"] == 429) && posts.iter().any(|post| post["ended"] != "answered");
    if ours > 1 && is_open {
        return Ok(Ending::KnownHole);
    }
    ensure!(ours <= 1, "{ours} keys of ours");
    match outcome {
        Ok(made) => {
            let made = made.context("no id")?;
            ensure!(keys.iter().any(|key| key["id"] == made.as_str()), "a key is handed out that is not there");
        }
        Err(error) if error.kind() == ErrorKind::OutcomeUnknown => {
            let candidates = error.outcome().and_then(|outcome| outcome.candidates.as_ref());
            let all_listed = candidates.is_none_or(|candidates| {
                candidates.iter().all(|candidate| keys.iter().any(|key| key["id"] == candidate.id.as_str()))
            });
            ensure!(all_listed, "a candidate is told that is not there");
        }
        Err(error) => ensure!(ours == 0, "a key of ours is there, after {error}"),
    }
    Ok(Ending::Held)
}

fn judge_delete(target: &KeyId, outcome: Result<(), Error>, keys: &[Value]) -> Result<Ending> {
    let is_there = keys.iter().any(|key| key["id"] == target.as_str());
    match outcome {
        Ok(()) => ensure!(!is_there, "it is said to be deleted, and is there"),
        Err(error) if error.kind() == ErrorKind::OutcomeUnknown => {}
        Err(error) => ensure!(is_there, "it is gone, after {error}"),
    }
    Ok(Ending::Held)
}

async fn look(client: &Client, what: &str, member: &str) -> Result<Vec<Value>> {
    let answer = client.request(Method::GET, &format!("/_emulator/{what}")).await?;
    let mut answer: Value = serde_json::from_slice(answer.bytes())?;
    Ok(answer[member].as_array_mut().map(std::mem::take).unwrap_or_default())
}

/// Up to four faults, the same for the same seed.
fn faults(seed: u64) -> Value {
    let mut chance = fastrand::Rng::with_seed(seed);
    let method = if deletes(seed) { "DELETE" } else { "POST" };
    let mut faults = Vec::new();
    for _ in 0..chance.usize(1..=4) {
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
        // Whoever deletes is not troubled by others who create.
        let changes = if deletes(seed) { change.len() - 1 } else { change.len() };
        let list = [
            json!({"fault": "drop-before"}),
            json!({"fault": "stale-list"}),
            json!({"fault": "status", "status": 503}),
        ];
        let (mut fault, method, path) = match chance.u8(0..5) {
            0 => (list[chance.usize(0..list.len())].clone(), "GET", "/apiKeys"),
            _ => (change[chance.usize(0..changes)].clone(), method, "/apiKeys*"),
        };
        fault["method"] = method.into();
        fault["path"] = path.into();
        faults.push(fault);
    }
    json!({ "faults": faults })
}
