//! The worker of the Rust clients: makes a slice of calls for each line of standard input.

use std::io;
use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use futures_util::future::try_join_all;
use tokio::runtime::{Builder, Runtime};

use crate::jobs::{BLOCKING, BLOCKING_EIGHT, BLOCKING_ONE, EIGHT, ONE, OURS, PARSE, REQWEST, REQWEST_ALONE};
use crate::rust_clients::{
    Reqwest, all_pages, all_pages_blocking, builder, download, download_blocking, list_keys, list_keys_blocking,
    next_page, next_page_blocking,
};
use crate::slice::Clock;

/// Runs the client `client` with `in_flight` calls at a time. Each call must return `results` results, because fast
/// failures would distort the measurement.
pub(crate) fn run(task: &str, client: &str, in_flight: usize, results: usize, url: &str) -> Result<()> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let worker = Worker { runtime: &runtime, results };
    match (task, client) {
        ("keys", OURS) => {
            let client = builder(url)?.build()?;
            worker.run((0..in_flight).map(|_| list_keys(&client)).collect())
        }
        ("keys", REQWEST) => {
            let client = Reqwest::new(url)?;
            worker.run((0..in_flight).map(|_| client.list_keys()).collect())
        }
        ("keys", BLOCKING) => worker.run_blocking(list_keys_blocking(builder(url)?.build_blocking()?)),
        ("pages", OURS) => worker.run(vec![next_page(builder(url)?.build()?)]),
        ("pages", REQWEST) => worker.run(vec![Reqwest::new(url)?.next_page()]),
        ("pages", PARSE) => worker.run(vec![runtime.block_on(Reqwest::new(url)?.parse_page())?]),
        ("pages", BLOCKING) => worker.run_blocking(next_page_blocking(builder(url)?.build_blocking()?)),
        ("all pages", ONE) => worker.run(vec![all_pages(builder(url)?.build()?, 1)]),
        ("all pages", EIGHT) => worker.run(vec![all_pages(builder(url)?.build()?, 8)]),
        ("all pages", BLOCKING_ONE) => worker.run_blocking(all_pages_blocking(builder(url)?.build_blocking()?, 1)),
        ("all pages", BLOCKING_EIGHT) => worker.run_blocking(all_pages_blocking(builder(url)?.build_blocking()?, 8)),
        ("download", OURS) => worker.run(vec![download(builder(url)?.build()?)]),
        ("download", REQWEST_ALONE) => worker.run(vec![Reqwest::new(url)?.download()]),
        ("download", BLOCKING) => worker.run_blocking(download_blocking(builder(url)?.build_blocking()?)),
        _ => bail!("there is no client {client} for {task}"),
    }
}

struct Worker<'a> {
    runtime: &'a Runtime,
    results: usize,
}

impl Worker<'_> {
    /// Repeats the calls of all callers at the same time.
    fn run(&self, mut callers: Vec<impl AsyncFnMut() -> Result<usize>>) -> Result<()> {
        self.slices(|ends| {
            let calls = callers.iter_mut().map(async |call| {
                let mut calls = 0;
                while calls == 0 || Instant::now() < ends {
                    self.check(call().await?)?;
                    calls += 1;
                }
                anyhow::Ok(calls)
            });
            Ok(self.runtime.block_on(try_join_all(calls))?.into_iter().sum())
        })
    }

    fn run_blocking(&self, mut call: impl FnMut() -> Result<usize>) -> Result<()> {
        self.slices(|ends| {
            let mut calls = 0;
            while calls == 0 || Instant::now() < ends {
                self.check(call()?)?;
                calls += 1;
            }
            Ok(calls)
        })
    }

    fn slices(&self, mut call_until: impl FnMut(Instant) -> Result<usize>) -> Result<()> {
        for seconds in io::stdin().lines() {
            let length = Duration::from_secs_f64(seconds?.parse()?);
            let clock = Clock::start();
            let calls = call_until(clock.started + length)?;
            println!("{}", clock.stop(calls));
        }
        Ok(())
    }

    fn check(&self, results: usize) -> Result<()> {
        ensure!(results == self.results, "the call returned {results} results instead of {}", self.results);
        Ok(())
    }
}
