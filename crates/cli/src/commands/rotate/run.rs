//! Runs of a rotation, from the options to the report.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use codat_keys::{ApiKey, Client, Error, ErrorKind, KeyId};
use codat_keys_rotate::{
    MemorySink, Report, Rotation, RotationBuilder, RotationError, RotationErrorKind, Run, Sink, State, Status,
};
use serde::Serialize;
use serde_json::json;

use super::journal::{self, Journal, absolute};
use super::options::{Common, FileOptions, Replacement, Start, grace, invalid};
use super::report;
use crate::connection::KeyOptions;
use crate::exit_status;
use crate::failure::Failure;
use crate::json::json_text;
use crate::key_reference::find;
use crate::output::{Printer, print_json, print_lines};
use crate::redact::without_secrets;
use crate::runtime::unless_interrupted;
use crate::signals::{begin_change, end_change, interrupted};
use crate::sinks::{SinkArgument, SinkContext, check_distinct, forms};
use crate::stderr::eprint_line;

/// The placeholder for the API key in commands that only read the journal. Messages mask this text, so the text must
/// not occur in a name or a path.
const NO_KEY: &str = "+/+/the-journal-is-read-without-a-key/+/+";

/// How a command continues the rotation in the journal.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Goal {
    Finish,
    Resume,
    Abort,
}

/// The options of a run, from the command line and from the file that `--from` names.
struct Setup<'a> {
    common: &'a Common,
    file: FileOptions,
    sinks: Vec<SinkArgument>,
    /// The folder to which the paths of the sinks are relative.
    sink_folder: PathBuf,
    journal: Journal,
    journal_name: String,
    /// Prints the events as JSON. `None` without `--json`.
    printer: Option<Printer>,
}

pub(super) async fn start(options: &Start) -> Result<ExitCode, Failure> {
    let setup = Setup::new(&options.replacement.common)?;
    setup.require_sinks()?;
    if !options.dry_run {
        setup.create_journal()?;
    }
    let client = setup.client().await?;
    let overwrite = options.overwrite || setup.file.overwrite;
    let mut builder = setup.replacement(&options.replacement, &client, !overwrite).await?.overwrite(overwrite);
    for id in Some(&options.delete_first).filter(|ids| !ids.is_empty()).unwrap_or(&setup.file.delete_first) {
        builder = builder.delete_first(KeyId::parse(id).map_err(|error| {
            Failure::new(error.kind(), error, "give an id to --delete-first, as `codat-keys list` shows it")
        })?);
    }
    let rotation = setup.build(builder)?;
    if options.dry_run {
        let plan = unless_interrupted(async { rotation.plan().await.map_err(|error| setup.failure(&error)) }).await?;
        return match setup.common.json {
            true => print_json(&json!({ "plan": plan })),
            false => print_lines(&report::plan_lines(&plan)),
        }
        .map(|()| ExitCode::SUCCESS);
    }
    setup.run(rotation.start()).await
}

pub(super) async fn recover(options: &Replacement) -> Result<ExitCode, Failure> {
    let setup = Setup::new(&options.common)?;
    setup.require_sinks()?;
    setup.create_journal()?;
    let client = setup.client().await?;
    let rotation = setup.build(setup.replacement(options, &client, true).await?)?;
    setup.run(rotation.recover()).await
}

pub(super) async fn resume(options: &Common, goal: Goal) -> Result<ExitCode, Failure> {
    let mut setup = Setup::new(options)?;
    if setup.sinks.is_empty() {
        setup.sinks = setup.sinks_of_journal().await?;
    }
    let client = setup.client().await?;
    let rotation = setup.build(setup.builder(&client, false)?)?;
    setup
        .run(match goal {
            Goal::Finish => rotation.finish(),
            Goal::Resume => rotation.resume(),
            Goal::Abort => rotation.abort(),
        })
        .await
}

pub(super) async fn status(options: &Common) -> Result<ExitCode, Failure> {
    let setup = Setup::new(options)?;
    let status = setup.status().await?;
    if options.json {
        print_json(&json!({ "status": status }))?;
        return Ok(ExitCode::SUCCESS);
    }
    let lines = match &status {
        None => vec![without_secrets(format!("no rotation is in the journal `{}`", setup.journal_name))],
        Some(status) => {
            let mut lines = report::status_lines(status);
            lines.extend(report::next(&status.report).map(|verb| setup.go_on(verb)));
            lines
        }
    };
    print_lines(&lines)?;
    Ok(ExitCode::SUCCESS)
}

impl<'a> Setup<'a> {
    fn new(common: &'a Common) -> Result<Self, Failure> {
        let file = common.file()?;
        let (sinks, folder) = common.sinks(&file)?;
        let sink_folder = absolute(folder)?;
        let place = common.journal.as_deref().or(file.journal.as_deref()).map(absolute).transpose()?;
        let profile = common.connection.key.profile.as_deref().or(file.profile.as_deref());
        let lock = common.lock.as_deref().or(file.lock.as_deref());
        let journal_name = journal::name(lock, profile)?;
        let journal = Journal::open(place.as_deref(), &journal_name, &common.connection)?;
        let printer = common.json.then(Printer::start);
        Ok(Self { common, sinks, sink_folder, journal, journal_name, printer, file })
    }

    /// Returns an error if no sink was given.
    fn require_sinks(&self) -> Result<(), Failure> {
        if self.sinks.is_empty() {
            let hint = format!("say where your programs read their key: --to SINK, with one of {}", forms());
            return Err(invalid("no sink was given", hint));
        }
        Ok(())
    }

    /// Creates the folder of the journal. Call this function before running a command that prints a key, and before
    /// sending a request. Otherwise, another user could create the folder in the meantime.
    fn create_journal(&self) -> Result<(), Failure> {
        self.journal.prepare(&self.journal_name)
    }

    async fn client(&self) -> Result<Client, Failure> {
        let connection = &self.common.connection;
        match (&connection.key.profile, &self.file.profile) {
            (None, Some(profile)) => {
                let options = KeyOptions::of_profile(profile, connection.key.base_url.as_deref());
                options.client_of(connection.builder()).await
            }
            _ => connection.client().await,
        }
    }

    /// Returns a builder for a new rotation, or for the recovery of a rotation whose journal was lost.
    async fn replacement(
        &self,
        options: &Replacement,
        client: &Client,
        is_strict: bool,
    ) -> Result<RotationBuilder, Failure> {
        let mut builder = self.builder(client, is_strict)?;
        if let Some(time) = &options.grace {
            builder = builder.grace(grace(time)?);
        }
        if let Some(name) = options.name.as_ref().or(self.file.name.as_ref()) {
            builder = builder.name(name);
        }
        if let Some(key) = options.key.as_ref().or(self.file.key.as_ref()) {
            let keys = unless_interrupted(client.keys().list()).await?;
            builder = builder.key(find(&keys, key)?.id.clone());
        }
        Ok(builder)
    }

    /// Returns a builder with the sinks, the journal and the event handler of this run. See [`SinkContext::is_strict`]
    /// for `is_strict`.
    fn builder(&self, client: &Client, is_strict: bool) -> Result<RotationBuilder, Failure> {
        let keyring_timeout = self.common.connection.key.keyring_timeout();
        let context =
            SinkContext { folder: &self.sink_folder, base_url: client.base_url(), keyring_timeout, is_strict };
        check_distinct(&self.sinks, &self.sink_folder)?;
        let sinks: Vec<Arc<dyn Sink>> = self.sinks.iter().map(|sink| sink.open(&context)).collect::<Result<_, _>>()?;
        let builder = self.journal.set(Rotation::builder(client)).journal_name(&self.journal_name);
        let print = self.printer.as_ref().map(Printer::print);
        let mut builder = builder.on_event(move |event| match &print {
            Some(print) => print(json_line(&event)),
            None => report::event_text(&event).iter().for_each(|text| eprint_line(text)),
        });
        if let Some(time) = &self.file.grace {
            builder = builder.grace(grace(time)?);
        }
        Ok(sinks.into_iter().fold(builder, RotationBuilder::shared_sink))
    }

    fn build(&self, builder: RotationBuilder) -> Result<Rotation, Failure> {
        builder.build().map_err(|error| self.failure(&error))
    }

    /// Runs the rotation. The first signal cancels the rotation at a point from which the rotation can be resumed.
    async fn run(&self, run: Run) -> Result<ExitCode, Failure> {
        begin_change();
        let ended = run.cancel_on(interrupted()).await;
        let report = ended.as_ref().map_or_else(RotationError::report, Some);
        end_change(report.map(|report| self.lines(report, ended.is_ok()).join("; ")).unwrap_or_default());
        let printed = match (&self.printer, report) {
            (Some(printer), report) => {
                report.into_iter().for_each(|report| printer.print()(json_line(&json!({ "report": report }))));
                printer.finish()
            }
            (None, Some(report)) if ended.is_ok() => print_lines(&self.lines(report, true)),
            (None, _) => Ok(()),
        };
        match &ended {
            Ok(_) => printed.map(|()| ExitCode::SUCCESS),
            Err(error) => Err(self.failure(error)),
        }
    }

    /// Returns the lines about a run: the state of the rotation, what the rotation did, and the next command. See
    /// [`report::facts`] for `is_checked`.
    fn lines(&self, report: &Report, is_checked: bool) -> Vec<String> {
        let mut lines = vec![report::headline(report).to_owned()];
        lines.extend(report::facts(report, is_checked));
        lines.extend(report::next(report).map(|verb| self.go_on(verb)));
        lines
    }

    /// Converts the error of a rotation to a failure of this command. The notes of the failure say what the rotation
    /// did. If the rotation can be continued, the hint of the failure contains the command that continues it.
    fn failure(&self, error: &RotationError) -> Failure {
        let source = std::error::Error::source(error).and_then(|source| source.downcast_ref::<Error>());
        let has_deleted = error.report().is_some_and(|report| !report.deleted.is_empty());
        let changed = if has_deleted { "no key was created" } else { "nothing was changed" };
        let hint = match error.kind() {
            RotationErrorKind::KeyLimitReached => format!("delete an unused key, or add --delete-first ID; {changed}"),
            RotationErrorKind::SinkOccupied => {
                format!("check the sink; to replace its content, add --overwrite; {changed}")
            }
            // An error of this kind has a report only if `recover` did not find the keys of the rotation.
            RotationErrorKind::NothingToResume if error.report().is_some() => {
                "run `codat-keys list`, then `codat-keys rotate recover ID --name NAME` with the same sinks: the id of \
                 the old key, and the name of the new key without its tag"
                    .to_owned()
            }
            RotationErrorKind::NothingToResume => {
                "start one: codat-keys rotate --to SINK; `codat-keys rotate recover` rebuilds a lost journal".to_owned()
            }
            RotationErrorKind::ForeignJournal => {
                format!("{}; to use another journal, add --lock NAME", error.hint())
            }
            _ => error.hint().to_owned(),
        };
        let hint = error.report().and_then(|report| self.hint_after(error, report)).unwrap_or(hint);
        let status = match error.report() {
            Some(report) if error.kind() == RotationErrorKind::Cancelled && report::is_outcome_unknown(report) => {
                exit_status::of(ErrorKind::OutcomeUnknown)
            }
            _ => status_of(error.kind(), source),
        };
        let failure = Failure::of_rotation(error.kind().code(), status, error, hint);
        let facts = error.report().map_or_else(Vec::new, |report| report::facts(report, false));
        facts.into_iter().fold(failure, Failure::with_note)
    }

    /// Returns the hint after an error: the command that continues the rotation. Returns `None` if the rotation has
    /// ended.
    fn hint_after(&self, error: &RotationError, report: &Report) -> Option<String> {
        let next = report::next(report);
        match error.kind() {
            // The journal does not contain the last step.
            RotationErrorKind::Journal => Some(format!(
                "make the journal readable and writable, and {}; if the journal is lost, {}",
                self.go_on(next.unwrap_or("resume")),
                self.command(&["recover", &report.old_key], true),
            )),
            RotationErrorKind::Busy => {
                Some(format!("wait until the other process has ended, and {}", self.go_on(next.unwrap_or("status"))))
            }
            _ => next.map(|verb| self.go_on(verb)),
        }
    }

    /// Returns the command line that continues the rotation, with all required options. Keys in the command line are
    /// masked.
    fn go_on(&self, verb: &str) -> String {
        self.command(&[verb], !self.sinks.iter().all(SinkArgument::is_complete))
    }

    fn command(&self, arguments: &[&str], with_sinks: bool) -> String {
        let words = ["codat-keys", "rotate"].iter().chain(arguments);
        let mut words: Vec<String> = words.map(|word| (*word).to_owned()).collect();
        let mut add = |option: &str, value: &str| words.extend([option.to_owned(), value.to_owned()]);
        if let Some(from) = &self.common.from {
            add("--from", &from.display().to_string());
        }
        if let Some(journal) = &self.common.journal {
            add("--journal", &journal.display().to_string());
        }
        if let Some(lock) = &self.common.lock {
            add("--lock", lock);
        }
        self.common.connection.arguments().iter().for_each(|(option, value)| add(option, value));
        if self.common.from.is_none() && with_sinks {
            for sink in &self.sinks {
                sink.options().iter().for_each(|(option, value)| add(option, value));
            }
        }
        let words = shlex::try_join(words.iter().map(String::as_str)).unwrap_or_default();
        without_secrets(format!("go on with: {words}"))
    }

    /// Returns the sinks of the rotation in the journal.
    async fn sinks_of_journal(&self) -> Result<Vec<SinkArgument>, Failure> {
        let Some(status) = self.status().await? else { return Err(self.nothing_to_resume()) };
        if status.report.state.is_final() || status.report.state == State::Preflight {
            return Err(self.nothing_to_resume());
        }
        let sinks = status.report.sinks.iter();
        let sinks: Vec<_> =
            sinks.map(|sink| SinkArgument { sink: sink.sink.clone(), ..SinkArgument::default() }).collect();
        match sinks.iter().find(|sink| !sink.is_complete()) {
            None => Ok(sinks),
            Some(sink) => Err(invalid(
                format!("the journal does not contain the commands of the sink {}", sink.sink),
                "name all sinks again, with their commands: --to SINK --read-command COMMAND",
            )),
        }
    }

    fn nothing_to_resume(&self) -> Failure {
        let what = format!("no unfinished rotation is in the journal `{}`", self.journal_name);
        let hint = "`codat-keys rotate status` shows the latest one; `rotate recover` rebuilds a lost journal";
        let kind = RotationErrorKind::NothingToResume;
        Failure::of_rotation(kind.code(), status_of(kind, None), what, hint)
    }

    /// Returns the latest rotation in the journal. Uses a placeholder key and a placeholder sink, because
    /// [`Rotation::status`] needs neither a key nor a sink.
    async fn status(&self) -> Result<Option<Status>, Failure> {
        let client = Client::builder().base_url("http://127.0.0.1").api_key(ApiKey::parse(NO_KEY)?).build()?;
        let rotation = self.journal.set(Rotation::builder(&client)).journal_name(&self.journal_name);
        let rotation = self.build(rotation.sink(MemorySink::new("placeholder", None)))?;
        rotation.status().await.map_err(|error| self.failure(&error))
    }
}

fn json_line(document: &impl Serialize) -> String {
    json_text(document, false) + "\n"
}

/// Returns the exit status of a failed rotation. `source` is the error of the API request that caused the failure.
fn status_of(kind: RotationErrorKind, source: Option<&Error>) -> u8 {
    match kind {
        RotationErrorKind::Api => source.map_or(1, |source| exit_status::of(source.kind())),
        RotationErrorKind::InvalidInput | RotationErrorKind::SinkOccupied | RotationErrorKind::ForeignJournal => {
            exit_status::of(ErrorKind::InvalidInput)
        }
        RotationErrorKind::KeyLimitReached => exit_status::of(ErrorKind::KeyLimitReached),
        RotationErrorKind::NothingToResume => exit_status::of(ErrorKind::NotFound),
        RotationErrorKind::Busy => exit_status::of(ErrorKind::Conflict),
        RotationErrorKind::InProgress | RotationErrorKind::Unfinished => exit_status::UNFINISHED,
        RotationErrorKind::Cancelled => crate::signals::status(),
        _ => 1,
    }
}
