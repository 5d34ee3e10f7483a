//! A list of the runs that have ended in this process and whose lease can remain in the journal. A run that cannot
//! write to the journal cannot end its lease.

use std::sync::{Mutex, PoisonError};

use codat_keys::Timestamp;

/// For each ended run, the `holder` in the journal entries of the run, and the time at which the lease of the run ends.
static RUNS: Mutex<Vec<(String, Timestamp)>> = Mutex::new(Vec::new());

/// Records that the run with this holder has ended, so that other runs do not wait for the end of its lease. Removes
/// the records whose lease has expired, because no run waits for them.
pub(super) fn add(holder: &str, expires: Timestamp) {
    let mut runs = RUNS.lock().unwrap_or_else(PoisonError::into_inner);
    replace_expired(&mut runs, holder, expires, Timestamp::now());
}

/// Returns whether the run with this holder has ended in this process.
pub(super) fn contains(holder: &str) -> bool {
    let runs = RUNS.lock().unwrap_or_else(PoisonError::into_inner);
    runs.iter().any(|(ended, _)| ended == holder)
}

fn replace_expired(runs: &mut Vec<(String, Timestamp)>, holder: &str, expires: Timestamp, now: Timestamp) {
    runs.retain(|(_, expires)| *expires > now);
    runs.push((holder.to_owned(), expires));
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn an_ended_run_is_forgotten_after_its_lease() {
        let after = |seconds| Timestamp::UNIX_EPOCH + Duration::from_secs(seconds);
        let mut runs = Vec::new();
        replace_expired(&mut runs, "first", after(300), after(0));
        replace_expired(&mut runs, "second", after(400), after(100));
        assert_eq!(runs.len(), 2);
        replace_expired(&mut runs, "third", after(600), after(300));
        assert_eq!(runs, [("second".to_owned(), after(400)), ("third".to_owned(), after(600))]);
    }
}
