//! Parsing of the arguments of this process.
//!
//! The error messages of clap quote unexpected arguments. A user may give an API key as an argument by mistake, so the
//! error messages of this module quote no value. They quote an unknown argument or command only if it is too short to
//! be an API key.

use std::error::Error as _;
use std::ffi::OsString;
use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue, ErrorKind as Usage};
use clap::{ArgMatches, FromArgMatches};
use codat_keys::ErrorKind;

use crate::commands::{Cli, PRINTS, command};
use crate::failure::Failure;
use crate::output::refuse_closed_output;

/// The maximum length in characters of an unknown argument that an error message quotes. An API key has 40 characters,
/// and is therefore never quoted.
const MAX_REPEATED_CHARS: usize = 20;

/// Parses the arguments of this process. The returned boolean is true if `--json` is given.
///
/// # Errors
///
/// If there is no command to run, prints the help, the version or a usage error, and returns the exit status.
pub(crate) fn parse() -> Result<(Cli, bool), ExitCode> {
    let matches = command().try_get_matches();
    let parsed = matches.and_then(|matches| Ok((Cli::from_arg_matches(&matches)?, has_json(&matches))));
    parsed.map_err(|error| {
        if error.use_stderr() {
            let mut own = std::env::args_os().skip(1).take_while(|argument| argument != "--");
            return failure(&error, &help_of(std::env::args_os())).report(own.any(|argument| argument == "--json"));
        }
        if let Err(failure) = refuse_closed_output(PRINTS) {
            return failure.report(false);
        }
        // Prints help or the version. A closed pipe (`| head`) is not a failure.
        let _ = error.print();
        ExitCode::SUCCESS
    })
}

/// Returns the command line that prints the help of the subcommand in `line`.
fn help_of(line: impl Iterator<Item = OsString>) -> String {
    let all = command();
    let (mut innermost, mut words) = (&all, vec!["codat-keys"]);
    for word in line.skip(1) {
        if let Some(sub) = innermost.find_subcommand(&word) {
            (innermost, _) = (sub, words.push(sub.get_name()));
        }
    }
    format!("{} --help", words.join(" "))
}

fn has_json(matches: &ArgMatches) -> bool {
    let is_given = matches.try_get_one("json").is_ok_and(|given| given == Some(&true));
    is_given || matches.subcommand().is_some_and(|(_, matches)| has_json(matches))
}

/// Converts an error of clap to a [`Failure`]. `help` is the command line that prints the help of the subcommand.
fn failure(error: &clap::Error, help: &str) -> Failure {
    let known = context(error, ContextKind::InvalidArg).unwrap_or_else(|| "an option".into());
    let message = match error.kind() {
        Usage::DisplayHelpOnMissingArgumentOrSubcommand | Usage::MissingSubcommand => "no command was given".to_owned(),
        Usage::InvalidSubcommand => {
            let given = context(error, ContextKind::InvalidSubcommand).and_then(repeated);
            given.map_or("there is no such command".into(), |given| format!("there is no command `{given}`"))
        }
        Usage::UnknownArgument => {
            let given = context(error, ContextKind::InvalidArg).and_then(repeated);
            given.map_or("there is an argument that was not expected".into(), |given| {
                format!("the argument `{given}` was not expected")
            })
        }
        Usage::MissingRequiredArgument => format!("{known} is missing"),
        Usage::ArgumentConflict => match context(error, ContextKind::PriorArg) {
            Some(other) if other == known => format!("{known} is given twice"),
            other => format!("{known} and {} do not go together", other.unwrap_or_else(|| "another option".into())),
        },
        Usage::TooManyValues | Usage::WrongNumberOfValues => format!("{known} takes no value"),
        Usage::InvalidValue if context(error, ContextKind::InvalidValue).is_some_and(|value| value.is_empty()) => {
            format!("{known} has no value")
        }
        _ => format!("the value of {known} is {}", reason(error)),
    };
    Failure::new(ErrorKind::InvalidInput, message, hint(error, help))
}

/// Returns the reason why the value of an argument is invalid. The value parsers of this program give reasons that do
/// not quote the value. The reasons of clap quote the value, so this function replaces the reasons of clap with "not
/// valid".
fn reason(error: &clap::Error) -> String {
    let reason = error.source().map(ToString::to_string).filter(|reason| reason.starts_with("not "));
    reason.unwrap_or_else(|| "not valid".into())
}

fn hint(error: &clap::Error, help: &str) -> String {
    let usage = format!("`{help}` shows the usage");
    let known = |kind| context(error, kind).filter(|text| !text.is_empty());
    if let Some(values) = known(ContextKind::ValidValue) {
        return format!("give one of {values}");
    }
    if let Some(similar) = known(ContextKind::SuggestedSubcommand).or_else(|| known(ContextKind::SuggestedArg)) {
        return format!("did you mean {similar}? {usage}");
    }
    match error.kind() {
        Usage::UnknownArgument => format!("{usage}; a key is never an argument"),
        _ => usage,
    }
}

/// Returns the part of an unknown argument that an error message can quote: the text before `=`. Returns `None` if this
/// text is long enough to be an API key.
fn repeated(given: String) -> Option<String> {
    let given = given.split('=').next().unwrap_or_default().to_owned();
    (given.chars().count() <= MAX_REPEATED_CHARS).then_some(given)
}

fn context(error: &clap::Error, kind: ContextKind) -> Option<String> {
    match error.get(kind)? {
        ContextValue::String(text) => Some(text.clone()),
        ContextValue::Strings(texts) => Some(texts.join(", ")),
        _ => None,
    }
}
