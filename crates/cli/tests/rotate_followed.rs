//! Programs that follow a key file: no call fails while `rotate` replaces the key in the file again and again.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use codat_keys::{Client, Method};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::bounded::wait_until;
use crate::rotate::Account;
use crate::support::run;

const ROTATIONS: usize = 10;

/// The number of calls of a client at the same time.
const AT_ONCE: usize = 64;

/// The number of commands at the same time. Each of them is a process, which needs much more time than a call.
const COMMANDS_AT_ONCE: usize = 8;

/// The calls of a test.
#[derive(Default)]
struct Calls {
    begun: AtomicUsize,
    under_way: Mutex<BTreeSet<usize>>,
    is_over: AtomicBool,
    failed: Mutex<Vec<String>>,
}

impl Calls {
    /// Returns the number of the next call, or `None` if no further call is to be made.
    fn next(&self) -> Option<usize> {
        if self.is_over.load(Ordering::SeqCst) {
            return None;
        }
        let number = self.begun.fetch_add(1, Ordering::SeqCst);
        self.under_way.lock().unwrap().insert(number);
        Some(number)
    }

    fn ended(&self, number: usize) {
        self.under_way.lock().unwrap().remove(&number);
    }

    /// Waits for the end of the calls that are under way. A call is repeated once, so it must not last for two rotations.
    fn wait_for_end(&self) {
        let begun = self.under_way.lock().unwrap().clone();
        wait_until("the calls end", || begun.is_disjoint(&self.under_way.lock().unwrap()));
    }

    /// Makes one call after the other, until one fails.
    fn repeat(&self, call: impl Fn(usize) -> Result<(), String>) {
        while let Some(number) = self.next() {
            let result = call(number);
            self.ended(number);
            if let Err(failure) = result {
                return self.failed.lock().unwrap().push(failure);
            }
        }
    }

    async fn repeat_async(self: Arc<Self>, client: Client) {
        while let Some(number) = self.next() {
            let result = client.request(Method::GET, "/profile").param("call", number).await;
            self.ended(number);
            if let Err(error) = result {
                return self.failed.lock().unwrap().push(format!("call {number}: {error:?}"));
            }
        }
    }
}

/// The requests that the emulator has received. Its journal contains the newest ones only.
#[derive(Default)]
struct Seen(BTreeMap<u64, Value>);

impl Seen {
    fn look(&mut self, account: &Account) {
        let requests = account.emulator.journal().into_iter();
        self.0.extend(requests.map(|request| (request["seq"].as_u64().unwrap(), request)));
    }

    /// Returns the statuses of each call, in order.
    fn calls(&self) -> Vec<Vec<u64>> {
        let mut calls: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
        for request in self.0.values().filter(|request| request["path"] == "/profile") {
            let status = request["status"].as_u64().unwrap_or_default();
            calls.entry(request["query"].as_str().unwrap()).or_default().push(status);
        }
        calls.into_values().collect()
    }
}

#[test]
fn no_call_fails_while_the_key_in_the_file_is_replaced_ten_times() {
    let (account, calls, mut seen) = (Account::new(), Arc::new(Calls::default()), Seen::default());
    // The calls of a client are under way at the same time, and leave time of the processor to the rotations.
    let delay =
        json!({"method": "GET", "path": "/profile", "fault": "delay-before", "milliseconds": 250, "count": 1_000_000});
    account.emulator.set_faults(&json!([delay]).to_string()).unwrap();
    let builder = || Client::builder().base_url(account.emulator.base_url()).api_key_file(account.path("key"));
    let (client, blocking) = (builder().build().unwrap(), builder().build_blocking().unwrap());
    let call_blocking = |number: usize| {
        let sent = blocking.request(Method::GET, "/profile").param("call", number).send();
        sent.map(drop).map_err(|error| format!("call {number}: {error:?}"))
    };
    let run_command = |number: usize| {
        let ended = run(&mut account.program(), &["api", "/profile", "--param", &format!("call={number}")]);
        if ended.status == 0 { Ok(()) } else { Err(format!("command {number}: {ended:?}")) }
    };
    let run_tasks = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let tasks = (0..AT_ONCE).map(|_| Arc::clone(&calls).repeat_async(client.clone()));
        runtime.block_on(async { tasks.collect::<JoinSet<()>>().join_all().await });
    };
    thread::scope(|threads| {
        threads.spawn(run_tasks);
        for _ in 0..AT_ONCE {
            threads.spawn(|| calls.repeat(call_blocking));
        }
        for _ in 0..COMMANDS_AT_ONCE {
            threads.spawn(|| calls.repeat(run_command));
        }
        for _ in 0..ROTATIONS {
            let ended = account.rotate(&["--to", "file:key", "--grace", "0"]);
            calls.failed.lock().unwrap().extend((ended.status != 0).then(|| format!("{ended:?}")));
            seen.look(&account);
            calls.wait_for_end();
        }
        calls.is_over.store(true, Ordering::SeqCst);
    });
    assert_eq!(*calls.failed.lock().unwrap(), [""; 0]);
    seen.look(&account);
    let statuses = seen.calls();
    assert_eq!(statuses.len(), calls.begun.load(Ordering::SeqCst));
    assert!(statuses.iter().all(|statuses| [&[200][..], &[401, 200]].contains(&&statuses[..])), "{statuses:?}");
    let rejected = statuses.iter().filter(|statuses| statuses.len() == 2).count();
    eprintln!("{} calls, of which {rejected} were rejected and repeated", statuses.len());
    assert!(0 < rejected && rejected <= ROTATIONS * (2 * AT_ONCE + COMMANDS_AT_ONCE), "{rejected}");
    assert_eq!((account.read("key"), account.keys().len()), (account.value(&account.newest()), 2));
}
