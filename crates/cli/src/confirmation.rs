//! Questions on the terminal that ask the user to confirm a change.

use std::io::{IsTerminal, Write, stderr, stdin};

use codat_keys::ErrorKind;

use crate::failure::Failure;

/// Returns an error if there is no terminal on which the user can confirm a change. `act` is the verb of the change,
/// such as `delete`.
pub(crate) fn require_terminal(act: &str) -> Result<(), Failure> {
    if stdin().is_terminal() && stderr().is_terminal() {
        return Ok(());
    }
    Err(Failure::new(
        ErrorKind::InvalidInput,
        format!("there is no terminal to ask on whether to {act}"),
        format!("add --yes to {act} without being asked; nothing was sent"),
    ))
}

/// Asks a question, and returns whether the answer is yes. Reads the answer on another thread, so that a signal can end
/// the command.
pub(crate) async fn ask(question: String) -> Result<bool, Failure> {
    let question = format!("{question} [y/N] ");
    let answer = tokio::task::spawn_blocking(move || {
        let mut terminal = anstream::stderr();
        let _ = terminal.write_all(question.as_bytes());
        let _ = terminal.flush();
        let mut answer = String::new();
        stdin().read_line(&mut answer).map(|_| answer)
    });
    let answer = answer.await.map_err(std::io::Error::other).flatten();
    let answer =
        answer.map_err(|error| Failure::local(format!("the terminal cannot be read: {error}"), "add --yes"))?;
    Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
}
