//! The options of `rotate`, from the command line and from a file.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Arg, ArgAction, ArgMatches, Args, FromArgMatches};
use clap_complete::engine::ArgValueCompleter;
use codat_keys::ErrorKind;
use codat_keys::internal::read_trusted;
use codat_keys_rotate::Grace;
use serde::Deserialize;

use crate::completion;
use crate::connection::Connection;
use crate::duration;
use crate::failure::Failure;
use crate::sinks::{SinkArgument, Words};

/// The maximum size in MiB of the file that `--from` names.
const MAX_FILE_MIB: u64 = 1;

/// The options that `rotate` and all its subcommands have in common.
#[derive(Args)]
pub(super) struct Common {
    #[command(flatten)]
    pub(super) sinks: SinkArguments,
    /// Read the options from a TOML file: profile, key, to, grace, name, delete-first, overwrite, journal, lock; an
    /// option on the command line replaces the same option in the file
    #[arg(long, value_name = "FILE")]
    pub(super) from: Option<PathBuf>,
    /// The folder of the journals, or a bucket and a prefix in it: s3://BUCKET/PREFIX, gs://BUCKET/PREFIX or az://CONTAINER/PREFIX
    /// [default: codat-keys/rotations in ~/.local/state, or in XDG_STATE_HOME]
    #[arg(long, value_name = "DIR|URL")]
    pub(super) journal: Option<PathBuf>,
    /// The name of the journal: rotations with the same journal exclude each other [default: the name of the profile, or `default`]
    #[arg(long, value_name = "NAME")]
    pub(super) lock: Option<String>,
    /// Print a line of JSON for each event, and a last line {"report":...} with ids, names and the state of each sink
    #[arg(long)]
    pub(super) json: bool,
    #[command(flatten)]
    pub(super) connection: Connection,
}

/// The options that describe the old and the new key.
#[derive(Args)]
pub(super) struct Replacement {
    /// The id or the unique name of the key to replace [default: the key in use]
    #[arg(value_name = "KEY", add = ArgValueCompleter::new(completion::keys))]
    pub(super) key: Option<String>,
    /// How long the old key stays after all sinks have the new key, such as 1h or 30m; 0 deletes it at once [default: until
    /// `rotate finish`]
    #[arg(long, value_name = "TIME")]
    pub(super) grace: Option<String>,
    /// The part of the new key's name before the tag [default: the name of the old key]
    #[arg(long)]
    pub(super) name: Option<String>,
    #[command(flatten)]
    pub(super) common: Common,
}

/// The options of a new rotation.
#[derive(Args)]
pub(super) struct Start {
    /// The id of a key to delete first if ten keys exist; the deleted key cannot be restored; may be repeated
    #[arg(long, value_name = "ID", add = ArgValueCompleter::new(completion::ids))]
    pub(super) delete_first: Vec<String>,
    /// Replace the content of a sink even if this content is not the old key; a rollback does not restore the content
    #[arg(long)]
    pub(super) overwrite: bool,
    /// Print what would be done, and change nothing
    #[arg(long)]
    pub(super) dry_run: bool,
    #[command(flatten)]
    pub(super) replacement: Replacement,
}

/// The sinks given with `--to`. A `--read-command` or `--confirm-command` belongs to the last `--to` before it.
#[derive(Default)]
pub(super) struct SinkArguments {
    sinks: Vec<SinkArgument>,
    /// The name of a misplaced option, if any. A `--read-command` or `--confirm-command` is misplaced if it comes
    /// before the first `--to`, or occurs twice after the same `--to`.
    misplaced: Option<&'static str>,
}

const READ: &str = "read-command";
const CONFIRM: &str = "confirm-command";

impl Args for SinkArguments {
    fn augment_args(command: clap::Command) -> clap::Command {
        let option = |name: &'static str, value: &'static str, help: &'static str| {
            Arg::new(name).long(name).value_name(value).action(ArgAction::Append).help(help)
        };
        command
            .arg(option("to", "SINK", "A place that gets the new key; may be repeated: see above for its forms"))
            .arg(option(READ, "COMMAND", "A command that prints the content of the `command:` sink before this option"))
            .arg(option(
                CONFIRM,
                "COMMAND",
                "A command that confirms the delivery to the sink before this option, if the sink cannot be read; it \
                 gets the key on standard input, and ends with status 0 if your programs have the key, or with 1 if \
                 not yet",
            ))
    }

    fn augment_args_for_update(command: clap::Command) -> clap::Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for SinkArguments {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut given: Vec<(usize, &'static str, String)> = Vec::new();
        for name in ["to", READ, CONFIRM] {
            let values = matches.get_many::<String>(name).into_iter().flatten().cloned();
            let places = matches.indices_of(name).into_iter().flatten();
            given.extend(places.zip(values).map(|(place, value)| (place, name, value)));
        }
        given.sort_unstable();
        let mut all = Self::default();
        for (_, name, value) in given {
            if name == "to" {
                all.sinks.push(SinkArgument { sink: value, ..SinkArgument::default() });
                continue;
            }
            let sink = all.sinks.last_mut();
            let place = sink.map(|sink| if name == READ { &mut sink.read_command } else { &mut sink.confirm_command });
            match place {
                Some(place @ None) => *place = Some(Words::Text(value)),
                _ => all.misplaced = Some(name),
            }
        }
        Ok(all)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

/// The options in a file. An option in the file has the same name as the option on the command line.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct FileOptions {
    pub(super) profile: Option<String>,
    pub(super) key: Option<String>,
    #[serde(default)]
    to: Vec<FileSink>,
    pub(super) grace: Option<String>,
    pub(super) name: Option<String>,
    #[serde(default)]
    pub(super) delete_first: Vec<String>,
    #[serde(default)]
    pub(super) overwrite: bool,
    pub(super) journal: Option<PathBuf>,
    pub(super) lock: Option<String>,
    #[serde(skip)]
    folder: PathBuf,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields, untagged, expecting = "a text or a table with sink, read-command and confirm-command")]
enum FileSink {
    Text(String),
    #[serde(rename_all = "kebab-case")]
    Table {
        sink: String,
        read_command: Option<Words>,
        confirm_command: Option<Words>,
    },
}

impl Common {
    /// Reads the options from the file that `--from` names. Returns empty options if `--from` is not given.
    pub(super) fn file(&self) -> Result<FileOptions, Failure> {
        let Some(path) = &self.from else { return Ok(FileOptions::default()) };
        let place = path.display();
        // The file names commands to run, so no other user may be able to change the file.
        let bytes = read_trusted(path, MAX_FILE_MIB)
            .map_err(|error| Failure::local(format!("{place} {error}"), error.hint("check its path")))?;
        let text = String::from_utf8(bytes)
            .map_err(|error| invalid(format!("{place} cannot be read: {error}"), "give a TOML file in UTF-8"))?;
        let mut options: FileOptions = toml_edit::de::from_str(&text).map_err(|error| {
            let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
            // The message of the error could quote a value.
            let what = format!("line {} of {place} is not valid", before.matches('\n').count() + 1);
            invalid(what, "write the options as on the command line: to = [\"file:PATH\"], grace = \"1h\"")
        })?;
        let path = fs::canonicalize(path).unwrap_or_else(|_| path.clone());
        options.folder = path.parent().unwrap_or(Path::new("/")).to_owned();
        options.journal = options.journal.map(|place| match url(&place) {
            Some(_) => place,
            None => options.folder.join(place),
        });
        Ok(options)
    }

    /// Returns the sinks, and the folder to which their paths are relative. If the command line names sinks, ignores
    /// the sinks in the file.
    pub(super) fn sinks<'a>(&'a self, file: &'a FileOptions) -> Result<(Vec<SinkArgument>, &'a Path), Failure> {
        if let Some(name) = self.sinks.misplaced {
            let what = format!("--{name} does not follow the sink that it belongs to");
            return Err(invalid(what, format!("write it after its sink: --to SINK --{name} COMMAND")));
        }
        if !self.sinks.sinks.is_empty() {
            return Ok((self.sinks.sinks.clone(), Path::new("")));
        }
        let argument = |sink: &FileSink| match sink.clone() {
            FileSink::Text(sink) => SinkArgument { sink, ..SinkArgument::default() },
            FileSink::Table { sink, read_command, confirm_command } => {
                SinkArgument { sink, read_command, confirm_command }
            }
        };
        Ok((file.to.iter().map(argument).collect(), &file.folder))
    }
}

/// Returns the value of `--journal` if it is a URL. Returns `None` if the value is a folder.
pub(super) fn url(place: &Path) -> Option<&str> {
    place.to_str().filter(|text| text.contains("://"))
}

/// Parses the value of `--grace`.
pub(super) fn grace(text: &str) -> Result<Grace, Failure> {
    match text {
        "0" => Ok(Grace::None),
        text => match duration::parse(text).and_then(|time| Duration::try_from(time).ok()) {
            Some(time) => Ok(Grace::For(time)),
            None => Err(invalid(
                "the grace time is not valid",
                "write a number and a unit, such as --grace 1h or --grace 30m, or --grace 0 for no wait",
            )),
        },
    }
}

pub(super) fn invalid(what: impl std::fmt::Display, hint: impl std::fmt::Display) -> Failure {
    Failure::new(ErrorKind::InvalidInput, what, hint)
}
