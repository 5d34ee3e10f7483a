//! The sink `command:COMMAND`, and the sinks of [`recipes`](super::recipes).

use std::path::{MAIN_SEPARATOR, PathBuf};
use std::time::Duration;

use codat_keys::ApiKey;
use codat_keys_rotate::{Content, Sink, SinkError, SinkFuture, Verification};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::program::{exists, run};
use super::recipes::{Input, Recipe, STDIN};
use super::{Rules, SinkArgument, SinkContext, Words, invalid, path};
use crate::failure::Failure;

/// The maximum duration of a command. Some tools need many seconds.
const TIMEOUT: Duration = Duration::from_secs(60);

/// The name of the option that contains the command for reading a sink, and an example of its use.
const READ: (&str, &str) = ("--read-command", "--read-command 'cat key.txt'");
const CONFIRM: (&str, &str) = ("--confirm-command", "--confirm-command 'cmp key.txt -'");

pub(super) struct CommandSink {
    description: String,
    /// The folder in which the commands run.
    folder: PathBuf,
    rules: Rules,
    write: Vec<String>,
    input: WrittenInput,
    read: Option<Vec<String>>,
    empty: &'static [&'static str],
    confirm: Option<Vec<String>>,
}

/// What a command gets on its standard input.
enum WrittenInput {
    Value,
    SecretPatch { key: String },
    Item { get: Vec<String>, field: String },
}

impl CommandSink {
    /// Creates the sink `command:COMMAND` from the command of the user.
    pub(super) fn own(
        argument: &SinkArgument,
        context: &SinkContext<'_>,
        place: &str,
        rules: Rules,
    ) -> Result<Self, Failure> {
        let write = Words::Text(place.to_owned());
        let folder = path(context, ".")?;
        let sink = Self {
            // A command can name files of the folder in which it runs, so the folder is a part of the sink.
            description: format!("{} in {}", argument.sink, folder.display()),
            folder,
            rules,
            write: program(context, write.words("--to command:", "--to 'command:tee key.txt'")?)?,
            input: WrittenInput::Value,
            read: option(READ, argument.read_command.as_ref(), context)?,
            empty: &[],
            confirm: option(CONFIRM, argument.confirm_command.as_ref(), context)?,
        };
        sink.check_verification("one of these after it: --read-command COMMAND, which prints the current key; or")
    }

    /// Creates the sink of a recipe.
    pub(super) fn of_recipe(
        recipe: &Recipe,
        argument: &SinkArgument,
        context: &SinkContext<'_>,
        place: &str,
        rules: Rules,
    ) -> Result<Self, Failure> {
        let shape = format!("{}:{}", recipe.scheme, recipe.form);
        let parts = recipe.parse(place).ok_or_else(|| {
            let what = format!("the sink {} does not have the form {shape}", argument.sink);
            let hint = "give each part; no part may begin with a dash, or contain a double quote, a backslash, a \
                        backtick or a brace";
            invalid(what, hint)
        })?;
        if argument.read_command.is_some() {
            return Err(invalid(format!("a sink {}: takes no --read-command", recipe.scheme), "leave it out"));
        }
        if cfg!(windows) && recipe.write.iter().any(|word| word.contains(STDIN)) {
            let what = format!("a sink {}: needs the file {STDIN}, which Windows does not have", recipe.scheme);
            return Err(invalid(what, "write a command of your own: command:COMMAND"));
        }
        let input = match recipe.input {
            Input::Value => WrittenInput::Value,
            Input::SecretPatch(key) => WrittenInput::SecretPatch { key: parts.get(key).to_owned() },
            Input::Item(get, field) => WrittenInput::Item { get: parts.fill(get), field: parts.get(field).to_owned() },
        };
        let sink = Self {
            description: argument.sink.clone(),
            folder: path(context, ".")?,
            rules,
            write: program(context, parts.fill(recipe.write))?,
            input,
            read: (!recipe.read.is_empty()).then(|| parts.fill(recipe.read)),
            empty: recipe.empty,
            confirm: option(CONFIRM, argument.confirm_command.as_ref(), context)?,
        };
        sink.check_verification("this after it:")
    }

    /// Returns an error unless the sink has exactly one way to verify a delivered key: reading the sink, or
    /// `--confirm-command`. If the sink has neither, the hint of the error suggests `--confirm-command`. `options` is
    /// the text before `--confirm-command` in this hint.
    fn check_verification(self, options: &str) -> Result<Self, Failure> {
        if self.read.is_some() && self.confirm.is_some() {
            let what = format!("{} can be read back", self.description);
            return Err(invalid(what, "leave out --confirm-command after it"));
        }
        if self.verification() != Verification::Unavailable {
            return Ok(self);
        }
        let hint = format!(
            "add {options} --confirm-command COMMAND, which gets the key on standard input and ends with status 0 if \
             your programs have it, or with 1 if not yet"
        );
        Err(invalid(format!("{} cannot be read back", self.description), hint))
    }

    async fn read_now(&self) -> Result<Content, SinkError> {
        let Some(read) = &self.read else { return Err(SinkError::permanent("it cannot be read")) };
        let ended = run(&self.folder, read, b"", None).await?;
        match ended.is_success() {
            true => self.rules.content(&ended.output),
            false if ended.has_said(self.empty) => Ok(Content::Nothing),
            false => Err(ended.error()),
        }
    }

    async fn write_now(&self, key: &ApiKey) -> Result<(), SinkError> {
        let value = self.rules.form.text(key);
        let input = match &self.input {
            WrittenInput::Value => value,
            WrittenInput::SecretPatch { key } => json_text(&json!({ "stringData": { key: value.as_str() } })),
            WrittenInput::Item { get, field } => {
                let item = run(&self.folder, get, b"", Some(key)).await?;
                if !item.is_success() {
                    return Err(item.error());
                }
                json_text(&with_field(&item.output, field, &value)?)
            }
        };
        let ended = run(&self.folder, &self.write, input.as_bytes(), Some(key)).await?;
        if ended.is_success() { Ok(()) } else { Err(ended.error()) }
    }

    async fn confirm_now(&self, key: &ApiKey) -> Result<bool, SinkError> {
        let Some(confirm) = &self.confirm else { return Ok(false) };
        let ended = run(&self.folder, confirm, self.rules.form.text(key).as_bytes(), Some(key)).await?;
        if ended.is_success() || ended.is_no() { Ok(ended.is_success()) } else { Err(ended.error()) }
    }
}

impl Sink for CommandSink {
    fn describe(&self) -> String {
        self.description.clone()
    }

    fn read(&self) -> SinkFuture<'_, Content> {
        Box::pin(self.read_now())
    }

    fn write<'a>(&'a self, key: &'a ApiKey) -> SinkFuture<'a, ()> {
        Box::pin(self.write_now(key))
    }

    fn verification(&self) -> Verification {
        match (&self.read, &self.confirm) {
            (Some(_), _) => Verification::ReadBack,
            (None, Some(_)) => Verification::Confirm,
            (None, None) => Verification::Unavailable,
        }
    }

    fn confirm<'a>(&'a self, key: &'a ApiKey) -> SinkFuture<'a, bool> {
        Box::pin(self.confirm_now(key))
    }

    fn timeout(&self) -> Duration {
        TIMEOUT
    }
}

/// Returns the command in an option, split into words. Returns `None` if the option is not given.
fn option(
    (name, example): (&str, &str),
    words: Option<&Words>,
    context: &SinkContext<'_>,
) -> Result<Option<Vec<String>>, Failure> {
    words.map(|words| program(context, words.words(name, example)?)).transpose()
}

/// Returns the command line, or an error if its program does not exist. A program name that contains a slash is a path
/// relative to `context.folder`.
fn program(context: &SinkContext<'_>, mut words: Vec<String>) -> Result<Vec<String>, Failure> {
    if words[0].contains(MAIN_SEPARATOR) {
        words[0] = context.folder.join(&words[0]).display().to_string();
    }
    if !exists(&words[0]) {
        let what = format!("{} cannot be run: there is no such program", words[0]);
        return Err(Failure::local(what, "install it, or check its name and PATH; nothing was changed"));
    }
    Ok(words)
}

/// Parses a 1Password item, sets its field `field` to `value`, and returns the changed item.
fn with_field(item: &[u8], field: &str, value: &str) -> Result<Value, SinkError> {
    // The error of serde could quote a value.
    let mut item: Value = serde_json::from_slice(item)
        .map_err(|_| SinkError::permanent("the output of `op item get` is not valid JSON"))?;
    let fields = item["fields"].as_array_mut();
    let found = fields.into_iter().flatten().find(|own| own["label"] == field || own["id"] == field);
    let Some(found) = found else {
        return Err(SinkError::permanent(format!("the item has no field {field}: add the field in 1Password")));
    };
    found["value"] = value.into();
    Ok(item)
}

fn json_text(value: &Value) -> Zeroizing<String> {
    Zeroizing::new(value.to_string())
}
