//! What was aimed at, what was measured, and what bounds it.

use anyhow::Result;

use super::cores::{Cores, Pin};
use super::table::{markdown, number, spread};
use super::throughput::{
    FASTEST, FASTEST_THREADS, OURS, OURS_BLOCKING, REFERENCE, REFERENCE_THREADS, SOCKETS, THREADS,
};
use super::{memory, oneshot, throughput};

const ASYNC: f64 = 0.95;
const BLOCKING: f64 = 0.9;
/// Milliseconds.
const PROCESS: [(&str, f64); 2] = [("HTTP", 3.0), ("HTTPS", 5.0)];
/// What an allocator may hold back without a leak, as a part of what a process has.
const FLAT: f64 = 0.02;

type Row = [String; 5];

/// One row an aim and way to pin. A verdict is on the median.
pub(crate) fn table(
    cores: &Cores,
    calls: &[throughput::Line],
    processes: &[oneshot::Line],
    memory: &[memory::Line],
) -> Result<String> {
    let mut rows = Vec::new();
    for in_flight in [1, 64] {
        rows.extend(each(cores, |pin| asynchronous(calls, pin, in_flight))?);
    }
    for threads in [1, THREADS] {
        rows.extend(each(cores, |pin| blocking(calls, pin, threads))?);
    }
    for (scheme, most) in PROCESS {
        rows.extend(each(cores, |pin| process(processes, pin, scheme, most))?);
    }
    rows.extend(memory.iter().filter(|line| line.client != REFERENCE).map(|line| flat(line, memory)));
    Ok(markdown(["aim", "cores", "measured", "verdict", "what bounds it"], &rows))
}

fn each(cores: &Cores, row: impl Fn(Pin) -> Result<Row>) -> Result<Vec<Row>> {
    cores.pins().iter().map(|pin| row(*pin)).collect()
}

fn asynchronous(lines: &[throughput::Line], pin: Pin, in_flight: usize) -> Result<Row> {
    let find = |client| throughput::line(lines, pin, in_flight, client);
    let (ours, reqwest, hyper) = (find(OURS)?, find(REFERENCE)?, find(FASTEST)?);
    let ratio = ours.ratio_to(reqwest);
    let cpu = |line: &throughput::Line| number(line.cpu().median, 1);
    Ok([
        format!("async, {in_flight} in flight: ≥ {ASYNC} × reqwest"),
        pin.to_string(),
        spread(ratio, 2),
        verdict(ratio.median >= ASYNC),
        format!("CPU a call: ours {}, reqwest {}, hyper-util {} µs", cpu(ours), cpu(reqwest), cpu(hyper)),
    ])
}

fn blocking(lines: &[throughput::Line], pin: Pin, threads: usize) -> Result<Row> {
    let find = |client| throughput::line(lines, pin, threads, client);
    let (ours, reqwest) = (find(OURS_BLOCKING)?, find(REFERENCE)?);
    let beside = |client| anyhow::Ok(number(find(client)?.ratio_to(reqwest).median, 2));
    let ratio = ours.ratio_to(reqwest);
    Ok([
        format!("blocking, {threads} threads: ≥ {BLOCKING} × reqwest async").replace("1 threads", "1 thread"),
        pin.to_string(),
        spread(ratio, 2),
        verdict(ratio.median >= BLOCKING),
        format!(
            "a runtime a thread: reqwest {}, hyper-util {}; {SOCKETS} {}",
            beside(REFERENCE_THREADS)?,
            beside(FASTEST_THREADS)?,
            beside(SOCKETS)?,
        ),
    ])
}

fn process(lines: &[oneshot::Line], pin: Pin, scheme: &str, most: f64) -> Result<Row> {
    let time = oneshot::line(lines, pin, scheme, oneshot::OURS)?.time();
    let floor = oneshot::line(lines, pin, oneshot::NONE, oneshot::FLOOR)?.time();
    Ok([
        format!("{} over {scheme}: ≤ {most} ms", oneshot::OURS),
        pin.to_string(),
        spread(time, 2) + " ms",
        verdict(time.median <= most),
        format!("{}, which calls nobody: {} ms", oneshot::FLOOR, number(floor.median, 2)),
    ])
}

/// Of the 10,000 calls that follow the first 1,000.
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
        verdict(grown <= FLAT),
        beside,
    ]
}

fn verdict(met: bool) -> String {
    if met { "met" } else { "not met" }.to_owned()
}
