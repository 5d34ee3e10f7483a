//! Parsing of the arguments of this process.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{ArgMatches, FromArgMatches};

use crate::commands::{Cli, command};
use crate::usage;

/// Parses the arguments of this process. The returned boolean is true if `--json` is given.
///
/// # Errors
///
/// Returns the exit status after printing help, the version or a usage error.
pub(crate) fn parse() -> Result<(Cli, bool), ExitCode> {
    let matches = command().try_get_matches();
    let parsed = matches.and_then(|matches| Ok((Cli::from_arg_matches(&matches)?, has_json(&matches))));
    parsed.map_err(|error| {
        if error.use_stderr() {
            let mut own = std::env::args_os().skip(1).take_while(|argument| argument != "--");
            return usage::failure(&error, &help_of(std::env::args_os()))
                .report(own.any(|argument| argument == "--json"));
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
