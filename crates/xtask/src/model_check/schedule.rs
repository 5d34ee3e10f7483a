//! Enumeration of all schedules. A schedule is a list of choices, one for each request of a run. Each choice is the
//! number of a fault, or 0 if the request succeeds.

/// The choices of one run. The run begins with the choices in `given`. All later choices are 0: no fault.
pub(crate) struct Schedule {
    given: Vec<usize>,
    made: Vec<Choice>,
    faults_left: usize,
    /// Only this many requests at the start of a run can have a fault. Later requests succeed, so every run ends.
    faulty_requests: usize,
}

struct Choice {
    option: usize,
    options: usize,
}

impl Schedule {
    pub(crate) fn new(given: Vec<usize>, faults: usize, faulty_requests: usize) -> Self {
        Self { given, made: Vec::new(), faults_left: faults, faulty_requests }
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

    /// Returns the choices of this run as a text such as `0,3,7`. `cargo xtask model-check` can repeat the run with
    /// this text.
    pub(crate) fn line(&self) -> String {
        let choices: Vec<String> = self.made.iter().map(|choice| choice.option.to_string()).collect();
        choices.join(",")
    }

    /// Returns the choices with which the next run starts, or `None` after the last run. Finds the last choice of this
    /// run that can be increased, increases it by one, and removes the choices after it.
    pub(crate) fn next(mut self) -> Option<Vec<usize>> {
        while let Some(last) = self.made.pop() {
            if last.option + 1 < last.options {
                let kept = self.made.iter().map(|choice| choice.option);
                return Some(kept.chain([last.option + 1]).collect());
            }
        }
        None
    }
}
