//! Enumeration of all schedules. A run requests choices, and the next run gets the next combination, until all
//! combinations are used.

/// The number of requests, from the start of a run, that can fail. Later requests succeed, so that every run ends.
const FAULTY_REQUESTS: usize = 12;

/// The choices of one run: the given choices, followed by the first option of every further choice.
pub(crate) struct Schedule {
    given: Vec<usize>,
    made: Vec<Choice>,
    faults_left: usize,
}

struct Choice {
    option: usize,
    options: usize,
}

impl Schedule {
    pub(crate) fn new(given: Vec<usize>, faults: usize) -> Self {
        Self { given, made: Vec::new(), faults_left: faults }
    }

    /// Returns one of the options. The first option is the absence of a fault. Every other option is a fault, whose
    /// number per run is limited.
    pub(crate) fn choose<T: Copy>(&mut self, options: &[T]) -> T {
        let options = if self.faults_left == 0 || self.made.len() >= FAULTY_REQUESTS { &options[..1] } else { options };
        let option = self.given.get(self.made.len()).copied().unwrap_or(0).min(options.len() - 1);
        self.faults_left -= usize::from(option > 0);
        self.made.push(Choice { option, options: options.len() });
        options[option]
    }

    /// Returns the choices in the form that repeats the run.
    pub(crate) fn line(&self) -> String {
        let choices: Vec<String> = self.made.iter().map(|choice| choice.option.to_string()).collect();
        choices.join(",")
    }

    /// Returns the choices of the next run, or `None` after the last one. Advances the last choice that has a further
    /// option, and removes all choices after it.
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
