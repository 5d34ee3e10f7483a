//! Enumeration of all schedules. A schedule is a list of choices, one for each request of a run. Each choice is 0 if
//! the request succeeds, or else the number of the injected fault.

use super::states::{States, Visit};

/// The choices of one run. The run begins with the choices in `given`. All later choices are 0: no fault.
pub(crate) struct Schedule {
    given: Vec<usize>,
    made: Vec<Choice>,
    /// The maximum number of faults of a run.
    faults: usize,
    faults_left: usize,
    /// Only this many requests at the start of a run can have a fault. Later requests succeed, so every run ends.
    faulty_requests: usize,
    /// The states of all runs. `None` if every schedule is run to its end.
    states: Option<States>,
    is_traced: bool,
}

struct Choice {
    option: usize,
    options: usize,
}

impl Schedule {
    pub(crate) fn new(given: Vec<usize>, faults: usize, faulty_requests: usize) -> Self {
        Self { given, made: Vec::new(), faults, faults_left: faults, faulty_requests, states: None, is_traced: false }
    }

    /// Makes the search recognize states: a run ends when it reaches a state that was explored before.
    pub(crate) fn with_states(self) -> Self {
        Self { states: Some(States::new(self.faults)), ..self }
    }

    /// Prints the steps of a run.
    pub(crate) fn traced(self) -> Self {
        Self { is_traced: true, ..self }
    }

    /// Prints a step of the run. Does nothing unless the schedule was created by [`Self::traced`].
    pub(crate) fn trace(&self, step: impl FnOnce() -> String) {
        if self.is_traced {
            println!("{}", step());
        }
    }

    /// Returns the option that this schedule chooses for the next request. The first option stands for success, and
    /// each other option is a fault. Returns the first option if the run has already had the maximum number of faults,
    /// or if no further request can have a fault.
    pub(crate) fn choose<T: Copy>(&mut self, options: &[T]) -> T {
        let options =
            if self.faults_left == 0 || self.made.len() >= self.faulty_requests { &options[..1] } else { options };
        let option = self.given.get(self.made.len()).copied().unwrap_or(0).min(options.len() - 1);
        self.faults_left -= usize::from(option > 0);
        self.made.push(Choice { option, options: options.len() });
        options[option]
    }

    /// Returns whether the current state can be new, so that the search must compare it with the states that it has seen.
    /// While choices in `given` remain, the run repeats the previous run, and its states are not new. Returns false if
    /// the search does not compare states.
    pub(crate) fn is_in_new_state(&self) -> bool {
        self.states.is_some() && self.made.len() >= self.given.len()
    }

    /// Returns what to do in a new state. `hash` is the hash of the state.
    pub(crate) fn visit(&mut self, hash: u64) -> Visit {
        let states = self.states.as_mut().expect("the search recognizes states");
        states.visit(hash, self.made.len(), self.faults_left)
    }

    /// Returns the choices of this run as a text such as `0,3,7`. `cargo xtask model-check` can repeat the run with
    /// this text.
    pub(crate) fn line(&self) -> String {
        let choices: Vec<String> = self.made.iter().map(|choice| choice.option.to_string()).collect();
        choices.join(",")
    }

    /// Prepares the next run. Increases one choice of the latest run by one, and removes the choices after it. The
    /// increased choice is the last one that has a further option. Returns false if there is no next run.
    /// `was_complete` is false if the latest run ended early, because it reached a state that was already explored.
    pub(crate) fn next(&mut self, was_complete: bool) -> bool {
        if let Some(states) = self.states.as_mut().filter(|_| was_complete) {
            states.end(self.faults_left);
        }
        while let Some(last) = self.made.pop() {
            if last.option + 1 == last.options {
                continue;
            }
            if let Some(states) = &mut self.states {
                states.go_back(self.made.len());
            }
            self.given = self.made.drain(..).map(|choice| choice.option).chain([last.option + 1]).collect();
            self.faults_left = self.faults;
            return true;
        }
        false
    }

    /// Returns the states of all runs. Must be called after the last run.
    pub(crate) fn into_states(self) -> Option<States> {
        self.states
    }
}
