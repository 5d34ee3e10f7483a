//! The exit statuses and their meanings.

use codat_keys::ErrorKind;

/// The exit status of `audit` with findings.
pub(crate) const FINDINGS: u8 = 3;

/// The topic of `help` that lists the exit statuses.
pub(crate) const TOPIC: &str = "exit-status";

/// Returns each exit status and its meaning.
pub(crate) fn rows() -> Vec<(String, String)> {
    let mut statuses: Vec<u8> = ErrorKind::ALL.iter().map(|kind| kind.exit_status()).collect();
    statuses.push(FINDINGS);
    statuses.sort_unstable();
    statuses.dedup();
    let rows = statuses.into_iter().map(|status| {
        let kinds = ErrorKind::ALL.into_iter().filter(|kind| kind.exit_status() == status);
        let mut texts: Vec<&str> = kinds.map(ErrorKind::text).collect();
        match status {
            1 => texts.insert(0, "this machine refused: a file, a port, a process, the output"),
            FINDINGS => texts.push("`audit` has found something"),
            _ => {}
        }
        (status.to_string(), texts.join("; "))
    });
    let stopped =
        ErrorKind::SIGNAL_STATUSES.map(|(signal, status)| (status.to_string(), format!("{signal} stopped it")));
    let others = ("128+N".into(), "another signal stopped it, whose number is N".into());
    std::iter::once(("0".into(), "done".into())).chain(rows).chain(stopped).chain([others]).collect()
}
