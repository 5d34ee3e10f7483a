//! The memory growth of many calls. Each client runs in a separate process.

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread;

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use tokio::task::JoinSet;

use crate::callers::{self, Caller};
use crate::server::Server;
use crate::subjects::{OURS, OURS_BLOCKING, REFERENCE};
use crate::table::{markdown, number};

/// The numbers of calls after which the memory is measured.
const MARKS: [usize; 3] = [1_000, 11_000, 21_000];

/// The measured clients and loads, which are the arguments of the measured processes.
const SUBJECTS: [[&str; 2]; 6] = [
    [OURS, "1 in flight"],
    [OURS, "64 in flight"],
    [REFERENCE, "1 in flight"],
    [REFERENCE, "64 in flight"],
    [OURS_BLOCKING, "1 thread"],
    [OURS_BLOCKING, "16 threads"],
];

/// The memory of a process at each mark.
pub(crate) struct Line {
    pub(crate) client: &'static str,
    pub(crate) load: &'static str,
    kib: [f64; MARKS.len()],
}

impl Line {
    /// Returns the growth between the first two marks and between the last two, each as a fraction of the earlier
    /// value.
    pub(crate) fn growth(&self) -> [f64; MARKS.len() - 1] {
        std::array::from_fn(|mark| self.kib[mark + 1] / self.kib[mark] - 1.0)
    }
}

/// Finds the line of a client and a load.
pub(crate) fn line<'a>(lines: &'a [Line], client: &str, load: &str) -> Option<&'a Line> {
    lines.iter().find(|line| line.client == client && line.load == load)
}

pub(crate) fn measure(server: &Server) -> Result<Vec<Line>> {
    SUBJECTS.iter().map(|[client, load]| measure_in_child(client, load, server)).collect()
}

/// Returns a table with one row per line.
pub(crate) fn table(lines: &[Line]) -> String {
    let row = |line: &Line| {
        let [first, second, third] = line.kib.map(|kib| number(kib, 0));
        [line.client.to_owned(), line.load.to_owned(), first, second, third]
    };
    let rows: Vec<_> = lines.iter().map(row).collect();
    let [first, second, third] = MARKS.map(|calls| format!("KiB after {} calls", number(calls as f64, 0)));
    markdown(["client", "load", &first, &second, &third], &rows)
}

fn measure_in_child(client: &'static str, load: &'static str, server: &Server) -> Result<Line> {
    eprintln!("memory: {client}, {load}");
    let output = Command::new(std::env::current_exe()?).args(["memory", client, load, &server.http]).output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let said = String::from_utf8(output.stdout)?;
    let kib: Vec<f64> = said.split_whitespace().map(str::parse).collect::<Result<_, _>>()?;
    let kib = kib.try_into().map_err(|_| anyhow!("a number for each mark was expected: {said}"))?;
    Ok(Line { client, load, kib })
}

/// Makes the calls in this process and prints its memory at each mark.
pub(crate) fn child(client: &str, load: &str, url: &str) -> Result<()> {
    let at_once: usize = load.split(' ').next().unwrap_or_default().parse()?;
    let meter = Arc::new(Meter::default());
    match client {
        OURS => asynchronous(&Caller::ours(url)?, at_once, &meter)?,
        REFERENCE => asynchronous(&Caller::reqwest(url)?, at_once, &meter)?,
        OURS_BLOCKING => blocking(&callers::builder(url)?.build_blocking()?, at_once, &meter)?,
        _ => bail!("there is no `{client}`"),
    }
    for kib in &meter.kib {
        println!("{}", kib.load(Ordering::Relaxed));
    }
    Ok(())
}

fn asynchronous(caller: &Caller, in_flight: usize, meter: &Arc<Meter>) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut tasks = JoinSet::new();
        for _ in 0..in_flight {
            let (caller, meter) = (caller.clone(), Arc::clone(meter));
            tasks.spawn(async move {
                while meter.another()? {
                    caller.call().await?;
                }
                anyhow::Ok(())
            });
        }
        while let Some(task) = tasks.join_next().await {
            task??;
        }
        Ok(())
    })
}

fn blocking(client: &codat_keys::blocking::Client, threads: usize, meter: &Meter) -> Result<()> {
    let call_until_the_end = || {
        while meter.another()? {
            callers::two(client.keys().list().send()?)?;
        }
        anyhow::Ok(())
    };
    thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(call_until_the_end)).collect();
        threads.into_iter().try_for_each(|thread| thread.join().map_err(|_| anyhow!("a thread panicked"))?)
    })
}

/// A counter of calls that measures the memory at each mark. The last measurement precedes any cleanup.
#[derive(Default)]
struct Meter {
    begun: AtomicUsize,
    kib: [AtomicU64; MARKS.len()],
}

impl Meter {
    /// Returns whether to make another call.
    fn another(&self) -> Result<bool> {
        let begun = self.begun.fetch_add(1, Ordering::Relaxed);
        if let Some(mark) = MARKS.iter().position(|mark| *mark == begun) {
            self.kib[mark].store(resident_kib()?, Ordering::Relaxed);
        }
        Ok(begun < MARKS[MARKS.len() - 1])
    }
}

fn resident_kib() -> Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("the kernel tells no VmRSS")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}
