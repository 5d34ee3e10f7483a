//! Walks every schedule: a run asks for choices, and is run again with the next ones until all were made.

/// Faults strike among so many first requests; from then on all is well, so that every run ends.
const FAULTY_REQUESTS: usize = 12;

/// The choices of one run: those given, and the first option from there on.
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

    /// One of the options. The first is that nothing goes wrong; any other is a fault, of which there are only so many.
    pub(crate) fn choose<T: Copy>(&mut self, options: &[T]) -> T {
        let options = if self.faults_left == 0 || self.made.len() >= FAULTY_REQUESTS { &options[..1] } else { options };
        let option = self.given.get(self.made.len()).copied().unwrap_or(0).min(options.len() - 1);
        self.faults_left -= usize::from(option > 0);
        self.made.push(Choice { option, options: options.len() });
        options[option]
    }

    /// The choices, as they are given again to repeat the run.
    pub(crate) fn line(&self) -> String {
        let choices: Vec<String> = self.made.iter().map(|choice| choice.option.to_string()).collect();
        choices.join(",")
    }

    /// The choices of the next run: the last one that has a further option takes it, and all after it start over.
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
