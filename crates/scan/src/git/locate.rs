//! Finds the path and the oldest commit of objects.

use std::collections::{HashMap, HashSet};
use std::io::{self, BufRead as _, Write as _};
use std::process::{ChildStdin, Stdio};

use super::command::Process;
use super::repository::Repository;

/// Where an object is in the history.
#[derive(Clone, Debug, Default)]
pub(super) struct Location {
    /// The path in the oldest commit, or the name of a tag.
    pub(super) path: Option<Vec<u8>>,
    pub(super) commit: Option<String>,
    pub(super) is_unreachable: bool,
    /// The position in the history.
    pub(super) order: usize,
}

/// Finds the objects with these ids. An object that no commit holds is unreachable. If git cannot read the history,
/// objects have no location.
pub(super) fn locate(repository: &Repository, ids: HashSet<String>) -> HashMap<String, Location> {
    let mut search = Search { wanted: ids, found: HashMap::new(), is_unreachable: false };
    let is_complete = search.run(repository, Tips::Refs).and_then(|()| search.run(repository, Tips::Index)).is_ok();
    if is_complete && !search.wanted.is_empty() {
        search.is_unreachable = true;
        let _ = search.run(repository, Tips::AllCommits);
        let unreachable = Location { is_unreachable: true, ..Location::default() };
        search.found.extend(search.wanted.drain().map(|id| (id, unreachable.clone())));
    }
    search.found
}

/// The objects from which a search starts.
enum Tips {
    /// Those of all refs and reflogs.
    Refs,
    /// Those of the indexes.
    Index,
    /// All commits of the repository, also those that were amended or deleted.
    AllCommits,
}

struct Search {
    wanted: HashSet<String>,
    found: HashMap<String, Location>,
    is_unreachable: bool,
}

impl Search {
    /// Runs `git rev-list`, which writes each object after the oldest commit that holds it.
    fn run(&mut self, repository: &Repository, tips: Tips) -> io::Result<()> {
        let mut command = repository.git();
        command.args([
            "rev-list",
            "--objects",
            "--in-commit-order",
            "--date-order",
            "--reverse",
            "--missing=allow-any",
        ]);
        match tips {
            Tips::Refs => command.args(["--all", "--reflog", "--"]),
            Tips::Index => command.args(["--indexed-objects", "--"]),
            Tips::AllCommits => command.arg("--stdin").stdin(Stdio::piped()),
        };
        let mut process = Process::spawn(&mut command).map_err(io::Error::other)?;
        if let Some(input) = process.take_stdin() {
            write_commits(repository, input)?;
        }
        self.read(&mut process)?;
        if self.wanted.is_empty() {
            return Ok(());
        }
        process.finish().map_err(|_| io::ErrorKind::Other.into())
    }

    fn read(&mut self, process: &mut Process) -> io::Result<()> {
        let (mut line, mut holder) = (Vec::new(), Holder::default());
        for order in 0.. {
            line.clear();
            if self.wanted.is_empty() || process.stdout()?.read_until(b'\n', &mut line)? == 0 {
                break;
            }
            let text = line.strip_suffix(b"\n").unwrap_or(&line);
            // Only commits have no path, not even an empty one.
            let space = memchr::memchr(b' ', text);
            let id = String::from_utf8_lossy(&text[..space.unwrap_or(text.len())]);
            let path = space.map(|space| &text[space + 1..]);
            let commit = holder.commit_of(&id, path);
            if self.wanted.remove(&*id) {
                let (path, is_unreachable) = (path.map(<[u8]>::to_vec), self.is_unreachable);
                self.found.insert(id.into_owned(), Location { path, commit: commit.cloned(), is_unreachable, order });
            }
        }
        Ok(())
    }
}

/// The commit to which a list of objects has come. Objects follow the commit and the root of its tree. Between the first
/// commit and its root, there are the objects to which refs lead directly, such as tags.
#[derive(Default)]
struct Holder {
    commit: Option<String>,
    is_in_tree: bool,
}

impl Holder {
    /// Returns the commit that holds the next object of the list.
    fn commit_of(&mut self, id: &str, path: Option<&[u8]>) -> Option<&String> {
        if path.is_none() {
            self.commit = Some(id.to_owned());
        }
        self.is_in_tree = path.is_some_and(|path| path.is_empty() || self.is_in_tree);
        self.commit.as_ref().filter(|_| path.is_none() || self.is_in_tree)
    }
}

/// Passes the ids of all commits to the standard input of a process.
fn write_commits(repository: &Repository, input: ChildStdin) -> io::Result<()> {
    let mut command = repository.git();
    command.args(["cat-file", "--batch-all-objects", "--batch-check=%(objecttype) %(objectname)", "--unordered"]);
    let mut list = Process::spawn(&mut command).map_err(io::Error::other)?;
    let mut input = io::BufWriter::new(input);
    let mut line = Vec::new();
    while list.stdout()?.read_until(b'\n', &mut line)? > 0 {
        if let Some(id) = line.strip_prefix(b"commit ") {
            input.write_all(id)?;
        }
        line.clear();
    }
    input.flush()
}
