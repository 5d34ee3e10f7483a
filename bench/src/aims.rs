//! The aims, the measured values, and what limits them.

use anyhow::{Context as _, Result};

use crate::cores::Pin;
use crate::jobs::{
    ASYNCIO, ASYNCIO_64, ASYNCIO_DISTANT, ASYNCIO_EIGHT, BLOCKING, BLOCKING_DISTANT, BLOCKING_EIGHT, CLI_DISTANT,
    CLI_PAGES, DOWNLOAD, EIGHT, HTTP, HTTPS, IMPORT_NODE, IMPORT_PYTHON, LIST, NODE, NODE_1, NODE_64, NODE_DISTANT,
    NODE_IMPORT, NODE_PAGES, OURS, OUTPUT, PAGINATE, PYTHON, PYTHON_1, PYTHON_DISTANT, PYTHON_IMPORT, PYTHON_PAGES,
    RUST_1, RUST_64, RUST_DISTANT, RUST_PAGES,
};
use crate::measure::{Line, Results};
use crate::package::Package;
use crate::table::{markdown, number, significant, spread};

/// The minimum speed of a client relative to the first client of a job, on the same core, and apart or on all cores.
/// Each minimum is 0.9 times the ratio of an earlier version, so that a regression is noticed.
const GUARDS: [(&str, &str, [f64; 2]); 7] = [
    (RUST_1, OURS, [0.88, 0.88]),
    (RUST_1, BLOCKING, [0.86, 0.86]),
    (RUST_64, OURS, [0.88, 0.87]),
    (PYTHON_1, PYTHON, [0.91, 0.95]),
    (ASYNCIO_64, ASYNCIO, [2.59, 3.17]),
    (NODE_1, NODE, [0.58, 0.76]),
    (NODE_64, NODE, [0.86, 0.86]),
];
/// The maximum memory after the calls of a job, relative to the first client.
const MEMORY_GUARDS: [(&str, &str, f64); 3] = [(RUST_1, OURS, 1.1), (RUST_1, BLOCKING, 1.11), (RUST_64, OURS, 1.18)];
/// The minimum speed with a concurrency of 8, relative to that with a concurrency of 1.
const DISTANT: [(&str, &str); 6] = [
    (RUST_DISTANT, EIGHT),
    (BLOCKING_DISTANT, BLOCKING_EIGHT),
    (PYTHON_DISTANT, EIGHT),
    (ASYNCIO_DISTANT, ASYNCIO_EIGHT),
    (NODE_DISTANT, EIGHT),
    (CLI_DISTANT, EIGHT),
];
const CONCURRENT: f64 = 6.0;
/// The clients that write 1 GB to a file, and their minimum speed relative to the first client.
const DOWNLOADS: [&str; 5] = [OURS, BLOCKING, OUTPUT, PYTHON, NODE];
const DOWNLOAD_SPEED: f64 = 0.9;
/// The clients whose memory is limited while they write 1 GB to a file, and its maximum in megabytes. An interpreter alone
/// needs more.
const SMALL_DOWNLOADS: [&str; 3] = [OURS, BLOCKING, OUTPUT];
const DOWNLOAD_MEGABYTES: f64 = 30.0;
/// The minimum speed of pages.
const PAGES: [(&str, &str, f64); 3] = [(RUST_PAGES, OURS, 0.95), (PYTHON_PAGES, PYTHON, 1.15), (NODE_PAGES, NODE, 1.0)];
/// The clients whose peak memory must not exceed that of the first client of the job.
const PEAKS: [(&str, &str); 2] = [(PYTHON_PAGES, PYTHON), (NODE_PAGES, NODE)];
/// The clients that read 1 GB in pages with constant memory.
const FLAT: [(&str, &str); 5] =
    [(RUST_PAGES, OURS), (RUST_PAGES, BLOCKING), (PYTHON_PAGES, PYTHON), (PYTHON_PAGES, ASYNCIO), (NODE_PAGES, NODE)];
/// The maximum growth of the peak memory after the third page. An allocator may retain this much without a leak.
const GROWTH: f64 = 1.1;
/// The slice that reads the third page. The first page is read when the client starts.
const THIRD_PAGE: usize = 1;
/// The maximum time of a process, relative to the first client.
const PROCESSES: [(&str, f64); 2] = [(HTTP, 0.3), (HTTPS, 0.3)];
/// The maximum time of an import, in milliseconds.
const IMPORTS: [(&str, &str, f64); 2] = [(PYTHON_IMPORT, IMPORT_PYTHON, 2.0), (NODE_IMPORT, IMPORT_NODE, 10.0)];
/// The maximum size of an installed package.
const MEGABYTES: f64 = 4.0;

type Row = [String; 5];

/// Returns a table with one row per aim and pinning. The result depends on the median.
pub(crate) fn table(results: &Results, packages: &[Package]) -> Result<String> {
    let mut rows = Vec::new();
    for (job, client, least) in PAGES {
        rows.extend(each(results, job, client, |case| Ok(case.speed(least)))?);
    }
    for (job, client) in PEAKS {
        rows.extend(each(results, job, client, |case| case.memory("peak memory", 1.0, |line| Ok(memory(line)?.peak)))?);
    }
    for (job, client) in FLAT {
        rows.extend(each(results, job, client, |case| case.flat())?);
    }
    // The reference is the same program with three pages.
    rows.extend(each(results, CLI_PAGES, PAGINATE, |case| {
        case.memory("1 GB: peak memory", GROWTH, |line| Ok(memory(line)?.peak))
    })?);
    for (job, client) in DISTANT {
        rows.extend(each(results, job, client, |case| Ok(case.speed(CONCURRENT)))?);
    }
    for client in DOWNLOADS {
        rows.extend(each(results, DOWNLOAD, client, |case| Ok(case.speed(DOWNLOAD_SPEED)))?);
    }
    for client in SMALL_DOWNLOADS {
        rows.extend(each(results, DOWNLOAD, client, |case| case.peak(DOWNLOAD_MEGABYTES))?);
    }
    for (job, most) in PROCESSES {
        rows.extend(each(results, job, LIST, |case| Ok(case.time(most)))?);
    }
    for (job, client, most) in IMPORTS {
        rows.extend(each(results, job, client, |case| Ok(case.added(most)))?);
    }
    rows.extend(packages.iter().flat_map(of_package));
    for (job, client, [same, apart]) in GUARDS {
        rows.extend(each(results, job, client, |case| {
            Ok(case.speed(if case.line.pin == Pin::Same { same } else { apart }))
        })?);
    }
    for (job, client, most) in MEMORY_GUARDS {
        rows.extend(each(results, job, client, |case| {
            let what = format!("memory after {} calls", number(case.line.calls(), 0));
            case.memory(&what, most, |line| Ok(memory(line)?.resident))
        })?);
    }
    Ok(markdown(["aim", "cores", "measured", "result", "other values"], &rows))
}

/// Returns a row for each pinning of a job.
fn each(results: &Results, job: &str, client: &str, row: impl Fn(&Case<'_>) -> Result<Row>) -> Result<Vec<Row>> {
    let case = |pin| {
        let lines = results.of(job, pin);
        let line =
            *lines.iter().find(|line| line.client == client).with_context(|| format!("{job} has no {client}"))?;
        let others = lines[1..].iter().copied().filter(|other| other.client != client).collect();
        row(&Case { job: job.to_owned(), line, reference: lines[0], others })
    };
    results.pins(job).into_iter().map(case).collect()
}

/// A client of a job with one pinning.
struct Case<'a> {
    job: String,
    line: &'a Line,
    /// The first client of the job.
    reference: &'a Line,
    /// The clients that are neither measured nor the reference.
    others: Vec<&'a Line>,
}

impl Case<'_> {
    fn speed(&self, least: f64) -> Row {
        let speed = self.line.speed(self.reference);
        let cpu = match (self.line.cpu(), self.reference.cpu()) {
            (Some(ours), Some(other)) => {
                format!("CPU per call: {} ms, reference {} ms", significant(ours.median), significant(other.median))
            }
            _ => String::new(),
        };
        let beside = self.beside(cpu, |other| number(other.speed(self.reference).median, 2));
        self.row(format!("≥ {least} × {}", self.reference.client), spread(speed, 2), speed.median >= least, beside)
    }

    fn time(&self, most: f64) -> Row {
        let time = self.line.compare(self.reference, |ours, reference| ours / reference);
        let beside = self.beside(format!("{} ms", number(self.line.ms().median, 2)), |other| {
            format!("{} ms", number(other.ms().median, 2))
        });
        self.row(format!("≤ {most} × {}", self.reference.client), spread(time, 2), time.median <= most, beside)
    }

    /// Returns the row for the time of a process without the time of the reference.
    fn added(&self, most: f64) -> Row {
        let added = |line: &Line| line.compare(self.reference, |ours, reference| ours - reference);
        let time = added(self.line);
        let beside = self.beside(String::new(), |other| format!("{} ms", number(added(other).median, 1)));
        let aim = format!("≤ {most} ms more than {}", self.reference.client);
        self.row(aim, spread(time, 1) + " ms", time.median <= most, beside)
    }

    fn memory(&self, what: &str, most: f64, of: impl Fn(&Line) -> Result<f64>) -> Result<Row> {
        let (ours, reference) = (of(self.line)?, of(self.reference)?);
        let mut beside = format!("{} MB, reference {} MB", number(ours, 1), number(reference, 1));
        for other in &self.others {
            beside += &format!("; {} {} MB", other.client, number(of(other)?, 1));
        }
        let aim = format!("{what} ≤ {most} × {}", self.reference.client);
        Ok(self.row(aim, number(ours / reference, 2), ours / reference <= most, beside))
    }

    /// Returns the row for the growth of the peak memory from the third page to the last page.
    fn flat(&self) -> Result<Row> {
        let growth = |line: &Line| {
            let third = line.slices.get(THIRD_PAGE).and_then(|slice| slice.memory).context("there is no third page")?;
            anyhow::Ok((third.peak, memory(line)?.peak))
        };
        let (third, last) = growth(self.line)?;
        let mut beside = format!("{} MB, then {} MB", number(third, 1), number(last, 1));
        for other in [self.reference].iter().chain(&self.others) {
            let (third, last) = growth(other)?;
            beside += &format!("; {} {}", other.client, number(last / third, 2));
        }
        let aim = format!("1 GB: peak memory ≤ {GROWTH} × that of three pages");
        Ok(self.row(aim, number(last / third, 2), last / third <= GROWTH, beside))
    }

    fn peak(&self, most: f64) -> Result<Row> {
        let (ours, other) = (memory(self.line)?.peak, memory(self.reference)?.peak);
        let beside = format!("{} {} MB", self.reference.client, number(other, 1));
        Ok(self.row(format!("peak memory ≤ {most} MB"), format!("{} MB", number(ours, 1)), ours <= most, beside))
    }

    fn row(&self, aim: String, measured: String, met: bool, beside: String) -> Row {
        [format!("{}, {}: {aim}", self.job, self.line.client), self.line.pin.to_string(), measured, result(met), beside]
    }

    /// Returns a text with a value of each other client.
    fn beside(&self, first: String, value: impl Fn(&Line) -> String) -> String {
        let others = self.others.iter().map(|other| format!("{} {}", other.client, value(other)));
        [first].into_iter().filter(|first| !first.is_empty()).chain(others).collect::<Vec<_>>().join("; ")
    }
}

fn of_package(package: &Package) -> [Row; 2] {
    let &Package { language, megabytes, native_megabytes, dependencies } = package;
    let row = |aim: String, measured: String, met, beside: String| [aim, String::new(), measured, result(met), beside];
    [
        row(
            format!("installed for {language}: ≤ {MEGABYTES} MB"),
            format!("{megabytes:.1} MB"),
            megabytes <= MEGABYTES,
            format!("the native module: {native_megabytes:.1} MB"),
        ),
        row(
            format!("dependencies of the package for {language}: none"),
            dependencies.to_string(),
            dependencies == 0,
            String::new(),
        ),
    ]
}

fn memory(line: &Line) -> Result<crate::slice::Memory> {
    line.memory().with_context(|| format!("the memory of {} was not measured", line.client))
}

fn result(met: bool) -> String {
    if met { "met" } else { "not met" }.to_owned()
}
