//! The exit statuses and their meanings. The tables in docs/errors.md and docs/errors.fr.md are generated from this
//! file.

use codat_keys::ErrorKind;

/// The exit status of `audit` and `scan` if they report findings, and of `emulator verify` if it reports a difference.
pub(crate) const FINDINGS: u8 = 3;

/// The exit status of `rotate` if it leaves a rotation unfinished, or finds an unfinished rotation.
pub(crate) const UNFINISHED: u8 = 11;

/// The signals that cancel a request, and the exit status after each. SIGINT (Ctrl-C) is not in this list. The exit
/// status after SIGINT is the status of [`ErrorKind::Cancelled`].
pub(crate) const CANCELLED_BY: [(&str, u8); 2] = [("SIGHUP", 129), ("SIGTERM", 143)];

/// The signal that ends the command without waiting for the outcome of a request, and the exit status after the signal.
pub(crate) const ENDED_BY: (&str, u8) = ("SIGQUIT", 131);

/// The topic of `help` that lists the exit statuses.
pub(crate) const TOPIC: &str = "exit-status";

/// Returns the exit status for a kind of error.
pub(crate) fn of(kind: ErrorKind) -> u8 {
    match kind {
        ErrorKind::InvalidInput => 2,
        ErrorKind::NoCredential
        | ErrorKind::InvalidCredential
        | ErrorKind::Unauthorized
        | ErrorKind::PaymentRequired
        | ErrorKind::Forbidden => 4,
        ErrorKind::KeyLimitReached => 5,
        ErrorKind::LastKey | ErrorKind::KeyInUse => 6,
        ErrorKind::NotFound => 7,
        ErrorKind::RateLimited => 8,
        ErrorKind::OutcomeUnknown => 9,
        ErrorKind::Conflict
        | ErrorKind::Server
        | ErrorKind::Connect
        | ErrorKind::Timeout
        | ErrorKind::BadResponse
        | ErrorKind::TooLarge => 10,
        ErrorKind::Cancelled => 130,
        _ => 1,
    }
}

/// Returns each exit status and its meaning.
pub(crate) fn rows() -> Vec<(String, String)> {
    let mut statuses: Vec<u8> = ErrorKind::all().iter().copied().map(of).collect();
    statuses.extend([FINDINGS, UNFINISHED]);
    statuses.sort_unstable();
    statuses.dedup();
    let rows = statuses.into_iter().map(|status| {
        let kinds = ErrorKind::all().iter().filter(|kind| of(**kind) == status);
        let mut texts: Vec<&str> = kinds.map(|kind| kind.text()).collect();
        match status {
            1 => texts.insert(0, "a file, a port, a process or the output of this machine failed"),
            FINDINGS => texts.push("`audit` or `scan` has found something, or `emulator verify` a difference"),
            UNFINISHED => texts.push("a rotation is not finished: `codat-keys rotate status` shows it"),
            _ => {}
        }
        (status.to_string(), texts.join("; "))
    });
    let cancelled = CANCELLED_BY.map(|(signal, status)| (status.to_string(), format!("{signal} cancelled the call")));
    let (signal, status) = ENDED_BY;
    let ended = (status.to_string(), format!("{signal} ended the command; the outcome of a change was not checked"));
    let others =
        ("128+N".into(), "the signal with the number N cancelled the call; a second signal ended the command".into());
    std::iter::once(("0".into(), "done".into())).chain(rows).chain(cancelled).chain([ended, others]).collect()
}
