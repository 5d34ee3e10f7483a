//! A killed emulator keeps every key whose creation it has acknowledged.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Stdio;
use std::sync::mpsc::{Sender, channel};
use std::thread;
use std::time::Duration;

use codat_keys::{ApiKey, Client};
use serde_json::Value;

use crate::bounded::LIMIT;
use crate::support::{Running, program, start};

const CHANGES: usize = 1_000;

struct Started {
    process: Running,
    url: String,
    key: String,
}

fn emulator(state: &Path) -> Started {
    let mut process = start(program().args(["emulator", "--json", "--state"]).arg(state).stdout(Stdio::piped()));
    let mut line = String::new();
    BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let line: Value = serde_json::from_str(&line).unwrap();
    let text = |member: &str| line[member].as_str().unwrap().to_owned();
    Started { process, url: text("baseUrl"), key: text("apiKey") }
}

fn client(running: &Started) -> Client {
    let key = ApiKey::parse(&running.key).unwrap();
    Client::builder().base_url(&running.url).api_key(key).timeout(Duration::from_secs(5)).build().unwrap()
}

/// Creates and deletes keys in turn until the emulator is gone, and sends a message for each change that was made. Returns
/// the ids that must exist, and those that may exist, since the outcome of the last change is unknown.
async fn change_until_killed(client: &Client, made: &Sender<()>) -> (BTreeSet<String>, BTreeSet<String>, usize) {
    let (mut sure, mut possible) = (BTreeSet::new(), BTreeSet::new());
    for change in 0..CHANGES {
        if sure.len() < 8 && change % 3 != 2 {
            match client.keys().create(format!("key-{change}")).await {
                Ok(made) => sure.insert(made.key.id.to_string()),
                Err(_) => return (sure, possible, change),
            };
        } else {
            let id: String = sure.pop_first().unwrap();
            if client.keys().delete(&codat_keys::KeyId::parse(&id).unwrap()).await.is_err() {
                possible.insert(id);
                return (sure, possible, change);
            }
        }
        // Changes after the kill are not reported.
        let _ = made.send(());
    }
    (sure, possible, CHANGES)
}

#[test]
fn a_killed_emulator_keeps_every_acknowledged_key() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    for changes_before in [2, 7, 13, 21, 30] {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("state.json");
        let mut running = emulator(&state);
        let client_of_first = client(&running);
        let process = running.process.id();
        let (made, is_made) = channel();
        // The emulator is killed during the next change.
        let killer = thread::spawn(move || {
            (0..changes_before).for_each(|_| is_made.recv_timeout(LIMIT).expect("a change is made"));
            let pid = rustix::process::Pid::from_raw(process.cast_signed()).unwrap();
            rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
        });
        let (sure, possible, changes) = runtime.block_on(change_until_killed(&client_of_first, &made));
        killer.join().unwrap();
        running.process.wait().unwrap();
        assert!((changes_before..CHANGES).contains(&changes), "{changes}: the kill was not amid the changes");

        let mut again = emulator(&state);
        let listed = runtime.block_on(client(&again).keys().list().send()).unwrap();
        again.process.kill().unwrap();
        again.process.wait().unwrap();
        let listed: BTreeSet<String> =
            listed.into_iter().filter(|key| key.name.is_some()).map(|key| key.id.to_string()).collect();
        assert!(sure.is_subset(&listed), "acknowledged, then lost: {sure:?}, {listed:?}");
        // At most the create that was running has taken effect without acknowledgement.
        assert!(listed.difference(&(&sure | &possible)).count() <= 1, "{sure:?}, {listed:?}");
    }
}
