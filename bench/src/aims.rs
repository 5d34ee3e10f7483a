//! The performance targets, the measured values, and the lower bounds.

use anyhow::Result;

use crate::cores::{Cores, Pin};
use crate::package::{MEGABYTES, Package};
use crate::subjects::{
    AIOHTTP, FASTEST, FASTEST_THREADS, NODE, NODE_PLATFORM, NODE_SOCKET, OURS, OURS_AWAY, OURS_BLOCKING, PLATFORM,
    PYCURL, PYTHON, PYTHON_PROTOCOL, PYTHON_SOCKET, REFERENCE, REFERENCE_THREADS, SOCKETS, TASKS, THREADS, UNDICI,
};
use crate::table::{markdown, number, spread};
use crate::{memory, oneshot, throughput};

/// The maximum time of a process, in milliseconds, for each scheme.
const PROCESS: [(&str, f64); 2] = [("HTTP", 3.0), ("HTTPS", 5.0)];
/// The maximum growth of memory, as a fraction of the memory of the process. An allocator may retain this much without
/// a leak.
const FLAT: f64 = 0.02;

/// A target: its description, the number of calls in flight, the measured client, the minimum ratios on the same core
/// and apart, the client that the ratio is relative to, and the clients that show the bounds.
type Calls = (&'static str, usize, &'static str, [f64; 2], &'static str, &'static [&'static str]);

const CALLS: [Calls; 11] = [
    ("async, 1 in flight", 1, OURS, [0.95; 2], REFERENCE, &[FASTEST]),
    ("async, 64 in flight", TASKS, OURS, [0.95; 2], REFERENCE, &[FASTEST]),
    ("blocking, 1 thread", 1, OURS_BLOCKING, [0.9; 2], REFERENCE, RUST),
    ("blocking, 16 threads", THREADS, OURS_BLOCKING, [0.9; 2], REFERENCE, RUST),
    ("Python, 1 thread", 1, PYTHON, [8.0; 2], PLATFORM, BLOCKING),
    ("Python, 1 thread", 1, PYTHON, [1.3, 1.0], PYCURL, BLOCKING),
    ("Python, 16 threads", THREADS, PYTHON, [4.0; 2], PLATFORM, BLOCKING),
    ("asyncio, 64 in flight", TASKS, PYTHON, [12.0; 2], PLATFORM, ASYNCIO),
    ("asyncio, 64 in flight", TASKS, PYTHON, [3.0; 2], AIOHTTP, ASYNCIO),
    ("Node, 1 in flight", 1, NODE, [7.0; 2], NODE_PLATFORM, IN_NODE),
    ("Node, 1 in flight", 1, NODE, [1.0; 2], UNDICI, IN_NODE),
];
/// The targets that are measured on all cores.
const CALLS_ON_ALL: [Calls; 2] = [
    ("Node, 64 in flight", TASKS, NODE, [10.0; 2], NODE_PLATFORM, IN_NODE),
    ("Node, 64 in flight", TASKS, NODE, [1.1; 2], UNDICI, IN_NODE),
];
const RUST: &[&str] = &[REFERENCE_THREADS, FASTEST_THREADS, SOCKETS];
const BLOCKING: &[&str] = &[OURS_BLOCKING, REFERENCE_THREADS, FASTEST_THREADS, PYTHON_SOCKET];
const ASYNCIO: &[&str] = &[OURS, FASTEST, PYTHON_PROTOCOL];
const IN_NODE: &[&str] = &[OURS_AWAY, NODE_SOCKET];

type Row = [String; 5];

/// Returns a table with one row per target and pinning. The result depends on the median.
pub(crate) fn table(
    cores: &Cores,
    calls: &[throughput::Line],
    processes: &[oneshot::Line],
    packages: &[Package],
    memory: &[memory::Line],
) -> Result<String> {
    let mut rows = Vec::new();
    for aim in &CALLS {
        rows.extend(each(cores, |pin| faster(calls, pin, aim))?);
    }
    for aim in &CALLS_ON_ALL {
        rows.push(faster(calls, Pin::All, aim)?);
    }
    for (scheme, most) in PROCESS {
        rows.extend(each(cores, |pin| process(processes, pin, scheme, most))?);
    }
    rows.extend(packages.iter().flat_map(of_package));
    rows.extend(memory.iter().filter(|line| line.client != REFERENCE).map(|line| flat(line, memory)));
    Ok(markdown(["aim", "cores", "measured", "result", "what bounds it"], &rows))
}

fn each(cores: &Cores, row: impl Fn(Pin) -> Result<Row>) -> Result<Vec<Row>> {
    cores.pins().iter().map(|pin| row(*pin)).collect()
}

fn faster(
    lines: &[throughput::Line],
    pin: Pin,
    &(what, in_flight, ours, [same, apart], than, beside): &Calls,
) -> Result<Row> {
    let find = |client| throughput::line(lines, pin, in_flight, client);
    let (ours, other) = (find(ours)?, find(than)?);
    let least = if pin == Pin::Same { same } else { apart };
    let ratio = ours.ratio_to(other);
    let [cpu, other_cpu] = [ours, other].map(|line| number(line.cpu().median, 1));
    let mut bounds = format!("CPU a call: {cpu} beside {other_cpu} µs");
    for client in beside {
        bounds += &format!("; {client} {}", number(find(client)?.ratio_to(other).median, 2));
    }
    Ok([
        format!("{what}: ≥ {least} × {than}"),
        pin.to_string(),
        spread(ratio, 2),
        result(ratio.median >= least),
        bounds,
    ])
}

fn process(lines: &[oneshot::Line], pin: Pin, scheme: &str, most: f64) -> Result<Row> {
    let time = oneshot::line(lines, pin, scheme, oneshot::OURS)?.time();
    let floor = oneshot::line(lines, pin, oneshot::NONE, oneshot::FLOOR)?.time();
    Ok([
        format!("{} over {scheme}: ≤ {most} ms", oneshot::OURS),
        pin.to_string(),
        spread(time, 2) + " ms",
        result(time.median <= most),
        format!("{}, which sends no request: {} ms", oneshot::FLOOR, number(floor.median, 2)),
    ])
}

fn of_package(package: &Package) -> [Row; 3] {
    let (import, megabytes) = (package.import(), package.bytes / 1e6);
    let (language, most) = (package.language.name, package.language.import);
    let row = |aim: String, measured: String, met, beside: String| [aim, String::new(), measured, result(met), beside];
    [
        row(
            format!("`{}`: ≤ {most} ms more than bare {language}", package.language.statements[1]),
            spread(import, 1) + " ms",
            import.median <= most,
            package.other_imports(),
        ),
        row(
            format!("codat-keys installed for {language}: ≤ {MEGABYTES} MB"),
            format!("{megabytes:.1} MB"),
            megabytes <= MEGABYTES,
            String::new(),
        ),
        row(
            format!("what codat-keys for {language} depends on: nothing"),
            format!("{} packages", package.dependencies),
            package.dependencies == 0,
            String::new(),
        ),
    ]
}

/// Returns the row for the growth of memory during the 10,000 calls after the first 1,000.
fn flat(line: &memory::Line, lines: &[memory::Line]) -> Row {
    let percent = |part: f64| format!("{} %", number(part * 100.0, 1));
    let [grown, later] = line.growth();
    let mut beside = format!("the next 10,000 add {}", percent(later));
    if let Some(reqwest) = memory::line(lines, REFERENCE, line.load) {
        beside += &format!("; reqwest: {}, then {}", percent(reqwest.growth()[0]), percent(reqwest.growth()[1]));
    }
    [
        format!("memory of {}, {}: ≤ {} more", line.client, line.load, percent(FLAT)),
        String::new(),
        percent(grown),
        result(grown <= FLAT),
        beside,
    ]
}

fn result(met: bool) -> String {
    if met { "met" } else { "not met" }.to_owned()
}
