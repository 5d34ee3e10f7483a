//! Calls over connections that are kept: short slices of every client in turn, many rounds of them.

use std::sync::Mutex;

use anyhow::{Context as _, Result};
use tokio::runtime::Runtime;

use super::callers::{self, Caller};
use super::cores::{Cores, Pin};
use super::in_turn;
use super::server::Server;
use super::slice::{Blocking, Slice};
use super::socket::Socket;
use super::statistics::Summary;
use super::table::{markdown, spread};

const ROUNDS: usize = 80;

/// As many as a pool of threads has.
pub(crate) const THREADS: usize = 16;

/// What the others are compared with.
pub(crate) const REFERENCE: &str = "reqwest";
pub(crate) const FASTEST: &str = "hyper-util";
pub(crate) const OURS: &str = "codat-keys";
pub(crate) const OURS_BLOCKING: &str = "codat-keys, blocking";
pub(crate) const REFERENCE_THREADS: &str = "reqwest, a runtime a thread";
pub(crate) const FASTEST_THREADS: &str = "hyper-util, a runtime a thread";
pub(crate) const SOCKETS: &str = "a bare socket a thread";

/// What one client did in all its slices: the same index is the same round in every line.
pub(crate) struct Line {
    pub(crate) pin: Pin,
    pub(crate) in_flight: usize,
    pub(crate) client: &'static str,
    calls_a_second: Vec<f64>,
    cpu_micros: Vec<f64>,
}

impl Line {
    /// The processor time of a call in this process, in microseconds.
    pub(crate) fn cpu(&self) -> Summary {
        Summary::of(self.cpu_micros.iter().copied())
    }

    /// Calls a second, as a multiple of another's.
    pub(crate) fn ratio_to(&self, other: &Self) -> Summary {
        Summary::of_ratios(&self.calls_a_second, &other.calls_a_second)
    }
}

/// Finds a line.
pub(crate) fn line<'a>(lines: &'a [Line], pin: Pin, in_flight: usize, client: &str) -> Result<&'a Line> {
    let is_it = |line: &&Line| line.pin == pin && line.in_flight == in_flight && line.client == client;
    lines.iter().find(is_it).with_context(|| format!("{client} was not measured with {in_flight} in flight, {pin}"))
}

/// How calls are kept in flight.
enum Client {
    Tasks(Box<Caller>),
    /// One for each thread.
    Threads(Vec<Mutex<Blocking>>),
}

impl Client {
    fn threads(make: impl Fn() -> Result<Blocking>) -> Result<Self> {
        Ok(Self::Threads((0..THREADS).map(|_| Ok(Mutex::new(make()?))).collect::<Result<_>>()?))
    }

    fn slice(&self, runtime: &Runtime, in_flight: usize) -> Result<Slice> {
        match self {
            Self::Tasks(caller) => Slice::of_tasks(runtime, caller, in_flight),
            Self::Threads(calls) => Slice::of_threads(&calls[..in_flight]),
        }
    }
}

pub(crate) fn measure(server: &Server, cores: &Cores) -> Result<Vec<Line>> {
    let url = server.http.as_str();
    let runtime = runtime()?;
    let hyper = (FASTEST, Client::Tasks(Box::new(Caller::hyper(url)?)));
    let reqwest = (REFERENCE, Client::Tasks(Box::new(Caller::reqwest(url)?)));
    let ours = (OURS, Client::Tasks(Box::new(Caller::ours(url)?)));
    let blocking = callers::builder(url)?.build_blocking()?;
    let blocking = (OURS_BLOCKING, Client::threads(|| Ok(ours_blocking(blocking.clone())))?);
    let reqwests = (REFERENCE_THREADS, Client::threads(|| on_a_runtime(Caller::reqwest(url)?))?);
    let hypers = (FASTEST_THREADS, Client::threads(|| on_a_runtime(Caller::hyper(url)?))?);
    let sockets = (SOCKETS, Client::threads(|| socket(url))?);
    let groups = [
        (1, vec![&hyper, &reqwest, &ours, &blocking, &reqwests, &hypers, &sockets]),
        (THREADS, vec![&reqwest, &blocking, &reqwests, &hypers, &sockets]),
        (64, vec![&hyper, &reqwest, &ours]),
    ];

    let mut lines = Vec::new();
    for &pin in cores.pins() {
        for (in_flight, clients) in &groups {
            lines.extend(clients.iter().map(|(client, _)| Line {
                pin,
                in_flight: *in_flight,
                client,
                calls_a_second: Vec::with_capacity(ROUNDS),
                cpu_micros: Vec::with_capacity(ROUNDS),
            }));
        }
    }
    for round in 0..ROUNDS {
        eprint!("\rcalls: round {} of {ROUNDS}", round + 1);
        let mut rest = lines.as_mut_slice();
        for &pin in cores.pins() {
            cores.pin(pin)?;
            for (in_flight, clients) in &groups {
                let (group, others) = rest.split_at_mut(clients.len());
                rest = others;
                for place in in_turn(clients.len(), round) {
                    let slice = clients[place].1.slice(&runtime, *in_flight)?;
                    group[place].calls_a_second.push(slice.calls_a_second());
                    group[place].cpu_micros.push(slice.cpu_micros());
                }
            }
        }
    }
    eprintln!();
    Ok(lines)
}

/// One client, shared by all threads.
fn ours_blocking(client: codat_keys::blocking::Client) -> Blocking {
    Box::new(move || callers::two(client.keys().list()?))
}

/// A peer in our arrangement: each thread drives a client of its own.
fn on_a_runtime(caller: Caller) -> Result<Blocking> {
    let runtime = runtime()?;
    Ok(Box::new(move || runtime.block_on(caller.call())))
}

fn socket(url: &str) -> Result<Blocking> {
    let mut socket = Socket::connect(url)?;
    Ok(Box::new(move || socket.call()))
}

fn runtime() -> Result<Runtime> {
    Ok(tokio::runtime::Builder::new_current_thread().enable_all().build()?)
}

/// A row a line.
pub(crate) fn table(lines: &[Line]) -> String {
    let row = |of: &Line| {
        let ratio = match line(lines, of.pin, of.in_flight, REFERENCE) {
            Ok(reference) if of.client != REFERENCE => spread(of.ratio_to(reference), 2),
            _ => "1".to_owned(),
        };
        [
            of.pin.to_string(),
            of.in_flight.to_string(),
            of.client.to_owned(),
            spread(Summary::of(of.calls_a_second.iter().copied()), 0),
            spread(of.cpu(), 1),
            ratio,
        ]
    };
    let rows: Vec<_> = lines.iter().map(row).collect();
    markdown(["cores", "in flight", "client", "calls a second", "µs of CPU a call", "× reqwest's calls"], &rows)
}
