//! The measured clients, grouped by the number of calls in flight and by the reference client.

use std::sync::Mutex;

use anyhow::Result;
use tokio::runtime::Runtime;

use crate::callers::{self, Caller, runtime};
use crate::cores::{Cores, Pin};
use crate::scripts::Process;
use crate::server::Server;
use crate::slice::{Blocking, Slice};
use crate::socket::Socket;

/// The number of threads in a typical thread pool.
pub(crate) const THREADS: usize = 16;
pub(crate) const TASKS: usize = 64;

pub(crate) const OURS: &str = "codat-keys";
pub(crate) const OURS_BLOCKING: &str = "codat-keys, blocking";
/// The reference for the other clients.
pub(crate) const REFERENCE: &str = "reqwest";
pub(crate) const REFERENCE_THREADS: &str = "reqwest, a runtime a thread";
pub(crate) const FASTEST: &str = "hyper-util";
pub(crate) const FASTEST_THREADS: &str = "hyper-util, a runtime a thread";
pub(crate) const SOCKETS: &str = "a bare socket a thread";

/// The core as the Node package uses it, without JavaScript.
pub(crate) const OURS_AWAY: &str = "codat-keys on a thread of its own";

/// A name in `bench/node`.
pub(crate) const NODE: &str = "codat-keys from Node";
/// The reference for the other clients in Node.
pub(crate) const NODE_PLATFORM: &str = "@codat/platform";
pub(crate) const UNDICI: &str = "undici Pool and JSON.parse";
pub(crate) const NODE_SOCKET: &str = "a bare socket and JSON.parse";

/// A name in `bench/python`.
pub(crate) const PYTHON: &str = "codat-keys from Python";
/// The reference for the other clients in Python.
pub(crate) const PLATFORM: &str = "codat-platform";
pub(crate) const PYCURL: &str = "pycurl and json";
pub(crate) const AIOHTTP: &str = "aiohttp";
pub(crate) const PYTHON_SOCKET: &str = "a bare socket and json";
pub(crate) const PYTHON_PROTOCOL: &str = "a bare protocol and json";

/// Clients that are compared with each other.
pub(crate) struct Group<'a> {
    pub(crate) pin: Pin,
    pub(crate) in_flight: usize,
    /// The reference for the clients.
    pub(crate) reference: &'static str,
    pub(crate) clients: Vec<Client<'a>>,
}

/// The name of a client and the function that runs its next slice.
type Client<'a> = (&'static str, Box<dyn FnMut() -> Result<Slice> + 'a>);

pub(crate) fn groups<'a>(server: &Server, cores: &Cores, runtime: &'a Runtime) -> Result<Vec<Group<'a>>> {
    let mut groups = Vec::new();
    for &pin in cores.pins() {
        // A child process keeps the pinning of its start.
        cores.pin(pin)?;
        let group = |in_flight, reference, clients| Group { pin, in_flight, reference, clients };
        for in_flight in [1, THREADS, TASKS] {
            groups.push(group(in_flight, REFERENCE, of_rust(&server.http, runtime, in_flight)?));
            groups.push(group(in_flight, PLATFORM, of_python(&server.http, in_flight)?));
        }
        groups.push(group(1, NODE_PLATFORM, of_node(&server.http, runtime, 1)?));
    }
    // The two threads of a Node client run in parallel only on several cores.
    cores.pin(Pin::All)?;
    let clients = of_node(&server.http, runtime, TASKS)?;
    groups.push(Group { pin: Pin::All, in_flight: TASKS, reference: NODE_PLATFORM, clients });
    Ok(groups)
}

fn of_rust<'a>(url: &str, runtime: &'a Runtime, in_flight: usize) -> Result<Vec<Client<'a>>> {
    let reqwest = tasks(REFERENCE, runtime, Caller::reqwest(url)?, in_flight);
    let asynchronous = || {
        let hyper = tasks(FASTEST, runtime, Caller::hyper(url)?, in_flight);
        let ours = tasks(OURS, runtime, Caller::ours(url)?, in_flight);
        anyhow::Ok([hyper, ours])
    };
    let blocking = || {
        // All threads share one codat-keys client. In the other clients, each thread drives its own client.
        let client = callers::builder(url)?.build_blocking()?;
        let ours = threads(OURS_BLOCKING, in_flight, || Ok(ours_blocking(client.clone())))?;
        let reqwests = threads(REFERENCE_THREADS, in_flight, || on_a_runtime(Caller::reqwest(url)?))?;
        let hypers = threads(FASTEST_THREADS, in_flight, || on_a_runtime(Caller::hyper(url)?))?;
        anyhow::Ok([ours, reqwests, hypers, threads(SOCKETS, in_flight, || socket(url))?])
    };
    let mut clients = vec![reqwest];
    if in_flight != THREADS {
        clients.extend(asynchronous()?);
    }
    if in_flight != TASKS {
        clients.extend(blocking()?);
    }
    Ok(clients)
}

fn of_python(url: &str, in_flight: usize) -> Result<Vec<Client<'static>>> {
    let (kind, clients): (_, &[_]) = match in_flight {
        TASKS => ("asyncio", &[PLATFORM, PYTHON, AIOHTTP, PYTHON_PROTOCOL]),
        _ => ("blocking", &[PLATFORM, PYTHON, PYCURL, PYTHON_SOCKET]),
    };
    let start = |&client: &&'static str| {
        let mut process = Process::of_python(kind, client, in_flight, url)?;
        Ok((client, Box::new(move || process.slice()) as _))
    };
    clients.iter().map(start).collect()
}

fn of_node<'a>(url: &str, runtime: &'a Runtime, in_flight: usize) -> Result<Vec<Client<'a>>> {
    let mut clients = vec![tasks(OURS_AWAY, runtime, Caller::ours_away(url)?, in_flight)];
    for client in [NODE_PLATFORM, NODE, UNDICI, NODE_SOCKET] {
        let mut process = Process::of_node(client, in_flight, url)?;
        clients.push((client, Box::new(move || process.slice())));
    }
    Ok(clients)
}

fn tasks<'a>(name: &'static str, runtime: &'a Runtime, caller: Caller, in_flight: usize) -> Client<'a> {
    (name, Box::new(move || Slice::of_tasks(runtime, &caller, in_flight)))
}

fn threads(name: &'static str, in_flight: usize, make: impl Fn() -> Result<Blocking>) -> Result<Client<'static>> {
    let calls = (0..in_flight).map(|_| Ok(Mutex::new(make()?))).collect::<Result<Vec<_>>>()?;
    Ok((name, Box::new(move || Slice::of_threads(&calls))))
}

fn ours_blocking(client: codat_keys::blocking::Client) -> Blocking {
    Box::new(move || callers::two(client.keys().list().send()?))
}

fn on_a_runtime(caller: Caller) -> Result<Blocking> {
    let runtime = runtime()?;
    Ok(Box::new(move || runtime.block_on(caller.call())))
}

fn socket(url: &str) -> Result<Blocking> {
    let mut socket = Socket::connect(url)?;
    Ok(Box::new(move || socket.call()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_client_of_python_and_node_is_there() {
        let [blocking, asynchronous] =
            [include_str!("../python/blocking.py"), include_str!("../python/asynchronous.py")];
        let named = |name| format!("\"{name}\": ");
        let node = include_str!("../node/clients.mjs");
        assert!([NODE_PLATFORM, NODE, UNDICI, NODE_SOCKET].map(named).iter().all(|name| node.contains(name)));
        assert!([PLATFORM, PYTHON, PYCURL, PYTHON_SOCKET].map(named).iter().all(|name| blocking.contains(name)));
        assert!([PLATFORM, PYTHON, AIOHTTP, PYTHON_PROTOCOL].map(named).iter().all(|name| asynchronous.contains(name)));
    }
}
