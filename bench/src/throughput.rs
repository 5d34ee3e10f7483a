//! The throughput of calls over kept-alive connections. Short slices of all clients alternate in many rounds.

use anyhow::{Context as _, Result};

use crate::cores::{Cores, Pin};
use crate::in_turn;
use crate::slice::Slice;
use crate::statistics::Summary;
use crate::subjects::Group;
use crate::table::{markdown, spread};

const ROUNDS: usize = 80;

/// The results of one client in all slices. The same index is the same round in every line.
pub(crate) struct Line {
    pub(crate) pin: Pin,
    pub(crate) in_flight: usize,
    pub(crate) client: &'static str,
    /// The reference for the client in the table.
    reference: &'static str,
    calls_a_second: Vec<f64>,
    cpu_micros: Vec<f64>,
}

impl Line {
    /// Returns the processor time per call in the client's process, in microseconds.
    pub(crate) fn cpu(&self) -> Summary {
        Summary::of(self.cpu_micros.iter().copied())
    }

    /// Returns the calls per second as a multiple of those of another client.
    pub(crate) fn ratio_to(&self, other: &Self) -> Summary {
        Summary::of_ratios(&self.calls_a_second, &other.calls_a_second)
    }

    fn add(&mut self, slice: &Slice) {
        self.calls_a_second.push(slice.calls_a_second());
        self.cpu_micros.push(slice.cpu_micros());
    }
}

/// Finds the line of a client.
pub(crate) fn line<'a>(lines: &'a [Line], pin: Pin, in_flight: usize, client: &str) -> Result<&'a Line> {
    let is_it = |line: &&Line| line.pin == pin && line.in_flight == in_flight && line.client == client;
    lines.iter().find(is_it).with_context(|| format!("{client} was not measured with {in_flight} in flight, {pin}"))
}

pub(crate) fn measure(mut groups: Vec<Group<'_>>, cores: &Cores) -> Result<Vec<Line>> {
    let mut lines: Vec<Vec<Line>> = groups.iter().map(lines_of).collect();
    for round in 0..ROUNDS {
        eprint!("\rcalls: round {} of {ROUNDS}", round + 1);
        for (group, lines) in groups.iter_mut().zip(&mut lines) {
            cores.pin(group.pin)?;
            for place in in_turn(lines.len(), round) {
                lines[place].add(&group.clients[place].1()?);
            }
        }
    }
    eprintln!();
    Ok(lines.into_iter().flatten().collect())
}

fn lines_of(group: &Group<'_>) -> Vec<Line> {
    let &Group { pin, in_flight, reference, .. } = group;
    let line = |client| Line { pin, in_flight, client, reference, calls_a_second: vec![], cpu_micros: vec![] };
    group.clients.iter().map(|(client, _)| line(*client)).collect()
}

/// Returns a table with a row for each line with this reference.
pub(crate) fn table(lines: &[Line], reference: &str) -> String {
    let row = |of: &Line| {
        let ratio = match line(lines, of.pin, of.in_flight, reference) {
            Ok(reference) if of.client != reference.client => spread(of.ratio_to(reference), 2),
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
    let rows: Vec<_> = lines.iter().filter(|line| line.reference == reference).map(row).collect();
    let ratio = format!("× {reference}'s calls");
    markdown(["cores", "in flight", "client", "calls a second", "µs of CPU a call", &ratio], &rows)
}
