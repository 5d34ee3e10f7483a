//! The command `completions`: prints the script that completes command lines in a shell.

use clap::Args;
use clap_complete::Shell;

use crate::completion;
use crate::failure::Failure;

/// Print the script that completes command lines in a shell
///
/// The script calls this program for commands, options, profiles, and the names and ids of keys. To complete keys, Tab
/// makes one call with the key that the command line would use, unless a command supplies that key. A call that fails
/// or takes more than two seconds completes nothing.
///
/// bash: source <(codat-keys completions bash)   in ~/.bashrc
/// zsh:  source <(codat-keys completions zsh)    in ~/.zshrc, after compinit
/// fish: codat-keys completions fish | source    in ~/.config/fish/config.fish
#[derive(Args)]
#[command(verbatim_doc_comment)]
#[command(after_help = "Example: source <(codat-keys completions bash)")]
pub(crate) struct Completions {
    /// The shell
    shell: Shell,
}

pub(crate) fn completions(completions: &Completions) -> Result<(), Failure> {
    completion::print_script(completions.shell)
}
