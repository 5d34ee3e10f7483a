//! The sinks of `rotate`: the places that get the new key. `--to` names a sink as `SCHEME:PLACE`. If the name ends with
//! `#header`, the sink gets the whole `Authorization` header. Otherwise, the sink gets the raw key.

mod command;
mod dotenv;
mod file;
mod profile;
mod program;
mod recipes;
mod stored_file;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use codat_keys::{ApiKey, AuthorizationHeader, Credential, ErrorKind};
use codat_keys_rotate::{Content, Sink, SinkError};
use zeroize::Zeroizing;

use crate::failure::Failure;
use crate::redact::{holds_secret, without_secrets};

pub(crate) use recipes::forms;

/// The suffix of a `--to` value. With this suffix, the sink gets the whole `Authorization` header instead of the raw
/// key.
const HEADER: &str = "#header";

/// The options for one sink: the value of `--to`, the `--read-command` and the `--confirm-command`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct SinkArgument {
    /// The sink, such as `file:/run/app/key`.
    pub(crate) sink: String,
    /// The command that prints the content of the sink.
    pub(crate) read_command: Option<Words>,
    /// The command that checks whether the user's programs have the key that the sink got. Exit status 0 means yes.
    pub(crate) confirm_command: Option<Words>,
}

/// A command: one text with the quotes of a POSIX shell, or a list of words.
#[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(untagged, expecting = "a text or a list of texts")]
pub(crate) enum Words {
    /// A text, which is split into words. No shell runs it.
    Text(String),
    /// A program and its arguments.
    List(Vec<String>),
}

/// What the sinks of a rotation need in addition to their arguments.
pub(crate) struct SinkContext<'a> {
    /// The folder against which relative paths are resolved.
    pub(crate) folder: &'a Path,
    /// The base URL of the client. A profile whose base URL has another origin cannot be a sink.
    pub(crate) base_url: &'a str,
    /// The timeout of a request to the keyring.
    pub(crate) keyring_timeout: Duration,
    /// Whether a sink returns an error for content that it must not replace. The error gives the reason. If this field
    /// is false, such content is [`Content::Other`], which a rotation replaces only with `--overwrite`.
    pub(crate) is_strict: bool,
}

/// The form in which a sink stores the key.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Raw,
    Header,
}

impl Form {
    fn text(self, key: &ApiKey) -> Zeroizing<String> {
        match self {
            Self::Raw => key.expose_secret().to_owned().into(),
            Self::Header => AuthorizationHeader::from(key).expose_secret().to_owned().into(),
        }
    }

    fn suffix(self) -> &'static str {
        if self == Self::Header { HEADER } else { "" }
    }
}

/// What a sink requires of its content.
#[derive(Clone, Copy)]
struct Rules {
    form: Form,
    /// See [`SinkContext::is_strict`].
    is_strict: bool,
}

impl Rules {
    /// Parses the content of a sink. A sink for a whole header must not contain a raw key, and a sink for a raw key
    /// must not contain a whole header. A rotation would replace such content with a credential in the other form. The
    /// programs that read the sink could not use this credential, and a rollback could not restore the content.
    fn content(self, bytes: &[u8]) -> Result<Content, SinkError> {
        let content = content(bytes);
        match (&content, self.form) {
            (Content::Credential(Credential::Header(_)), Form::Raw) => {
                self.unsuitable("it contains a whole header, not a raw key: add #header at the end of the sink", bytes)
            }
            (Content::Credential(Credential::ApiKey(_)), Form::Header) => self
                .unsuitable("it contains a raw key, not a whole header: remove #header at the end of the sink", bytes),
            _ => Ok(content),
        }
    }

    fn unsuitable(self, why: impl Into<String>, bytes: &[u8]) -> Result<Content, SinkError> {
        if self.is_strict { Err(SinkError::permanent(why)) } else { Ok(other(bytes)) }
    }
}

impl SinkArgument {
    /// Creates the sink. Returns an error if the sink cannot be used, so that the user gets this error before a key is
    /// created.
    pub(crate) fn open(&self, context: &SinkContext<'_>) -> Result<Arc<dyn Sink>, Failure> {
        let named = || quoted(&self.sink).map_or("a sink".into(), |sink| format!("the sink {sink}"));
        let Some((scheme, place)) = self.sink.split_once(':') else {
            return Err(unknown(&format!("{} has no scheme", named())));
        };
        let (place, form) = match place.strip_suffix(HEADER) {
            Some(place) => (place, Form::Header),
            None => (place, Form::Raw),
        };
        if place.is_empty() {
            return Err(unknown(&format!("{} names no place", named())));
        }
        let rules = Rules { form, is_strict: context.is_strict };
        match scheme {
            "file" | "dotenv" | "profile" => self.refuse_commands(scheme)?,
            _ => {}
        }
        let sink: Arc<dyn Sink> = match scheme {
            "file" => Arc::new(file::FileSink::new(path(context, place)?, rules)),
            "dotenv" => Arc::new(dotenv::DotenvSink::new(context, place, rules)?),
            "profile" => Arc::new(profile::ProfileSink::new(context, place, form)?),
            "command" => Arc::new(command::CommandSink::own(self, context, place, rules)?),
            _ => match recipes::find(scheme) {
                Some(recipe) => Arc::new(command::CommandSink::of_recipe(recipe, self, context, place, rules)?),
                None => {
                    let scheme = quoted(&format!("{scheme}:")).unwrap_or("of this name".into());
                    return Err(unknown(&format!("there is no kind of sink {scheme}")));
                }
            },
        };
        // The journal contains this text, and a later command finds the sink with it. A masked text would name another
        // place.
        if holds_secret(&sink.describe()) {
            return Err(invalid(
                format!("the text of a sink {scheme}: contains an API key, or what looks like one"),
                "name a place whose path, name and command contain no key: the journal stores them",
            ));
        }
        Ok(sink)
    }

    /// Returns the file that the sink replaces, and the variable if the sink replaces only one variable of the file.
    /// Returns `None` for a sink that is not a file.
    fn file(&self, folder: &Path) -> Option<(PathBuf, Option<&str>)> {
        let (scheme, place) = self.sink.split_once(':')?;
        let place = place.strip_suffix(HEADER).unwrap_or(place);
        let (path, variable) = match scheme {
            "file" => (place.into(), None),
            "dotenv" => place.rsplit_once('#').map(|(path, name)| (path.into(), Some(name)))?,
            "profile" => (profile::file(place)?, None),
            _ => return None,
        };
        let path = std::path::absolute(folder.join(path)).ok()?;
        // The path of the folder can contain links. The file itself must not be a link.
        let resolved = path.parent().and_then(|folder| folder.canonicalize().ok()).zip(path.file_name());
        Some((resolved.map_or_else(|| path.clone(), |(folder, name)| folder.join(name)), variable))
    }

    /// Returns the command-line options that name the sink and its commands, with their values.
    pub(crate) fn options(&self) -> Vec<(&'static str, String)> {
        let commands = [("--read-command", &self.read_command), ("--confirm-command", &self.confirm_command)];
        let commands = commands.into_iter().filter_map(|(option, words)| Some((option, words.as_ref()?.text())));
        [("--to", self.sink.clone())].into_iter().chain(commands).collect()
    }

    /// Whether the text of the sink describes the sink completely. If so, a later command can read the sink from the
    /// journal, and the user need not name the sink again.
    pub(crate) fn is_complete(&self) -> bool {
        let scheme = self.sink.split(':').next().unwrap_or_default();
        let can_be_read = scheme != "command" && recipes::find(scheme).is_none_or(|recipe| !recipe.read.is_empty());
        can_be_read && self.read_command.is_none() && self.confirm_command.is_none()
    }

    fn refuse_commands(&self, scheme: &str) -> Result<(), Failure> {
        if self.read_command.is_none() && self.confirm_command.is_none() {
            return Ok(());
        }
        let what = format!("a sink {scheme}: takes no command");
        Err(invalid(what, "leave out --read-command and --confirm-command after it"))
    }
}

impl Words {
    /// Splits this command into words. `option` is the name of the command-line option that contains the command. The
    /// error shows `example`, a valid use of this option.
    fn words(&self, option: &str, example: &str) -> Result<Vec<String>, Failure> {
        let words = match self {
            Self::Text(text) => shlex::split(text),
            Self::List(words) => Some(words.clone()),
        };
        words.filter(|words| words.first().is_some_and(|program| !program.is_empty())).ok_or_else(|| {
            let what = format!("the command of {option} is empty, or a quote in it is not closed");
            invalid(what, format!("write a program and its arguments, such as {example}"))
        })
    }

    /// Returns the command as one text with the quotes of a shell.
    pub(crate) fn text(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::List(words) => shlex::try_join(words.iter().map(String::as_str)).unwrap_or_default(),
        }
    }
}

/// Returns an error if two sinks replace the same file, or the same variable of a file. Otherwise, the second sink
/// would find the key that the rotation has delivered to the first sink.
pub(crate) fn check_distinct(sinks: &[SinkArgument], folder: &Path) -> Result<(), Failure> {
    let files: Vec<_> = sinks.iter().filter_map(|sink| sink.file(folder)).collect();
    for (index, (path, variable)) in files.iter().enumerate() {
        let is_same = |other: &Option<&str>| other == variable || other.is_none() || variable.is_none();
        if files[..index].iter().any(|(other, name)| other == path && is_same(name)) {
            let what = without_secrets(format!("two sinks are the file {}", path.display()));
            return Err(invalid(what, "give each file once, or each variable of a .env file once"));
        }
    }
    Ok(())
}

/// Parses the content of a sink.
fn content(bytes: &[u8]) -> Content {
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Content::Nothing;
    }
    Credential::parse_bytes(bytes).map_or_else(|_| other(bytes), Content::Credential)
}

fn other(bytes: &[u8]) -> Content {
    Content::Other(String::from_utf8_lossy(bytes).into_owned())
}

fn path(context: &SinkContext<'_>, text: &str) -> Result<PathBuf, Failure> {
    let path = std::path::absolute(context.folder.join(text))
        .map_err(|error| invalid(format!("the path of a sink is not valid: {error}"), "name a file"))?;
    // The journal contains the path as text.
    if path.to_str().is_none() {
        return Err(invalid("the path of a sink is not valid UTF-8", "name a file in another folder"));
    }
    Ok(path)
}

/// Returns a short word in quotes. Returns `None` for a long word, because it may be a key that the user entered by
/// mistake.
fn quoted(word: &str) -> Option<String> {
    (word.len() <= 20).then(|| format!("`{word}`"))
}

fn unknown(what: &str) -> Failure {
    invalid(without_secrets(what), format!("give one of {}", forms()))
}

fn invalid(what: impl std::fmt::Display, hint: impl std::fmt::Display) -> Failure {
    Failure::new(ErrorKind::InvalidInput, what, hint)
}
