//! The numbers of passed, failed and ignored tests in the output of the test runners.

#[derive(Debug, Default, PartialEq)]
pub(crate) struct Tally {
    pub(crate) passed: usize,
    pub(crate) failed: usize,
    pub(crate) ignored: usize,
}

impl Tally {
    /// Reads a line that a test runner printed. If the line contains numbers of passed, failed or ignored tests, adds
    /// them to this tally.
    pub(crate) fn read(&mut self, line: &str) {
        if let Some((word, number)) = node_count(line) {
            return self.add(word, number);
        }
        let Some(counts) = cargo_counts(line).or_else(|| pytest_counts(line)) else { return };
        for count in counts.split([';', ',']) {
            let mut words = count.split_whitespace().rev();
            if let (Some(word), Some(number)) = (words.next(), words.next()) {
                self.add(word, number);
            }
        }
    }

    fn add(&mut self, word: &str, number: &str) {
        let Ok(number) = number.parse::<usize>() else { return };
        match word {
            "passed" | "pass" => self.passed += number,
            // pytest counts an error if the setup of a test fails or a file cannot be read.
            "failed" | "fail" | "error" | "errors" | "cancelled" => self.failed += number,
            "ignored" | "skipped" | "todo" => self.ignored += number,
            _ => {}
        }
    }
}

/// Returns the text with the numbers of tests from a line that cargo printed. Such a line is `test result: ok. 3
/// passed; 0 failed; 1 ignored; …`.
fn cargo_counts(line: &str) -> Option<&str> {
    line.strip_prefix("test result:")
}

/// Returns the text with the numbers of tests from a line that pytest printed. Such a line is `1 failed, 3 passed, 1
/// skipped in 0.31s`.
fn pytest_counts(line: &str) -> Option<&str> {
    let (counts, time) = line.split_once(" in ")?;
    let seconds = time.split_whitespace().next()?.strip_suffix('s')?;
    (counts.starts_with(|first: char| first.is_ascii_digit()) && seconds.parse::<f64>().is_ok()).then_some(counts)
}

/// Returns the result and the number of tests from a line that the test runner of Node printed. For the line
/// `ℹ pass 3`, returns `pass` and `3`.
fn node_count(line: &str) -> Option<(&str, &str)> {
    line.trim_end().strip_prefix("ℹ ")?.split_once(' ')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn result_lines_are_added_up_and_other_lines_are_not() {
        let mut tally = Tally::default();
        for line in [
            "running 4 tests",
            "test deletes_a_key ... ok",
            "test result: FAILED. 3 passed; 1 failed; 0 ignored; 0 measured; 7 filtered out; finished in 0.02s",
            "test result: ok. 20 passed; 0 failed; 2 ignored; 0 measured; 0 filtered out; finished in 0.31s\r",
            "a test says: 5 passed; 5 failed",
            "........................................................................ [ 19%]",
            "367 passed in 44.34s",
            "1 failed, 300 passed, 2 skipped, 1 warning in 75.20s (0:01:15)",
            "1 passed, 2 errors in 3.20s",
            "1 error in 0.20s",
            "no tests ran in 0.01s",
            "a test says: 5 passed in 1s",
            "5 passed in time",
            "ℹ tests 7",
            "ℹ pass 4",
            "ℹ fail 1",
            "ℹ cancelled 1",
            "ℹ skipped 1\r",
            "ℹ duration_ms 1402.61",
        ] {
            tally.read(line);
        }
        assert_eq!(tally, Tally { passed: 695, failed: 7, ignored: 5 });
    }
}
