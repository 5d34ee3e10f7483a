//! Comparison of the speed of codat-keys with that of other clients: the server, all measurements, and the tables.
//!
//! The benchmarks pin programs to cores and read `/proc`, so this crate is empty on platforms other than Linux.

#![cfg(target_os = "linux")]

mod aims;
mod facts;
mod serve;

mod memory;
mod package;
mod throughput;

mod oneshot;
mod subjects;

mod scripts;

mod slice;
mod socket;

mod callers;
mod cores;
mod server;
mod table;

mod statistics;

use anyhow::{Result, bail};

use cores::Cores;
use package::Package;
use server::Server;

/// A list response of 373 bytes with two made-up keys.
const KEYS: &str = r#"{"results":[{"id":"0498e921-9b53-4396-a412-4f2f5983b0a2","name":"MadeUpKey-accounting","apiKey":"MadeUpKey0000000000000000000000000000kGHd","createdDate":"2026-11-25T09:15:30.1234567Z"},{"id":"7c1d6a50-2f4e-4b8e-9a37-d1e02c5b6f18","name":"MadeUpKey-nightly-reconciliation","apiKey":"MadeUpKey0000000000000000000000000000wXyZ","createdDate":"2026-11-24T17:45:00.7654321Z"}]}"#;

/// The key that every call authenticates with.
const KEY: &str = "MadeUpKey0000000000000000000000000000kGHd";

const PATH: &str = "/apiKeys";

/// Runs all measurements if there are no arguments. Writes the tables to standard output and the progress to standard
/// error. With arguments, runs one of the child processes.
pub fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [] => run(),
        ["serve", http, https, folder] => serve::run(http.parse()?, https.parse()?, folder.as_ref()),
        ["memory", client, load, url] => memory::child(client, load, url),
        _ => bail!("start it with `cargo xtask bench`"),
    }
}

fn run() -> Result<()> {
    let cores = Cores::of_this_machine()?;
    // The server inherits the pinning of this thread.
    cores.pin_to(cores.server)?;
    let server = Server::start()?;
    eprintln!("server: {}, {}", server.name, cores);

    // Precedes the calls, which take minutes, so that a missing program is reported immediately.
    let programs = oneshot::Programs::find(&server)?;
    let runtime = callers::runtime()?;
    let calls = throughput::measure(subjects::groups(&server, &cores, &runtime)?, &cores)?;
    let processes = programs.measure(&cores)?;
    let packages = [Package::measure(&package::PYTHON, &cores)?, Package::measure(&package::NODE, &cores)?];
    let memory = memory::measure(&server)?;

    println!("{}", facts::list(&server, &cores)?);
    println!("### Aims\n\n{}", aims::table(&cores, &calls, &processes, &packages, &memory)?);

    println!("### Calls over connections that are kept\n\n{}", throughput::table(&calls, subjects::REFERENCE));
    println!("### The same from Python\n\n{}", throughput::table(&calls, subjects::PLATFORM));
    println!("### The same from Node\n\n{}", throughput::table(&calls, subjects::NODE_PLATFORM));
    for package in &packages {
        println!("### Imports in {}\n\n{}", package.language.name, package.table());
    }
    println!("### One call a process\n\n{}", oneshot::table(&processes));
    println!("### Memory\n\n{}", memory::table(&memory));
    Ok(())
}

/// Returns the indexes of a list of at most seven clients, in a different order in each round. On a separate core, a
/// client that always follows the same other client is up to 15 % faster or slower than after others.
fn in_turn(length: usize, round: usize) -> impl Iterator<Item = usize> {
    // This number is a prime, so every step length reaches every index.
    const MOST: usize = 7;
    let step = 1 + round % (MOST - 1);
    (0..MOST).map(move |turn| (round + turn * step) % MOST).filter(move |place| *place < length)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_round_has_every_place_once_and_each_place_follows_every_other_one() {
        for length in 1..=7 {
            let mut pairs = BTreeSet::new();
            for round in 0..40 {
                let places: Vec<_> = in_turn(length, round).collect();
                assert_eq!(places.iter().collect::<BTreeSet<_>>().len(), length);
                assert_eq!(places.len(), length);
                pairs.extend(places.windows(2).map(|pair| (pair[0], pair[1])));
            }
            assert_eq!(pairs.len(), length * (length - 1));
        }
    }
}
