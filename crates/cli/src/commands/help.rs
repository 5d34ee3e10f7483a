//! The command `help`. Its texts are generated from the declarations of the arguments.

use clap::Args;
use clap_complete::engine::ArgValueCandidates;
use codat_keys::ErrorKind;

use crate::completion;
use crate::exit_status;
use crate::failure::Failure;
use crate::output::print;

#[derive(Args)]
#[command(after_help = "Example: codat-keys help exit-status")]
pub(crate) struct Help {
    /// A command, or `exit-status` [default: show the help of the whole program]
    #[arg(add = ArgValueCandidates::new(completion::topics))]
    topic: Vec<String>,
}

/// Prints the help of a command. If no command is given, prints the help of the whole program.
pub(crate) fn help(help: &Help, program: clap::Command) -> Result<(), Failure> {
    let topic = help.topic.as_slice();
    if topic == [exit_status::TOPIC] {
        return print(&format!("{}\n", exit_statuses()));
    }
    find(program.clone(), topic)?;
    let line = ["codat-keys"].into_iter().chain(topic.iter().map(String::as_str)).chain(["--help"]);
    if let Err(help) = program.try_get_matches_from(line) {
        // A closed pipe is not a failure.
        let _ = help.print();
    }
    Ok(())
}

/// Returns the subcommand of `command` with the name `words`, such as `profile use`. If there are no words, returns
/// `command`.
pub(super) fn find(mut command: clap::Command, words: &[String]) -> Result<clap::Command, Failure> {
    command.build();
    for word in words {
        let found = command.find_subcommand(word).cloned();
        command = found.ok_or_else(|| {
            let what = format!("there is no command `{}`", words.join(" "));
            Failure::new(ErrorKind::InvalidInput, what, "`codat-keys --help` lists the commands")
        })?;
    }
    Ok(command)
}

/// Returns the text of `help exit-status`.
fn exit_statuses() -> String {
    let lines = exit_status::rows().into_iter().map(|(status, meaning)| format!("{status:>5}  {meaning}"));
    format!(
        "Exit status (`exec` and `emulator exec` end with their command's own, 126 or 127):\n{}",
        lines.collect::<Vec<_>>().join("\n")
    )
}
