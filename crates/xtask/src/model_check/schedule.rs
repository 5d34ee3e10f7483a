//! Enumeration of all schedules of faults. At each request, a run chooses among options: no fault, or one of the
//! faults. The next run makes the next combination of choices, until all combinations have been run.

/// The number of requests in a run that can fail. Later requests succeed, so that every run ends.
const FAULTY_REQUESTS: usize = 12;

/// The choices of one run. The run first repeats the choices in `given`, and then chooses the first option at each
/// request.
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

    /// Chooses one of the options. The first option means no fault, and every other option is a fault. Chooses the
    /// first option when the run has used up its faults.
    pub(crate) fn choose<T: Copy>(&mut self, options: &[T]) -> T {
        let options = if self.faults_left == 0 || self.made.len() >= FAULTY_REQUESTS { &options[..1] } else { options };
        let option = self.given.get(self.made.len()).copied().unwrap_or(0).min(options.len() - 1);
        self.faults_left -= usize::from(option > 0);
        self.made.push(Choice { option, options: options.len() });
        options[option]
    }

    /// Returns the choices in the form that [`one`](super::one) accepts to repeat the run.
    pub(crate) fn line(&self) -> String {
        let choices: Vec<String> = self.made.iter().map(|choice| choice.option.to_string()).collect();
        choices.join(",")
    }

    /// Returns the choices for the next run. Returns `None` after the last run. Advances the last choice that has a
    /// further option, and removes all choices after it.
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
