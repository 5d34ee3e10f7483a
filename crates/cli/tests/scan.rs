//! Tests of `scan`.

use std::fs;
use std::path::Path;
use std::process::Command;

use codat_keys_emulator::Emulator;
use serde_json::Value;

use crate::support::{Ended, against, run, run_with_input};

/// A folder, and an emulator with one key without a name and the key `billing`.
struct Setup {
    emulator: Emulator,
    folder: tempfile::TempDir,
    billing: String,
}

impl Setup {
    fn new() -> Self {
        let (emulator, folder) = (Emulator::start().unwrap(), tempfile::tempdir().unwrap());
        let ended = run(&mut against(&emulator), &["create", "billing", "--reveal", "--json"]);
        let key: Value = serde_json::from_str(&ended.stdout).unwrap();
        Self { emulator, folder, billing: key["key"]["key"].as_str().unwrap().to_owned() }
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    fn command(&self) -> Command {
        let mut command = against(&self.emulator);
        command.current_dir(self.folder.path());
        command
    }

    /// Runs `scan`, and checks that the output contains at most the last four characters of the keys.
    fn scan(&self, arguments: &[&str]) -> Ended {
        let ended = run(self.command().arg("scan"), arguments);
        for key in [self.emulator.api_key(), &self.billing] {
            for part in key.as_bytes().windows(5) {
                let part = std::str::from_utf8(part).unwrap();
                assert!(!ended.stdout.contains(part) && !ended.stderr.contains(part), "{arguments:?}");
            }
        }
        ended
    }

    fn git(&self, arguments: &[&str]) {
        let identity = ["-c", "user.name=a", "-c", "user.email=a@example.com"];
        let status =
            Command::new("git").current_dir(self.folder.path()).args(identity).args(arguments).status().unwrap();
        assert!(status.success(), "{arguments:?}");
    }
}

fn findings(ended: &Ended) -> Vec<Value> {
    ended.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_finding_names_the_place_and_the_key() {
    let setup = Setup::new();
    setup.write("dist/app.js", format!("let a;\nlet key = \"{}\";\n", setup.billing));
    let ended = setup.scan(&[]);
    let end = &setup.billing[setup.billing.len() - 4..];
    assert_eq!(ended.status, 3);
    let place = Path::new(".").join("dist/app.js");
    assert!(ended.stdout.starts_with(&format!("{}:2:12: key billing (", place.display())), "{}", ended.stdout);
    assert!(ended.stdout.ends_with(&format!("), plain text\n    let key = \"…{end}\";\n")), "{}", ended.stdout);
    assert!(ended.stderr.contains("findings: 1; searched: 1 texts"), "{}", ended.stderr);
    assert!(ended.stderr.contains("`codat-keys rotate ID --to SINK`"));
    let journal = run(&mut setup.command(), &["api", "GET", "/_emulator/journal"]).stdout;
    let journal: Value = serde_json::from_str(&journal).unwrap();
    let methods: Vec<_> = journal["requests"].as_array().unwrap().iter().map(|request| &request["method"]).collect();
    assert_eq!(methods, ["GET", "POST", "GET"], "after the creation, a scan only lists the keys");
}

#[test]
fn all_keys_are_found_in_archives_and_as_json() {
    let setup = Setup::new();
    setup.write("a.txt", setup.emulator.api_key());
    let mut archive = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_ustar();
    header.set_size(setup.billing.len() as u64);
    archive.append_data(&mut header, "app/.env", setup.billing.as_bytes()).unwrap();
    setup.write("b.tar", archive.into_inner().unwrap());
    let ended = setup.scan(&["--json", "a.txt", "b.tar"]);
    assert_eq!(ended.status, 3);
    let mut found = findings(&ended);
    found.sort_by_key(|finding| finding["place"].to_string());
    assert_eq!(found[0]["place"], serde_json::json!(["a.txt"]));
    assert_eq!(found[0]["keyName"], Value::Null);
    assert_eq!(found[1]["place"], serde_json::json!(["b.tar", "app/.env"]));
    assert_eq!((&found[1]["keyName"], &found[1]["line"]), (&"billing".into(), &1.into()));
    assert_eq!(found.len(), 2);
}

#[test]
fn standard_input_is_searched() {
    let setup = Setup::new();
    let ended = run_with_input(setup.command().arg("scan"), &["-"], &format!("x={}", setup.billing));
    assert_eq!(ended.status, 3);
    assert!(ended.stdout.starts_with("standard input:1:3: key billing"), "{}", ended.stdout);
}

#[test]
fn a_key_from_standard_input_needs_no_request() {
    let setup = Setup::new();
    setup.write("a", &setup.billing);
    for (key, status) in [(&*setup.billing, 3), ("aMadeUpKeyThatIsNotInTheFile000000000000", 0)] {
        let mut command = crate::support::program();
        let ended = run_with_input(command.current_dir(setup.folder.path()), &["scan", "--key-stdin", "a"], key);
        assert_eq!(ended.status, status, "{ended:?}");
    }
}

#[test]
fn git_repositories_are_searched() {
    let setup = Setup::new();
    setup.git(&["init", "--quiet"]);
    setup.write("deleted", &setup.billing);
    setup.git(&["add", "."]);
    setup.git(&["commit", "--quiet", "-m", "one"]);
    setup.git(&["rm", "--quiet", "deleted"]);
    setup.git(&["commit", "--quiet", "-m", "two"]);
    let ended = setup.scan(&["--git", "--json"]);
    let found = findings(&ended);
    assert_eq!((ended.status, found.len()), (3, 1));
    assert_eq!((&found[0]["object"]["path"], &found[0]["object"]["kind"]), (&"deleted".into(), &"blob".into()));
    assert!(found[0]["object"]["commit"].as_str().unwrap().len() == 40);
    assert_eq!(setup.scan(&["--staged"]).status, 0);
    assert_eq!(setup.scan(&["--since", "HEAD"]).status, 0);
    assert_eq!(setup.scan(&["--since", "HEAD~"]).status, 0);
    setup.write("staged", &setup.billing);
    setup.git(&["add", "."]);
    assert_eq!(setup.scan(&["--staged"]).status, 3);
}

#[test]
fn wrong_input_ends_with_one_error() {
    let setup = Setup::new();
    for (arguments, status, error) in [
        (&["missing"][..], 1, "not read: missing"),
        (&[][..], 1, "the paths contain no bytes to search"),
        (&["--git"][..], 2, "is not in a git repository"),
        (&["-", "--key-stdin"][..], 2, "standard input (the path -) is searched"),
        (&["--git", "--staged"][..], 2, "--git and --staged do not go together"),
    ] {
        let ended = setup.scan(arguments);
        assert_eq!((ended.status, ended.stdout.as_str()), (status, ""), "{arguments:?}");
        assert!(ended.stderr.contains(error), "{arguments:?}: {}", ended.stderr);
    }
}
