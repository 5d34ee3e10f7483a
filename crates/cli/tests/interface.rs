//! `tests/interface/names.json` lists the public names of the Rust crates and of the command line.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::support::{program, run};

const CRATES: [(&str, &str); 2] = [("core", ""), ("emulator", "emulator::")];

#[test]
fn every_public_item_of_the_rust_crates_is_listed() {
    let mut public = BTreeSet::new();
    for (folder, prefix) in CRATES {
        let list = read(&format!("crates/{folder}/public-api.txt"));
        public.extend(items(&list).into_iter().map(|item| format!("{prefix}{item}")));
    }
    assert!(public.len() > 200, "{public:?}");
    assert_eq!(listed("rust"), public);
}

/// The table lists an option of one command with its command, as `api --param`, and an option of several commands
/// alone, as `--profile`.
#[test]
fn every_command_and_option_is_listed() {
    let mut public = BTreeSet::new();
    commands(&mut Vec::new(), &mut public);
    assert!(public.len() > 100, "{public:?}");
    let listed = listed("cli");
    let option = |name: &str| name.split(' ').next_back().unwrap().to_owned();
    let unlisted: Vec<_> =
        public.iter().filter(|name| !listed.contains(*name) && !listed.contains(&option(name))).collect();
    assert!(unlisted.is_empty(), "not in tests/interface/names.json: {unlisted:?}");
    let gone: Vec<_> =
        listed.iter().filter(|name| !public.contains(*name) && !public.iter().any(|of| option(of) == **name)).collect();
    assert!(gone.is_empty(), "only in tests/interface/names.json: {gone:?}");
}

/// A capability that a library lacks has a reason.
#[test]
fn a_missing_capability_has_a_reason() {
    for row in rows() {
        let is_complete = ["rust", "python", "node"].iter().all(|interface| row[interface].is_array());
        assert_eq!(row["why"].is_string(), !is_complete, "{row}");
    }
}

fn rows() -> Vec<Value> {
    serde_json::from_str(&read("tests/interface/names.json")).unwrap()
}

fn listed(interface: &str) -> BTreeSet<String> {
    let rows = rows();
    let names = rows.iter().filter_map(|row| row[interface].as_array()).flatten();
    names.map(|name| name.as_str().unwrap().to_owned()).collect()
}

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)).unwrap()
}

/// Returns the items of a `public-api.txt` without those of trait implementations. The blocking client has the items of
/// the async client.
fn items(list: &str) -> BTreeSet<String> {
    let mut items = BTreeSet::new();
    let mut in_trait_impl = false;
    for line in list.lines().map(|line| line.trim_start_matches("#[non_exhaustive] ")) {
        if line.starts_with("impl") {
            in_trait_impl = line.contains(" for ");
        }
        let Some(item) = line.strip_prefix("pub ").filter(|item| !item.starts_with("mod ")).and_then(path) else {
            continue;
        };
        let parent = item.rsplit_once("::").map(|(parent, _)| parent.rsplit("::").next().unwrap());
        let is_member = parent.is_some_and(|parent| parent.starts_with(char::is_uppercase));
        in_trait_impl &= is_member;
        if !in_trait_impl {
            items.insert(if is_member { item.replacen("blocking::", "", 1) } else { item });
        }
    }
    items
}

/// Returns the path of an item without the crate, its generic arguments, and its signature.
fn path(item: &str) -> Option<String> {
    let start = item.find("codat_keys")?;
    let (mut depth, mut path) = (0, String::new());
    for c in item[start..].chars() {
        match c {
            '<' => depth += 1,
            '>' => depth -= 1,
            _ if depth > 0 => {}
            _ if c.is_alphanumeric() || matches!(c, '_' | ':') => path.push(c),
            _ => break,
        }
    }
    path.trim_end_matches(':').split_once("::").map(|(_, path)| path.to_owned())
}

/// Adds the commands below `command` and their options, as the help texts list them.
fn commands(command: &mut Vec<String>, names: &mut BTreeSet<String>) {
    let mut arguments: Vec<&str> = command.iter().map(String::as_str).collect();
    arguments.push("--help");
    let help = run(&mut program(), &arguments).stdout;
    let mut section = "";
    let mut below = Vec::new();
    for line in help.lines() {
        if line.ends_with(':') && !line.starts_with(' ') {
            section = line;
        }
        let Some(entry) = line.strip_prefix("  ") else { continue };
        if entry.trim_start().starts_with('-') {
            let option = entry.split([' ', ',']).find(|word| word.starts_with("--"));
            let own = option.filter(|option| !["--help", "--version"].contains(option));
            names.extend(own.map(|option| format!("{} {option}", command.join(" "))));
        } else if section.starts_with("Commands") && !entry.starts_with(' ') {
            below.extend(entry.split(' ').next().filter(|name| *name != "help").map(str::to_owned));
        }
    }
    for name in below {
        command.push(name);
        names.insert(command.join(" "));
        commands(command, names);
        command.pop();
    }
}
