//! The command-line arguments. No argument takes a key, because every process of the machine can read `argv`.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{ArgMatches, Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use clap_complete::Shell;
use clap_complete::engine::{ArgValueCandidates, ArgValueCompleter};
use codat_keys::ErrorKind;

use crate::api::Api;
use crate::audit::{self, Audit};
use crate::completion;
use crate::connection::Connection;
use crate::doctor::Doctor;
use crate::emulator::{EmulatorCommand, EmulatorOptions};
use crate::env::Env;
use crate::exec::Exec;
use crate::header::Header;
use crate::inject::Inject;
use crate::login::Login;
use crate::logout::Logout;
use crate::portal::Portal;
use crate::profile::Profiles;
use crate::usage;

/// Use and manage Codat API keys.
///
/// The key is that of the profile that --profile names; else it is read from CODAT_API_KEY (a raw key),
/// CODAT_AUTH_HEADER (a whole header) or the file that CODAT_API_KEY_FILE names (either), which must agree; else it is that of
/// the profile that CODAT_PROFILE names, or of the profile in use. It is never an argument, and never printed unless --reveal
/// asks for it.
#[derive(Parser)]
#[command(name = "codat-keys", version, propagate_version = true, max_term_width = 100, disable_help_subcommand = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// List the keys: a table on a terminal, tab-separated (id, name, created, in use, key) elsewhere
    List(List),
    /// Show one key, by its id or unambiguous name
    Show(Show),
    /// Show the key in use: its id, its name, when it was made
    Whoami(Whoami),
    /// Create a key
    Create(Create),
    /// Delete a key, by its id or unambiguous name: for good
    Delete(Delete),
    /// Try a key, and store it in the keyring under a profile's name
    Login(Login),
    /// Remove a profile, and the key that `login` stored for it
    Logout(Logout),
    /// List, choose and show profiles: names for keys and the API that they are for
    Profile(Profiles),
    /// Run a command with the key in its environment as CODAT_API_KEY, and nowhere else
    Exec(Exec),
    Inject(Inject),
    Env(Env),
    /// Report what should not stay as it is with the keys, and end with status 3 where something is found
    Audit(Audit),
    /// Make any call to Codat's API, and print its answer
    Api(Api),
    /// Report what a call would use and how it fares, without a secret: to paste into a ticket
    Doctor(Doctor),
    Header(Header),
    /// Run a local stand-in for Codat's API, until Ctrl-C
    #[command(args_conflicts_with_subcommands = false)]
    #[command(after_help = "Example: codat-keys emulator --port 4010 --state codat.json")]
    Emulator {
        #[command(flatten)]
        options: EmulatorOptions,
        #[command(subcommand)]
        command: Option<EmulatorCommand>,
    },
    /// Open a page in the browser on which to view, copy, create and revoke keys
    Portal(Portal),
    /// Show the main job on an embedded emulator, over real HTTP
    #[command(after_help = "Example: codat-keys demo")]
    Demo,
    /// Print the script that completes command lines in a shell
    ///
    /// The script calls this program for commands, options, profiles, and the names and ids of keys. To complete keys, Tab
    /// makes one call with the key that the command line would use, unless a command supplies that key. A call that fails
    /// or takes more than two seconds completes nothing.
    ///
    /// bash: source <(codat-keys completions bash)   in ~/.bashrc
    /// zsh:  source <(codat-keys completions zsh)    in ~/.zshrc, after compinit
    /// fish: codat-keys completions fish | source    in ~/.config/fish/config.fish
    #[command(verbatim_doc_comment)]
    #[command(after_help = "Example: source <(codat-keys completions bash)")]
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Print the manual page, of this program or of one command
    #[command(after_help = "Example: codat-keys man | man -l -")]
    Man {
        /// The command
        #[arg(add = ArgValueCandidates::new(completion::commands))]
        command: Option<String>,
    },
    /// Show the help of a command, or what each exit status means
    #[command(after_help = "Example: codat-keys help exit-status")]
    Help {
        /// The command, or `exit-status` [default: this program]
        #[arg(add = ArgValueCandidates::new(completion::topics))]
        topic: Vec<String>,
    },
}

/// The topic of `help` that is not a command.
pub(crate) const EXIT_STATUS: &str = "exit-status";

#[derive(Args)]
#[command(after_help = "Example: codat-keys list --name ci --json")]
pub(crate) struct List {
    /// Only the keys of exactly this name
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// Print {"keys":[{"id","name","created","inUse","key"}]}
    #[arg(long)]
    pub(crate) json: bool,
    /// Print the keys in clear
    #[arg(long)]
    pub(crate) reveal: bool,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

#[derive(Args)]
#[command(after_help = "Example: codat-keys show ci --out key.txt")]
pub(crate) struct Show {
    #[command(flatten)]
    pub(crate) key: KeyReference,
    #[command(flatten)]
    pub(crate) output: KeyOutput,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

/// The arguments that name a key.
#[derive(Args)]
#[group(required = true, multiple = false)]
pub(crate) struct KeyReference {
    /// The id, or the name of exactly one key; a text that may be an id needs --id or --name
    #[arg(value_name = "KEY", add = ArgValueCompleter::new(completion::keys))]
    pub(crate) either: Option<String>,
    /// The id of the key
    #[arg(long, add = ArgValueCompleter::new(completion::ids))]
    pub(crate) id: Option<String>,
    /// The name of the key; exactly one key must have it
    #[arg(long, add = ArgValueCompleter::new(completion::names))]
    pub(crate) name: Option<String>,
}

#[derive(Args)]
#[command(after_help = "Example: codat-keys whoami --json")]
pub(crate) struct Whoami {
    /// Print {"key":{"id","name","created","inUse","key"}}
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

#[derive(Args)]
#[command(after_help = "Example: codat-keys create invoice-processor --out key.txt")]
pub(crate) struct Create {
    /// The name, at most 50 characters
    pub(crate) name: String,
    /// Nobody else creates keys of this name: after a lost answer, take the one new key of the name for the one asked for
    #[arg(long)]
    pub(crate) adopt: bool,
    /// Resume a create whose outcome is unknown, with the idempotency key that it told
    #[arg(long, value_name = "KEY")]
    pub(crate) idempotency_key: Option<String>,
    #[command(flatten)]
    pub(crate) output: KeyOutput,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

#[derive(Args)]
pub(crate) struct KeyOutput {
    /// Print {"key":{"id","name","created","inUse","key"}}; `create` adds how it came about and what else is new
    #[arg(long)]
    pub(crate) json: bool,
    /// Print the key in clear: its value alone, or within the JSON
    #[arg(long)]
    pub(crate) reveal: bool,
    /// Write only the key's value to a file that only you can read, or to standard output (`-`)
    #[arg(long, value_name = "FILE", conflicts_with = "reveal")]
    pub(crate) out: Option<PathBuf>,
    /// Let --out replace a file
    #[arg(long, requires = "out")]
    pub(crate) overwrite: bool,
}

#[derive(Args)]
#[command(after_help = "Example: codat-keys delete invoice-processor --yes")]
pub(crate) struct Delete {
    #[command(flatten)]
    pub(crate) key: KeyReference,
    /// Do not ask; needed where there is no terminal
    #[arg(long, short)]
    pub(crate) yes: bool,
    /// Also delete the key that makes this very call
    #[arg(long)]
    pub(crate) allow_key_in_use: bool,
    /// Print {"deleted":{"id","name","created","inUse","key"}}
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

/// Returns the command with all subcommands. Each help text ends with an example and a reference to the exit statuses.
pub(crate) fn command() -> clap::Command {
    with_more(Cli::command())
}

fn with_more(command: clap::Command) -> clap::Command {
    const MORE: &str = "Exit statuses: codat-keys help exit-status";
    let example = command.get_after_help().map(|example| format!("{example}\n")).unwrap_or_default();
    command.after_help(example + MORE).mut_subcommands(with_more)
}

/// Returns the command line that prints the help of the subcommand in `line`.
pub(crate) fn help_of(line: impl Iterator<Item = OsString>) -> String {
    let all = command();
    let (mut innermost, mut words) = (&all, vec!["codat-keys"]);
    for word in line.skip(1) {
        if let Some(sub) = innermost.find_subcommand(&word) {
            (innermost, _) = (sub, words.push(sub.get_name()));
        }
    }
    format!("{} --help", words.join(" "))
}

/// Parses the arguments of this process. Returns them, and whether `--json` is given.
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
            return usage::failure(&error).report(own.any(|argument| argument == "--json"));
        }
        // Help or the version. A closed pipe (`| head`) is not a failure.
        let _ = error.print();
        ExitCode::SUCCESS
    })
}

fn has_json(matches: &ArgMatches) -> bool {
    let is_given = matches.try_get_one("json").is_ok_and(|given| given == Some(&true));
    is_given || matches.subcommand().is_some_and(|(_, matches)| has_json(matches))
}

/// Returns the text of `help exit-status`.
pub(crate) fn exit_statuses() -> String {
    let lines = exit_status_rows().into_iter().map(|(status, meaning)| format!("{status:>5}  {meaning}"));
    format!(
        "Exit status (`exec` and `emulator exec` end with their command's own, 126 or 127):\n{}",
        lines.collect::<Vec<_>>().join("\n")
    )
}

/// Returns each exit status and its meaning.
pub(crate) fn exit_status_rows() -> Vec<(String, String)> {
    let mut statuses: Vec<u8> = ErrorKind::ALL.iter().map(|kind| kind.exit_status()).collect();
    statuses.push(audit::FOUND);
    statuses.sort_unstable();
    statuses.dedup();
    let rows = statuses.into_iter().map(|status| {
        let kinds = ErrorKind::ALL.into_iter().filter(|kind| kind.exit_status() == status);
        let mut texts: Vec<&str> = kinds.map(ErrorKind::text).collect();
        match status {
            1 => texts.insert(0, "this machine refused: a file, a port, a process, the output"),
            audit::FOUND => texts.push("`audit` has found something"),
            _ => {}
        }
        (status.to_string(), texts.join("; "))
    });
    let stopped =
        ErrorKind::SIGNAL_STATUSES.map(|(signal, status)| (status.to_string(), format!("{signal} stopped it")));
    let others = ("128+N".into(), "another signal stopped it, whose number is N".into());
    std::iter::once(("0".into(), "done".into())).chain(rows).chain(stopped).chain([others]).collect()
}
