//! Shell completions. A script in the shell runs this program with the environment variable `_CODAT_KEYS_COMPLETE`, and
//! reads the completions from the output of this program.

use std::env;
use std::ffi::OsStr;
use std::sync::OnceLock;
use std::time::Duration;

use clap::FromArgMatches;
use clap_complete::engine::CompletionCandidate;
use clap_complete::env::{CompleteEnv, Shells};
use codat_keys::ApiKeyDetails;
use codat_keys::internal::References;

use crate::config::Source;
use crate::connection::Connection;
use crate::credential_selection::{self, Selection};
use crate::exit_status;
use crate::failure::Failure;
use crate::output::print;
use crate::runtime;

const VARIABLE: &str = "_CODAT_KEYS_COMPLETE";
const PROGRAM: &str = "codat-keys";

/// An addition to the bash script that clap generates. The addition completes words that contain `=` or `:`.
const BASH: &str = include_str!("completion.bash");

/// The time limit for the request that lists the keys.
const TIMEOUT: Duration = Duration::from_secs(2);

/// The function that builds the clap command with all subcommands. The functions that complete arguments use this
/// command.
static COMMAND: OnceLock<fn() -> clap::Command> = OnceLock::new();

/// If a shell requested completions, prints them and returns true. Otherwise, returns false. Ignores errors, because a
/// message would appear within the command line that the user types.
pub(crate) fn answer(command: fn() -> clap::Command) -> bool {
    let folder = env::current_dir().ok();
    // Setting the value cannot fail, because `main` calls this function once.
    let _ = COMMAND.set(command);
    let complete = CompleteEnv::with_factory(command).var(VARIABLE);
    complete.try_complete(env::args_os(), folder.as_deref()).unwrap_or(true)
}

/// Prints the script that a shell runs to set up completions.
pub(crate) fn print_script(shell: clap_complete::Shell) -> Result<(), Failure> {
    let mut script = Vec::new();
    let shells = Shells::builtins();
    let written = shells
        .completer(&shell.to_string())
        .map(|shell| shell.write_registration(VARIABLE, PROGRAM, PROGRAM, PROGRAM, &mut script));
    match written {
        Some(Ok(())) if shell == clap_complete::Shell::Bash => {
            let script = String::from_utf8_lossy(&script).replace("-F _clap_complete_codat_keys", "-F _codat_keys");
            print(&(script + BASH))
        }
        Some(Ok(())) => print(&String::from_utf8_lossy(&script)),
        _ => Err(Failure::local(format!("there is no script for {shell}"), "please report it")),
    }
}

/// Returns the names of the commands.
pub(crate) fn commands() -> Vec<CompletionCandidate> {
    let Some(command) = command() else { return Vec::new() };
    let commands = command.get_subcommands().filter(|sub| !sub.is_hide_set());
    commands.map(|sub| CompletionCandidate::new(sub.get_name()).help(sub.get_about().cloned())).collect()
}

/// Returns the topics of `help`: the names of the commands, and `exit-status`.
pub(crate) fn topics() -> Vec<CompletionCandidate> {
    let statuses = CompletionCandidate::new(exit_status::TOPIC).help(Some("What each exit status means".into()));
    commands().into_iter().chain([statuses]).collect()
}

/// Returns the key names and key ids that begin with `begun`. The request for the list of keys uses the options that
/// the user has typed so far, such as `--profile`.
pub(crate) fn keys(begun: &OsStr) -> Vec<CompletionCandidate> {
    candidates(begun, |keys, name| keys.either(name).is_ok(), true)
}

/// Returns the key ids that begin with `begun`.
pub(crate) fn ids(begun: &OsStr) -> Vec<CompletionCandidate> {
    candidates(begun, |_, _| false, true)
}

/// Returns the key names that begin with `begun`. Omits a name that several keys have.
pub(crate) fn names(begun: &OsStr) -> Vec<CompletionCandidate> {
    candidates(begun, |keys, name| keys.name(name).is_ok(), false)
}

fn candidates(
    begun: &OsStr,
    is_name: impl Fn(&References<'_>, &str) -> bool,
    with_ids: bool,
) -> Vec<CompletionCandidate> {
    let begun = begun.to_string_lossy();
    if begun.starts_with('-') {
        return Vec::new();
    }
    let Some(keys) = listed() else { return Vec::new() };
    let references = References::new(&keys);
    let named = keys.iter().filter_map(|key| {
        let name = key.name.as_ref().filter(|name| is_name(&references, name.unredacted()))?;
        Some((name.to_string(), key.id.to_string()))
    });
    let by_id = keys.iter().filter(|_| with_ids).map(|key| {
        let name = key.name.as_ref().map_or("no name".into(), ToString::to_string);
        (key.id.to_string(), format!("{name}, {}", key.api_key.masked()))
    });
    // Omits masked values too, because they are not plain words.
    let all = named.chain(by_id).filter(|(value, _)| is_plain_word(value) && value.starts_with(&*begun));
    all.map(|(value, help)| CompletionCandidate::new(value).help(Some(help.into()))).collect()
}

/// Lists the keys for completions. Returns `None` if an external program supplies the API key, because the program
/// would run each time the user presses Tab, and might prompt for a password. Also returns `None` if the request fails.
fn listed() -> Option<Vec<ApiKeyDetails>> {
    let connection = connection()?;
    match credential_selection::select(connection.key.profile.as_deref()).ok()? {
        Selection::Profile(profile) if matches!(profile.source, Source::Command(_)) => return None,
        _ => {}
    }
    let list = async {
        let client = connection.client().await?;
        Ok::<_, Failure>(client.keys().list().await?)
    };
    runtime::run(async { Ok(tokio::time::timeout(TIMEOUT, list).await) }).ok()?.ok()?.ok()
}

/// Parses the connection options on the incomplete command line.
fn connection() -> Option<Connection> {
    let words = env::args_os().skip_while(|word| word != "--").skip(1);
    let matches = command()?.ignore_errors(true).try_get_matches_from(words).ok()?;
    let (_, matches) = matches.subcommand()?;
    Connection::from_arg_matches(matches).ok()
}

fn command() -> Option<clap::Command> {
    COMMAND.get().map(|command| command())
}

/// Whether a text needs no quotes on a command line. Shells do not quote completions, and names of keys can contain any
/// characters.
fn is_plain_word(text: &str) -> bool {
    !text.starts_with('-') && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ':'))
}
