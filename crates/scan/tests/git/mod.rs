//! Tests of scans of git repositories. Each test makes its repository with the program `git`.

mod hostile;
mod kinds;
mod places;
mod selection;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

use codat_keys_scan::{Error, Event, Finding, GitObject, Key, Place, Scanner, Totals};

/// A made-up key.
const KEY: &str = "zTok3nMadeUpForTheTestsOfGitRepositories";

fn scanner() -> Scanner {
    Scanner::new([Key::new(KEY).expect("a key")]).expect("a scanner")
}

/// A folder with a repository, which is deleted at the end.
struct Repository {
    folder: tempfile::TempDir,
    path: PathBuf,
}

/// What a scan reports.
#[derive(Debug, Default)]
struct Report {
    findings: Vec<(Place, Finding)>,
    unread: Vec<String>,
    totals: Totals,
}

impl Repository {
    /// Makes a repository with one commit, which contains no key.
    fn new() -> Self {
        let repository = Self::empty(&[]);
        repository.commit("README", "A project.\n", "Add README");
        repository
    }

    fn empty(options: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("project");
        git(folder.path(), &[&["init", "--quiet", "--initial-branch=main", "project"], options].concat());
        Self { folder, path }
    }

    fn git(&self, arguments: &[&str]) -> String {
        git(&self.path, arguments)
    }

    fn write(&self, path: &str, text: impl AsRef<[u8]>) {
        let path = self.path.join(path);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("folders are made");
        std::fs::write(path, text).expect("a file is written");
    }

    fn stage(&self, path: &str, text: impl AsRef<[u8]>) {
        self.write(path, text);
        self.git(&["add", "--force", "--", path]);
    }

    /// Returns the id of the commit.
    fn commit(&self, path: &str, text: impl AsRef<[u8]>, message: &str) -> String {
        self.stage(path, text);
        self.git(&["commit", "--quiet", "-m", message]);
        self.git(&["rev-parse", "HEAD"])
    }

    fn scan(&self) -> Report {
        scan(&self.path)
    }
}

fn scan(path: &Path) -> Report {
    report(|report| scanner().scan_git(path, report)).expect("the repository is scanned")
}

fn report(run: impl FnOnce(&(dyn Fn(Event) + Sync)) -> Result<Totals, Error>) -> Result<Report, Error> {
    let report = Mutex::new(Report::default());
    let totals = run(&|event| {
        let mut report = report.lock().expect("no panic");
        match event {
            Event::Finding(place, finding) => report.findings.push((place, finding)),
            Event::Unread(place, reason) => report.unread.push(format!("{place}: {reason}")),
            _ => panic!("an unknown event"),
        }
    })?;
    let report = report.into_inner().expect("no panic");
    assert!(!format!("{report:?}").contains(KEY), "the report shows the key");
    Ok(Report { totals, ..report })
}

impl Report {
    /// Returns the objects with a finding. Nothing is unread.
    fn objects(&self) -> Vec<&GitObject> {
        assert_eq!(self.unread, [""; 0]);
        self.findings.iter().filter_map(|(place, _)| place.object.as_ref()).collect()
    }

    /// Returns the only object with a finding.
    fn object(&self) -> &GitObject {
        let objects = self.objects();
        assert_eq!(objects.len(), 1, "{objects:?}");
        objects[0]
    }

    /// Returns the files of the repository with a finding in them or in their name, without the path of the repository.
    fn files(&self) -> Vec<String> {
        let files = self.findings.iter().filter(|(place, _)| place.object.is_none());
        files.map(|(place, _)| place.to_string().rsplit_once(".git/").expect("a file of git").1.to_owned()).collect()
    }
}

fn git(folder: &Path, arguments: &[&str]) -> String {
    let output = Command::new("git")
        .args(["-c", "user.name=A", "-c", "user.email=a@example.com", "-c", "protocol.file.allow=always"])
        .args(arguments)
        .current_dir(folder)
        .envs([("GIT_CONFIG_GLOBAL", "/dev/null"), ("GIT_CONFIG_NOSYSTEM", "1")])
        .output()
        .expect("git runs");
    assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}
