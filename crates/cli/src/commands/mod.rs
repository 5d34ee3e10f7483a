//! The commands with their arguments. No argument contains a key, because every process of the machine can read the
//! arguments of a process.

mod api;
mod audit;
mod completions;
mod create;
mod delete;
mod demo;
mod doctor;
mod emulator;
mod env;
mod exec;
mod header;
mod help;
mod inject;
mod list;
mod login;
mod logout;
mod man;
#[cfg(feature = "portal")]
mod portal;
mod profile;
mod rotate;
mod scan;
mod show;
mod whoami;

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

use api::Api;
use audit::Audit;
use completions::Completions;
use create::Create;
use delete::Delete;
use doctor::Doctor;
use emulator::Emulator;
use env::Env;
use exec::Exec;
use header::Header;
use help::Help;
use inject::Inject;
use list::List;
use login::Login;
use logout::Logout;
use man::Man;
#[cfg(feature = "portal")]
use portal::Portal;
use profile::Profiles;
use rotate::Rotate;
use scan::Scan;
use show::Show;
use whoami::Whoami;

use crate::failure::Failure;
use crate::runtime;

/// Use and manage Codat API keys.
///
/// The key comes from the first of these sources: (1) the profile that --profile names; (2) the environment variables
/// CODAT_API_KEY (a raw key), CODAT_AUTH_HEADER (a whole header) and CODAT_API_KEY_FILE (the path of a file with a raw key or a
/// whole header); if several are set, they must contain the same key; (3) the profile that CODAT_PROFILE names; (4) the profile in
/// use, which `codat-keys profile use` selects. No argument takes a key. A key is printed in clear only with --reveal.
#[derive(Parser)]
#[command(name = "codat-keys", version, propagate_version = true, max_term_width = 100, disable_help_subcommand = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
}

/// The hint to print if standard output is closed and the command has no option that names an output file.
pub(crate) const PRINTS: &str = "send it to a file or a pipe: > FILE";

#[derive(Subcommand)]
enum Command {
    /// List the keys (id, name, created, in use, key) as a table, or tab-separated if the output is not a terminal
    List(List),
    /// Show one key, by its id or its unique name
    Show(Show),
    /// Show the key in use: its id, name and creation date
    Whoami(Whoami),
    /// Create a key
    Create(Create),
    /// Delete a key permanently, by its id or its unique name
    Delete(Delete),
    Rotate(Box<Rotate>),
    /// Check a key with a request, and store it in the keyring as a profile
    Login(Login),
    /// Remove a profile, and the key that `login` stored for it
    Logout(Logout),
    /// List, select and show profiles: each has a name, a key and the base URL of the API
    Profile(Profiles),
    /// Run a command with the key in its environment variable CODAT_API_KEY
    Exec(Exec),
    Inject(Inject),
    Env(Env),
    /// Check the keys for problems, and exit with status 3 if there are any
    Audit(Audit),
    Scan(Scan),
    /// Send any request to Codat's API, and print the response
    Api(Api),
    /// Print a report for support tickets: the configuration and the results of requests to Codat, without secrets
    Doctor(Doctor),
    Header(Header),
    /// Run a local emulator of Codat's API until Ctrl-C
    Emulator(Emulator),
    /// Open a page in the browser to view, copy, create and revoke keys
    #[cfg(feature = "portal")]
    Portal(Portal),
    /// Demonstrate how keys are created, used, rotated and deleted, with an embedded emulator
    #[command(after_help = "Example: codat-keys demo")]
    Demo,
    Completions(Completions),
    /// Print the manual page of this program or of one command
    Man(Man),
    /// Print the help of a command, or the exit statuses
    Help(Help),
}

impl Cli {
    /// Returns the hint to print if standard output is closed. Returns `None` if the command does not need standard
    /// output. Without `--json`, such a command prints nothing to standard output, or also writes its whole output to
    /// standard error or to a file.
    pub(crate) fn closed_output_hint(&self) -> Option<&'static str> {
        match &self.command {
            Command::Create(create) => create.closed_output_hint(),
            Command::Show(show) => show.closed_output_hint(),
            Command::Inject(inject) => inject.prints().then_some("add --out FILE"),
            Command::Api(api) => api.prints().then_some("send it to a file or a pipe: > FILE, or add --output FILE"),
            Command::Env(_) => Some("write eval \"$(codat-keys env)\""),
            Command::Emulator(emulator) => emulator.prints().then_some(PRINTS),
            Command::Profile(profiles) => profiles.prints().then_some(PRINTS),
            Command::Delete(_) | Command::Login(_) | Command::Logout(_) | Command::Exec(_) => None,
            _ => Some(PRINTS),
        }
    }
}

/// Runs a command, and returns its exit status.
pub(crate) fn run(cli: Cli) -> Result<ExitCode, Failure> {
    let done = match cli.command {
        Command::List(list) => runtime::run(list::list(&list)),
        Command::Show(show) => runtime::run(show::show(&show)),
        Command::Whoami(whoami) => runtime::run(whoami::whoami(&whoami)),
        Command::Create(create) => runtime::run(create::create(&create)),
        Command::Delete(delete) => runtime::run(delete::delete(&delete)),
        Command::Rotate(rotate) => return runtime::run(rotate::rotate(&rotate)),
        Command::Login(login) => runtime::run(login::login(&login)),
        Command::Logout(logout) => runtime::run(logout::logout(&logout)),
        Command::Profile(profiles) => profile::profile(&profiles),
        Command::Exec(exec) => return exec::exec(&exec),
        Command::Inject(options) => runtime::run(inject::inject(&options)),
        Command::Env(options) => env::env(&options),
        Command::Audit(audit) => return runtime::run(audit::audit(&audit)),
        Command::Scan(scan) => return runtime::run(scan::scan(&scan)),
        Command::Api(api) => runtime::run(api::api(&api)),
        Command::Doctor(doctor) => runtime::run(doctor::doctor(&doctor)),
        Command::Header(options) => runtime::run(header::header(&options)),
        Command::Emulator(emulator) => return runtime::run(emulator::emulator(&emulator)),
        #[cfg(feature = "portal")]
        Command::Portal(portal) => runtime::run(portal::portal(&portal)),
        Command::Demo => runtime::run(demo::demo()),
        Command::Completions(completions) => completions::completions(&completions),
        Command::Man(man) => man::man(&man, command()),
        Command::Help(help) => help::help(&help, command()),
    };
    done.map(|()| ExitCode::SUCCESS)
}

/// Returns the clap command with all subcommands. Each help text ends with an example and a reference to the exit
/// statuses.
pub(crate) fn command() -> clap::Command {
    with_more(Cli::command())
}

fn with_more(command: clap::Command) -> clap::Command {
    const MORE: &str = "Exit statuses: codat-keys help exit-status";
    let example = command.get_after_help().map(|example| format!("{example}\n")).unwrap_or_default();
    command.after_help(example + MORE).mut_subcommands(with_more)
}
