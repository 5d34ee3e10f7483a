//! The measured jobs and their clients.

use std::process::Command;
use std::time::Duration;

use anyhow::Result;

use crate::cores::Pin;
use crate::programs;
use crate::responses::{
    BODY_BYTES, DISTANT_PAGE_SIZE, DISTANT_PAGES, KEYS_PATH, PAGE_SIZE, PAGES, PAGES_PATH, THREE_PAGES_PATH,
};
use crate::server::Servers;
use Client::{Node, NodeCode, Program, Python, PythonCode, Rust};

pub(crate) const OURS: &str = "codat-keys";
pub(crate) const BLOCKING: &str = "codat-keys blocking";
pub(crate) const REQWEST: &str = "reqwest and serde";
pub(crate) const REQWEST_ALONE: &str = "reqwest";
/// A client that parses a page that is already in memory. A client with the same parser cannot be faster.
pub(crate) const PARSE: &str = "serde alone";

/// Clients that read all pages with this concurrency.
pub(crate) const ONE: &str = "concurrency 1";
pub(crate) const EIGHT: &str = "concurrency 8";
pub(crate) const BLOCKING_ONE: &str = "blocking, concurrency 1";
pub(crate) const BLOCKING_EIGHT: &str = "blocking, concurrency 8";
const ASYNCIO_ONE: &str = "asyncio, concurrency 1";
pub(crate) const ASYNCIO_EIGHT: &str = "asyncio, concurrency 8";

/// Names in `bench/python`.
pub(crate) const PYTHON: &str = "codat-keys in Python";
pub(crate) const ASYNCIO: &str = "codat-keys in asyncio";

/// Names in `bench/node`.
pub(crate) const NODE: &str = "codat-keys in Node";
const UNDICI: &str = "undici and JSON.parse";

pub(crate) const LIST: &str = "`codat-keys list`";
pub(crate) const PAGINATE: &str = "`codat-keys api --paginate`";
pub(crate) const OUTPUT: &str = "`codat-keys api --output`";
pub(crate) const IMPORT_PYTHON: &str = "`import codat_keys`";
pub(crate) const IMPORT_NODE: &str = "`import 'codat-keys'`";

pub(crate) const RUST_1: &str = "Rust, 1 call in flight";
pub(crate) const RUST_64: &str = "Rust, 64 calls in flight";
pub(crate) const PYTHON_1: &str = "Python, 1 call in flight";
pub(crate) const ASYNCIO_64: &str = "asyncio, 64 calls in flight";
pub(crate) const NODE_1: &str = "Node, 1 call in flight";
pub(crate) const NODE_64: &str = "Node, 64 calls in flight";
pub(crate) const RUST_PAGES: &str = "Rust, pages of 6 MB";
pub(crate) const PYTHON_PAGES: &str = "Python, pages of 6 MB";
pub(crate) const NODE_PAGES: &str = "Node, pages of 6 MB";
pub(crate) const CLI_PAGES: &str = "command line, pages of 6 MB";
pub(crate) const RUST_DISTANT: &str = "Rust, 100 distant pages";
pub(crate) const BLOCKING_DISTANT: &str = "Rust blocking, 100 distant pages";
pub(crate) const PYTHON_DISTANT: &str = "Python, 100 distant pages";
pub(crate) const ASYNCIO_DISTANT: &str = "asyncio, 100 distant pages";
pub(crate) const NODE_DISTANT: &str = "Node, 100 distant pages";
pub(crate) const CLI_DISTANT: &str = "command line, 100 distant pages";
pub(crate) const DOWNLOAD: &str = "1 GB to a file";
pub(crate) const HTTP: &str = "list over HTTP";
pub(crate) const HTTPS: &str = "list over HTTPS";
pub(crate) const PYTHON_IMPORT: &str = "import in Python";
pub(crate) const NODE_IMPORT: &str = "import in Node";

/// All jobs. The first client of a job is the reference for the others.
pub(crate) const JOBS: &[Job] = &[
    Job { name: RUST_1, clients: &[Rust(REQWEST), Rust(OURS), Rust(BLOCKING)], ..CALLS },
    Job { name: RUST_64, clients: &[Rust(REQWEST), Rust(OURS)], in_flight: 64, ..CALLS },
    Job { name: PYTHON_1, clients: &[Python("pycurl and json"), Python(PYTHON)], ..CALLS },
    Job { name: ASYNCIO_64, clients: &[Python("aiohttp and json"), Python(ASYNCIO)], in_flight: 64, ..CALLS },
    Job { name: NODE_1, clients: &[Node(UNDICI), Node(NODE)], ..CALLS },
    // The two threads of a Node client run in parallel only on several cores.
    Job { name: NODE_64, clients: &[Node(UNDICI), Node(NODE)], in_flight: 64, pins: &[Pin::All], ..CALLS },
    Job { name: RUST_PAGES, clients: &[Rust(REQWEST), Rust(OURS), Rust(BLOCKING), Rust(PARSE)], ..PAGE },
    Job {
        name: PYTHON_PAGES,
        clients: &[
            Python("httpx and json"),
            Python(PYTHON),
            Python(ASYNCIO),
            Python("codat-keys, bodies mapped"),
            Python("requests and json"),
            Python("httpx and orjson"),
            Python("json alone"),
        ],
        ..PAGE
    },
    Job {
        name: NODE_PAGES,
        clients: &[Node(UNDICI), Node(NODE), Node("codat-keys, collected"), Node("fetch"), Node("JSON.parse alone")],
        ..PAGE
    },
    Job {
        name: CLI_PAGES,
        clients: &[
            Program("three pages", |servers| programs::pages(servers, THREE_PAGES_PATH)),
            Program(PAGINATE, |servers| programs::pages(servers, PAGES_PATH)),
        ],
        pins: &[Pin::All],
        rounds: 1,
        sample_memory: true,
        ..PROCESS
    },
    Job { name: RUST_DISTANT, clients: &[Rust(ONE), Rust(EIGHT)], ..ALL_PAGES },
    Job { name: BLOCKING_DISTANT, clients: &[Rust(BLOCKING_ONE), Rust(BLOCKING_EIGHT)], ..ALL_PAGES },
    Job { name: PYTHON_DISTANT, clients: &[Python(ONE), Python(EIGHT)], ..ALL_PAGES },
    Job { name: ASYNCIO_DISTANT, clients: &[Python(ASYNCIO_ONE), Python(ASYNCIO_EIGHT)], ..ALL_PAGES },
    Job { name: NODE_DISTANT, clients: &[Node(ONE), Node(EIGHT)], ..ALL_PAGES },
    Job {
        name: CLI_DISTANT,
        clients: &[
            Program(ONE, |servers| programs::small_pages(servers, &servers.distant, "1")),
            Program(EIGHT, |servers| programs::small_pages(servers, &servers.distant, "8")),
            Program("concurrency 1 without latency", |servers| programs::small_pages(servers, &servers.http, "1")),
        ],
        ..ALL_PAGES
    },
    Job {
        name: DOWNLOAD,
        clients: &[
            Program("`curl --output`", programs::curl_download),
            Program(OUTPUT, programs::download),
            Rust(OURS),
            Rust(BLOCKING),
            Python(PYTHON),
            Node(NODE),
            Node("undici"),
            Rust(REQWEST_ALONE),
        ],
        task: "download",
        results: BODY_BYTES,
        rounds: 5,
        sample_memory: true,
        ..PAGE
    },
    Job {
        name: HTTP,
        clients: &[
            Program("`curl`", |servers| programs::curl(servers, &servers.http, KEYS_PATH)),
            Program(LIST, |servers| programs::list(servers, &servers.http)),
            Program("`codat-keys --version`", |_| programs::version()),
        ],
        ..PROCESS
    },
    Job {
        name: HTTPS,
        clients: &[
            Program("`curl`", |servers| programs::curl(servers, &servers.https, KEYS_PATH)),
            Program(LIST, |servers| programs::list(servers, &servers.https)),
            Program("`codat-keys --version`", |_| programs::version()),
        ],
        ..PROCESS
    },
    Job {
        name: PYTHON_IMPORT,
        clients: &[
            PythonCode("`pass`", "pass"),
            PythonCode(IMPORT_PYTHON, "import codat_keys"),
            PythonCode("the native module alone", LOAD_IN_PYTHON),
            PythonCode("seven empty modules", EMPTY_IN_PYTHON),
            PythonCode("`import typing`", "import typing"),
            PythonCode("`import requests`", "import requests"),
            PythonCode("`import httpx`", "import httpx"),
        ],
        rounds: 40,
        ..PROCESS
    },
    Job {
        name: NODE_IMPORT,
        clients: &[
            NodeCode("`0`", "0"),
            NodeCode(IMPORT_NODE, "import 'codat-keys'"),
            NodeCode("the native module alone", LOAD_IN_NODE),
            NodeCode("an empty module", "import './empty.cjs'"),
            NodeCode("`import 'undici'`", "import 'undici'"),
        ],
        rounds: 40,
        ..PROCESS
    },
];

/// Lists of two keys.
const CALLS: Job = Job {
    name: "",
    clients: &[],
    task: "keys",
    results: 2,
    in_flight: 1,
    url: |servers| &servers.http,
    pins: &[Pin::Same, Pin::Apart],
    length: Duration::from_millis(50),
    rounds: 80,
    sample_memory: false,
};
/// Pages of invoices: one page in each round, and 1 GB in all rounds.
const PAGE: Job = Job {
    task: "pages",
    results: PAGE_SIZE as usize,
    pins: &[Pin::All],
    length: Duration::ZERO,
    rounds: PAGES as usize - 1,
    ..CALLS
};
/// All pages of a list, from a server that is 100 ms away.
const ALL_PAGES: Job = Job {
    task: "all pages",
    results: (DISTANT_PAGES * DISTANT_PAGE_SIZE) as usize,
    url: |servers| &servers.distant,
    rounds: 3,
    ..PAGE
};
/// Programs from start to end.
const PROCESS: Job = Job { pins: &[Pin::Apart], rounds: 200, ..CALLS };

/// Maps the native module without the package around it. The last entry of the path is `site-packages`.
const LOAD_IN_PYTHON: &str = "import _imp, sys; _imp.create_dynamic(type('', (), \
    {'name': 'codat_keys._native', 'origin': sys.path[-1] + '/codat_keys/_native.abi3.so'}))";
/// Imports as many modules as `codat_keys` has.
const EMPTY_IN_PYTHON: &str = "import sys; sys.path.insert(0, 'bench/python'); import empty";
const LOAD_IN_NODE: &str = "import { readdirSync } from 'fs'; const modules = 'node_modules/@codat-keys/'; \
    process.dlopen({ exports: {} }, modules + readdirSync(modules)[0] + '/codat-keys.node')";

/// Clients that are compared with each other.
pub(crate) struct Job {
    pub(crate) name: &'static str,
    pub(crate) clients: &'static [Client],
    /// The name of the task in the workers.
    pub(crate) task: &'static str,
    /// The number of results that each call must return.
    pub(crate) results: usize,
    pub(crate) in_flight: usize,
    /// Returns the base URL of the workers.
    pub(crate) url: fn(&Servers) -> &str,
    pub(crate) pins: &'static [Pin],
    /// The minimum length of a slice of a worker. Each slice has at least one call.
    pub(crate) length: Duration,
    pub(crate) rounds: usize,
    /// Whether to measure the memory of programs. The memory of workers is always measured.
    pub(crate) sample_memory: bool,
}

/// A client and its name.
pub(crate) enum Client {
    /// Workers, which know the client by its name.
    Rust(&'static str),
    Python(&'static str),
    Node(&'static str),
    /// An interpreter that runs this code.
    PythonCode(&'static str, &'static str),
    NodeCode(&'static str, &'static str),
    Program(&'static str, fn(&Servers) -> Result<Command>),
}

impl Client {
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Rust(name) | Python(name) | Node(name) => name,
            PythonCode(name, _) | NodeCode(name, _) | Program(name, _) => name,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_client_of_python_and_node_exists() {
        let python = [include_str!("../python/blocking.py"), include_str!("../python/asynchronous.py")].concat();
        let node = include_str!("../node/clients.mjs");
        for client in JOBS.iter().flat_map(|job| job.clients) {
            let name = format!("\"{}\": ", client.name());
            match client {
                Python(_) => assert!(python.contains(&name), "{name}"),
                Node(_) => assert!(node.contains(&name), "{name}"),
                _ => {}
            }
        }
    }
}
