//! The command `completions`: prints the script that completes command lines in a shell.

use clap::Args;
use clap_complete::Shell;

use crate::completion;
use crate::failure::Failure;

/// Print the script for completions in a shell
///
/// The script runs this program to complete commands, options, profiles, and the names and ids of keys. To complete keys,
/// the program requests the list of keys, unless the API key comes from an external program. A request that fails or takes more
/// than two seconds completes nothing.
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
