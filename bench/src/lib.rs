//! Comparison of the speed of codat-keys with that of other clients: the servers, all measurements, and the tables.
//!
//! The benchmarks pin programs to cores and read `/proc`, so this crate is empty on platforms other than Linux.

#![cfg(target_os = "linux")]

mod aims;
mod facts;
mod serve;
mod worker;

mod measure;
mod rust_clients;

mod jobs;

mod package;
mod process;
mod programs;

mod server;

mod cores;
mod responses;
mod scripts;
mod slice;
mod table;

mod statistics;

use anyhow::{Result, bail};

use cores::Cores;
use jobs::Job;
use measure::Bench;
use responses::PAGES;
use server::Servers;

/// The key that every call authenticates with.
const KEY: &str = "MadeUpKey0000000000000000000000000000kGHd";

/// The number of pages of 6 MB in a list in a smoke test.
const SMOKE_PAGES: u32 = 5;

/// Runs all measurements. Writes the tables to standard output and the progress to standard error. With `--smoke`, runs
/// each client only a few times, of the jobs whose names contain one of the following arguments, or of all jobs. Other
/// arguments run one of the child processes.
pub fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [] => run(false, &[]),
        ["--smoke", names @ ..] => run(true, names),
        ["serve", http, https, folder] => serve::run(http.parse()?, https.parse()?, folder.as_ref()),
        ["call", task, client, in_flight, results, url, _] => {
            worker::run(task, client, in_flight.parse()?, results.parse()?, url)
        }
        _ => bail!("start it with `cargo xtask bench`"),
    }
}

fn run(smoke: bool, names: &[&str]) -> Result<()> {
    let cores = Cores::of_this_machine()?;
    // The servers inherit the pinning of this thread.
    cores.pin_to(cores.server)?;
    let servers = Servers::start(if smoke { SMOKE_PAGES } else { PAGES })?;
    eprintln!("server: {}, {cores}", servers.name);

    let bench = Bench { cores, servers, smoke };
    let is_named = |job: &&Job| names.is_empty() || names.iter().any(|name| job.name.contains(name));
    let results = bench.measure(jobs::JOBS.iter().filter(is_named))?;
    let packages = [package::python()?, package::node()?];
    println!("{}", facts::list(&bench.servers, &bench.cores)?);
    println!("### Aims\n\n{}", aims::table(&results, &packages)?);
    println!("### Measurements\n\n{}", results.table());
    Ok(())
}
