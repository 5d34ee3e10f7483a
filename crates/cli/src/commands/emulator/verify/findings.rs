//! What the probes have found.

use std::collections::HashMap;
use std::fmt::Display;

use codat_keys_emulator::{BEHAVIOURS, Behaviour};

use super::rows::{Probe, ROWS, Treatment};

/// What the probes have found about a row of `docs/fidelity.md`.
pub(super) struct Finding {
    pub(super) behaviour: &'static Behaviour,
    pub(super) outcome: Outcome,
    /// What the API did, or the reason why the row was not tried.
    pub(super) seen: String,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Outcome {
    AsAssumed,
    Differs,
    NotTried,
}

/// Collects the observations of the probes.
#[derive(Default)]
pub(super) struct Findings {
    /// The observations about each row. The `bool` is true if the API behaved as the row says.
    observations: HashMap<&'static str, Vec<(bool, String)>>,
    /// The reasons why rows were not tried.
    reasons: HashMap<&'static str, String>,
}

impl Findings {
    /// Adds an observation about a row of `docs/fidelity.md`. `holds` is true if the API behaved as the row says.
    pub(super) fn add(&mut self, row: &'static str, holds: bool, seen: impl Display) {
        self.observations.entry(row).or_default().push((holds, seen.to_string()));
    }

    /// Stores the reason why rows of a probe were not tried. The report shows the reason for each row that belongs to
    /// the probe and has no observation.
    pub(super) fn skip(&mut self, probe: Probe, reason: impl Display) {
        for (row, treatment) in ROWS {
            if matches!(treatment, Treatment::TriedBy(of) if *of == probe) {
                self.reasons.entry(row).or_insert_with(|| reason.to_string());
            }
        }
    }

    /// Returns what was found about each row, in the order of the rows.
    pub(super) fn into_rows(mut self) -> Vec<Finding> {
        let treated = BEHAVIOURS.iter().zip(ROWS);
        treated.map(|(behaviour, (row, treatment))| self.take(behaviour, row, treatment)).collect()
    }

    fn take(&mut self, behaviour: &'static Behaviour, row: &str, treatment: &Treatment) -> Finding {
        let (outcome, seen) = match (self.observations.remove(row), treatment) {
            (Some(observations), _) => judge(observations),
            (None, Treatment::NotTried(reason)) => (Outcome::NotTried, (*reason).to_owned()),
            (None, Treatment::TriedBy(_)) => {
                (Outcome::NotTried, self.reasons.remove(row).unwrap_or_else(|| "the responses do not tell".into()))
            }
        };
        Finding { behaviour, outcome, seen }
    }
}

/// Returns the outcome of a row, and a text with the observations. If an observation contradicts the row, the outcome
/// is [`Outcome::Differs`], and the text contains only the observations that contradict the row.
fn judge(observations: Vec<(bool, String)>) -> (Outcome, String) {
    let differs = observations.iter().any(|(holds, _)| !holds);
    let mut seen: Vec<String> = Vec::new();
    for (_, text) in observations.into_iter().filter(|(holds, _)| *holds != differs) {
        if !seen.contains(&text) {
            seen.push(text);
        }
    }
    (if differs { Outcome::Differs } else { Outcome::AsAssumed }, seen.join("; "))
}
