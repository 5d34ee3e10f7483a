//! The command `scan`: searches files, archives and git repositories for the keys of the client.

mod report;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use codat_keys::ErrorKind;
use codat_keys_scan::{Error, Event, Key, Place, Scanner, Totals};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use crate::connection::Connection;
use crate::exit_status;
use crate::failure::Failure;
use crate::runtime::unless_interrupted;
use crate::secret_input;
use report::Report;

/// Search files, archives and git repositories for your keys, in every common encoding
///
/// The keys to search for are all keys of the client, which Codat lists. The command sends no other request, and downloads nothing.
/// It also reads hidden files and files that git ignores. It opens gzip, zip, tar, zstd, bzip2 and xz files. Excerpts show a key masked.
///
/// Exits with status 3 if it finds a key, and with status 1 if something could not be read.
#[derive(Args)]
#[command(after_help = "Example: codat-keys scan dist app.tar.gz")]
pub(crate) struct Scan {
    /// The files and folders to search; - is standard input [default: the current folder]
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Search the git repositories of the paths: all objects, also those that no branch leads to, and the names of branches,
    /// tags and files
    #[arg(long)]
    git: bool,
    /// Search only the changes that are staged for the next commit
    #[arg(long, conflicts_with_all = ["git", "since"])]
    staged: bool,
    /// Search only the commits after this revision
    #[arg(long, value_name = "REVISION", conflicts_with = "git")]
    since: Option<String>,
    /// Read the key to search for from standard input, and send no request
    #[arg(long)]
    key_stdin: bool,
    /// Print each finding as a line of JSON:
    /// {"place","object","line","column","start","end","encoding","severity","keyId","keyName","excerpt"}
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    connection: Connection,
}

pub(crate) async fn scan(scan: &Scan) -> Result<ExitCode, Failure> {
    let work = scan.work()?;
    let scanner = Scanner::new(scan.keys().await?).map_err(failure)?;
    let (keys, mut report) = (scanner.keys().to_vec(), Report::new(scan.json, scan.is_of_git()));
    let (events, mut received) = unbounded_channel();
    // The thread is not joined: after a signal, the process ends while the thread still reads.
    let thread = std::thread::spawn(move || work.run(&scanner, &events));
    unless_interrupted(async {
        while let Some(event) = received.recv().await {
            report.add(&keys, event)?;
        }
        Ok::<(), Failure>(())
    })
    .await?;
    let totals =
        thread.join().map_err(|_| Failure::local("the scan failed", "report this defect"))?.map_err(failure)?;
    report.finish(totals)?;
    if report.findings > 0 {
        return Ok(ExitCode::from(exit_status::FINDINGS));
    }
    if report.unread == 0 && totals.bytes == 0 && !scan.staged && scan.since.is_none() {
        return Err(Failure::local("the paths contain no bytes to search", "check the paths"));
    }
    Ok(if report.unread > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

impl Scan {
    fn is_of_git(&self) -> bool {
        self.git || self.staged || self.since.is_some()
    }

    /// Returns what to search.
    fn work(&self) -> Result<Work, Failure> {
        let mut paths = if self.paths.is_empty() { vec![PathBuf::from(".")] } else { self.paths.clone() };
        let is_stdin = paths.iter().any(|path| path.as_os_str() == "-");
        paths.retain(|path| path.as_os_str() != "-");
        if is_stdin && (self.key_stdin || self.is_of_git()) {
            let message = "standard input (the path -) is searched, so that it cannot be combined with --key-stdin, --git, --staged or --since";
            return Err(Failure::new(ErrorKind::InvalidInput, message, "save the input in a file, and name the file"));
        }
        let selection = match (&self.since, self.staged, self.git) {
            (Some(revision), _, _) => Selection::Since(revision.clone()),
            (None, true, _) => Selection::Staged,
            (None, false, true) => Selection::Repositories,
            (None, false, false) => Selection::Files { is_stdin },
        };
        Ok(Work { paths, selection })
    }

    /// Returns the keys to search for.
    async fn keys(&self) -> Result<Vec<Key>, Failure> {
        if self.key_stdin {
            let credential = secret_input::read("Key: ", "codat-keys scan --key-stdin").await?;
            return Ok(vec![Key::new(credential.api_key().expose_secret()).map_err(failure)?]);
        }
        let client = self.connection.client().await?;
        let listed = unless_interrupted(client.keys().list()).await?;
        let key = |key: &codat_keys::ApiKeyDetails| {
            let found = Key::new(key.api_key.expose_secret())?.with_id(key.id.to_string());
            Ok(match &key.name {
                Some(name) => found.with_name(name.redacted()),
                None => found,
            })
        };
        listed.iter().map(key).collect::<Result<_, _>>().map_err(failure)
    }
}

/// What a scan searches.
struct Work {
    paths: Vec<PathBuf>,
    selection: Selection,
}

enum Selection {
    Files { is_stdin: bool },
    Repositories,
    Staged,
    Since(String),
}

impl Work {
    fn run(&self, scanner: &Scanner, events: &UnboundedSender<Event>) -> Result<Totals, Error> {
        // The receiver is closed after a signal, when nothing more is printed.
        let report = |event| drop(events.send(event));
        let mut totals = Totals::default();
        if let Selection::Files { is_stdin } = self.selection {
            if is_stdin {
                totals += scanner.scan_text(&Place::new("standard input"), std::io::stdin().lock(), &report);
            }
            totals += scanner.scan_tree(&self.paths, &report);
            return Ok(totals);
        }
        for path in &self.paths {
            totals += match &self.selection {
                Selection::Staged => scanner.scan_staged(path, &report)?,
                Selection::Since(revision) => scanner.scan_since(path, revision, &report)?,
                _ => scanner.scan_git(path, &report)?,
            };
        }
        Ok(totals)
    }
}

fn failure(error: Error) -> Failure {
    match error {
        Error::InvalidKey(_) | Error::NoKey | Error::TooManyKeys => {
            Failure::new(ErrorKind::InvalidInput, error, "check the keys")
        }
        Error::UnknownRevision(_) | Error::NotARepository(_) => {
            Failure::new(ErrorKind::InvalidInput, error, "give the path of a git repository, and a revision in it")
        }
        _ => Failure::local(error, "check that git can read the repository: `git status`"),
    }
}
