//! The states that a search has explored. Two schedules often lead to the same state, for example because a failed step
//! was repeated. What can follow is the same for both schedules, so the search explores the state only once.

use std::collections::HashMap;

/// The maximum number of faults of a search that recognizes states.
pub(crate) const MAX_FAULTS: usize = 4;

/// Numbers of schedules. The element with the index `n` is the number of schedules with `n` faults.
type Counts = [u64; MAX_FAULTS + 1];

/// The states of a search. Each state is identified by a hash of 64 bits. If there are ten million states, the
/// probability that two of them have the same hash is less than 1 in 100,000.
pub(crate) struct States {
    explored: HashMap<u64, Explored>,
    /// The states that the latest run has reached, and that the search is still exploring. The first state is the start
    /// of every run.
    open: Vec<Open>,
}

/// A state from which all schedules with up to `faults` faults were run.
struct Explored {
    faults: usize,
    schedules: Counts,
}

struct Open {
    hash: u64,
    /// The number of choices that the run made before it reached the state.
    choices: usize,
    explored: Explored,
}

/// What a search does in a state.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Visit {
    Explore,
    /// Ends the run, because all schedules from this state were run.
    Skip,
    /// The run was in the same state before, and no fault has occurred since then. Such a run never ends.
    Cycle,
}

impl States {
    /// Creates the states of a search with up to `faults` faults.
    pub(crate) fn new(faults: usize) -> Self {
        assert!(faults <= MAX_FAULTS, "the search counts schedules with up to {MAX_FAULTS} faults");
        let start = Open { hash: 0, choices: 0, explored: Explored { faults, schedules: Counts::default() } };
        Self { explored: HashMap::new(), open: vec![start] }
    }

    /// Returns what to do in a state that a run has reached. `choices` is the number of choices that the run has made,
    /// and `faults` is the maximum number of faults that can still follow.
    pub(crate) fn visit(&mut self, hash: u64, choices: usize, faults: usize) -> Visit {
        if self.open.iter().any(|open| open.hash == hash && open.explored.faults == faults) {
            return Visit::Cycle;
        }
        if let Some(explored) = self.explored.get(&hash).filter(|explored| explored.faults >= faults) {
            let schedules = explored.schedules;
            self.count(schedules, faults);
            return Visit::Skip;
        }
        self.open.push(Open { hash, choices, explored: Explored { faults, schedules: Counts::default() } });
        Visit::Explore
    }

    /// Counts the schedule of a run that has ended. `faults` is the maximum number of further faults that the run could
    /// have had.
    pub(crate) fn end(&mut self, faults: usize) {
        let mut one = Counts::default();
        one[0] = 1;
        self.count(one, faults);
    }

    /// Adds `schedules` to the numbers of schedules of the latest open state. The added schedules start after this
    /// state, at a point where up to `faults` faults can still follow.
    fn count(&mut self, schedules: Counts, faults: usize) {
        let latest = &mut self.open.last_mut().expect("the start of every run").explored;
        let before = latest.faults - faults;
        for (number, count) in schedules.into_iter().enumerate().take(faults + 1) {
            latest.schedules[before + number] += count;
        }
    }

    /// Prepares the next run, which repeats the first `choices` choices of the latest run, and then makes another
    /// choice. Moves the states that the latest run reached after these choices from `open` to `explored`.
    pub(crate) fn go_back(&mut self, choices: usize) {
        while let Some(open) = self.open.pop_if(|open| open.choices > choices) {
            let (schedules, faults) = (open.explored.schedules, open.explored.faults);
            self.explored.insert(open.hash, open.explored);
            self.count(schedules, faults);
        }
    }

    /// Returns the number of different states, and the number of schedules. The number of schedules includes the
    /// schedules that were skipped because they lead to an explored state. Must be called after the last run.
    pub(crate) fn totals(mut self) -> (usize, u64) {
        self.go_back(0);
        (self.explored.len(), self.open[0].explored.schedules.iter().sum())
    }
}
