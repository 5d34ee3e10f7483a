//! Runs the code blocks of README.md, README.fr.md and the guides in `docs`.

mod links;
mod markdown;
#[cfg(unix)]
mod platforms;
mod rustdoc;
#[cfg(unix)]
mod shell;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::Command;

use codat_keys_emulator::Emulator;
use serde_json::Value;

use crate::support::{clear_environment, run};
use markdown::{Block, ROOT, blocks, headings, pages, read};

/// The known languages of code blocks. Blocks of a new language need a check below.
const LANGUAGES: [&str; 11] = ["ini", "js", "json", "mermaid", "python", "rust", "sh", "text", "toml", "ts", "yaml"];

/// The packages that `cargo xtask test` builds together, and their features (`crates/xtask/src/rust.rs`). With another
/// selection, cargo would build dependencies again.
const BUILD_EXAMPLES: &str = "build --quiet --locked --no-default-features --features codat-keys-cli/default --examples --message-format json -p codat-keys -p codat-keys-bench -p codat-keys-cli -p codat-keys-emulator -p codat-keys-portal -p codat-keys-server -p xtask";

/// The crates in the picture of docs/architecture.md: the name of the node, and the folder.
const CRATES: [(&str, &str); 9] = [
    ("bindings", "bindings/common"),
    ("cli", "crates/cli"),
    ("core", "crates/core"),
    ("emulator", "crates/emulator"),
    ("node", "bindings/node"),
    ("portal", "crates/portal"),
    ("python", "bindings/python"),
    ("rotate", "crates/rotate"),
    ("server", "crates/server"),
];

/// Examples that require faults: the name, the faults, and the end of the expected output.
const TROUBLED: [(&str, &str, &str); 2] = [
    // The second and the third page fail in all attempts.
    (
        "bulk_read",
        r#"{"faults":[{"method":"GET","path":"/companies","fault":"status","status":503,"skip":1,"count":8}]}"#,
        "complete: true\n",
    ),
    ("resume", r#"{"faults":[{"method":"POST","path":"/apiKeys","fault":"drop-after","count":4}]}"#, " was replayed\n"),
];

#[test]
fn every_block_has_a_known_language() {
    let mut before = String::new();
    for Block { place, language, text, .. } in blocks() {
        assert!(LANGUAGES.contains(&language.as_str()), "{place}: `{language}` is none of {LANGUAGES:?}");
        match language.as_str() {
            "json" => drop(serde_json::from_str::<Value>(&text).unwrap_or_else(|error| panic!("{place}: {error}"))),
            "toml" => assert!(text.starts_with('['), "{place} does not begin with a table"),
            // Other tests run Rust and shell blocks, and check the Mermaid block. `platforms` checks YAML and INI. Tests
            // of the packages run Python and Node blocks (test_examples.py, examples.test.mts). A text block is the
            // output of the shell block before it.
            "text" => assert_eq!(before, "sh", "{place} is no output"),
            _ => {}
        }
        before = language;
    }
}

#[test]
fn both_readmes_have_the_same_blocks_under_the_same_headings() {
    let of = |page: &str| blocks().into_iter().filter(|block| block.page == page).collect::<Vec<_>>();
    let (english, french) = (of("README.md"), of("README.fr.md"));
    for (one, other) in english.iter().zip(&french) {
        let same = (&one.language, one.code()) == (&other.language, other.code());
        assert!(same, "{} and {} differ", one.place, other.place);
    }
    assert_eq!(english.len(), french.len());
    assert_eq!(headings("README.md"), headings("README.fr.md"));
}

#[test]
fn every_block_of_a_french_page_is_on_the_english_page() {
    let blocks = blocks();
    let of = |page: &str| -> BTreeSet<_> {
        blocks.iter().filter(|block| block.page == page).map(|block| (&block.language, block.code())).collect()
    };
    let mut checked = 0;
    for french in pages().into_iter().filter(|page| page.ends_with(".fr.md")) {
        let (translated, english) = (of(&french), of(&french.replace(".fr.md", ".md")));
        let missing: Vec<_> = translated.difference(&english).collect();
        assert!(missing.is_empty(), "{french}: the English page has no {missing:#?}");
        checked += translated.len();
    }
    assert!(checked > 15, "the blocks are not found any more");
}

#[test]
fn the_packages_show_each_integration_of_the_table() {
    let shown = ["python/README.md", "node/README.md"].map(read).concat();
    let tables = ["README.md", "README.fr.md"].map(|page| {
        let lines = read(page).lines().map(str::to_owned).collect::<Vec<_>>();
        lines.into_iter().filter(|line| line.starts_with("| ") && line.contains("import ")).skip(1).collect::<Vec<_>>()
    });
    for row in tables.iter().flatten() {
        let codes = row.rsplit(" | ").take(2).map(|cell| cell.trim_end_matches(" |").trim_matches('`'));
        for code in codes {
            assert!(shown.contains(code), "{row}: no README of a package contains {code}");
        }
    }
    assert!(tables.iter().all(|rows| rows.len() == 8), "the tables are not found any more");
}

#[test]
fn the_picture_of_the_architecture_shows_the_dependencies_of_each_crate() {
    let picture = blocks().into_iter().find(|block| block.language == "mermaid").unwrap().text;
    for (node, folder) in CRATES {
        let manifest = read(&format!("{folder}/Cargo.toml"));
        let table = manifest.split("\n[").find_map(|table| table.strip_prefix("dependencies]")).unwrap_or_default();
        let own = table.lines().filter_map(|line| line.strip_prefix("codat-keys"));
        let own = own.map(|rest| match rest.split(['.', ' ']).next().unwrap().trim_start_matches('-') {
            "" => "core",
            name => name,
        });
        let shown = picture.lines().find(|line| line.trim().starts_with(&format!("{node}[\"{folder}<br/>"))).unwrap();
        let shown =
            shown.split_once(" --> ").map_or("", |(_, nodes)| nodes).split(" & ").filter(|node| !node.is_empty());
        assert_eq!(shown.collect::<BTreeSet<_>>(), own.collect::<BTreeSet<_>>(), "{folder}");
    }
}

#[test]
fn the_badges_name_the_required_versions() {
    let versions = [
        ("Cargo.toml", "rust-version = \"1.95\"", "Rust-1.95%2B"),
        ("Cargo.toml", "license = \"Apache-2.0 OR MIT\"", "licence-Apache--2.0_OR_MIT"),
        ("python/pyproject.toml", "requires-python = \">=3.9\"", "Python-3.9%2B"),
        ("node/package.json", "\"node\": \">=18.18\"", "Node-18.18%2B"),
    ];
    for (manifest, required, badge) in versions {
        assert!(read(manifest).contains(required), "{manifest} has no {required}: correct the badges and this test");
        for page in ["README.md", "README.fr.md"] {
            assert!(read(page).contains(&format!("/badge/{badge}-blue")), "{page}: {badge}");
        }
    }
}

#[test]
fn every_rust_block_is_an_example_and_every_example_is_shown() {
    let mut unseen = example_files();
    let examples: BTreeSet<String> = unseen.values().cloned().collect();
    for Block { place, text, .. } in blocks().into_iter().filter(|block| block.language == "rust") {
        assert!(examples.contains(&text), "{place} is no file of crates/core/examples: see cargo xtask generate");
        unseen.retain(|_, program| *program != text);
    }
    assert!(unseen.is_empty(), "no page shows {:?}", unseen.keys());
}

#[test]
fn every_example_runs() {
    let built = build_examples();
    assert_eq!(built.keys().collect::<Vec<_>>(), example_files().keys().collect::<Vec<_>>());
    for (name, program) in built {
        let emulator = Emulator::start().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new(program);
        clear_environment(&mut command);
        command
            .current_dir(&folder)
            .env("CODAT_BASE_URL", emulator.base_url())
            .env("CODAT_API_KEY", emulator.api_key());
        let troubled = TROUBLED.iter().find(|(troubled, ..)| *troubled == name);
        if let Some((_, faults, _)) = troubled {
            emulator.set_faults(faults).unwrap();
        }
        let ended = run(&mut command, &[]);
        assert_eq!(ended.status, 0, "{name}: {ended:?}");
        assert!(troubled.is_none_or(|(.., printed)| ended.stdout.ends_with(printed)), "{name}: {ended:?}");
    }
}

#[cfg(unix)]
#[test]
fn every_shell_block_runs_as_written() {
    let blocks = blocks();
    let mut seen = BTreeSet::new();
    for (number, block) in blocks.iter().enumerate().filter(|(_, block)| block.language == "sh") {
        // The next block can be the expected output.
        let shown = blocks.get(number + 1).filter(|next| next.language == "text" && next.page == block.page);
        // A block that a page and its translation contain runs once, if both show the same output.
        if !seen.insert((block.code(), shown.map(|shown| &shown.text))) {
            continue;
        }
        let output = shell::run(block);
        if let Some(shown) = shown {
            assert!(shell::matches(&output, &shown.text), "{}: it printed:\n{output}", shown.place);
        }
    }
    assert!(seen.len() > 5, "the blocks are not found any more");
}

/// Returns the example programs by name, without their first line, which is a description.
fn example_files() -> BTreeMap<String, String> {
    let files = std::fs::read_dir(format!("{ROOT}/crates/core/examples")).unwrap();
    let example = |file: PathBuf| {
        let text = std::fs::read_to_string(&file).unwrap();
        let (heading, program) = text.split_once("\n\n").unwrap();
        assert!(heading.starts_with("//! ") && !heading.contains('\n'), "{}", file.display());
        (file.file_stem().unwrap().to_str().unwrap().to_owned(), program.to_owned())
    };
    files.map(|file| example(file.unwrap().path())).collect()
}

fn build_examples() -> BTreeMap<String, PathBuf> {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(BUILD_EXAMPLES.split(' ')).current_dir(ROOT);
    // These variables describe this package. Some build scripts would run again because the variables differ.
    for (name, _) in std::env::vars() {
        if name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_") {
            cargo.env_remove(name);
        }
    }
    // This wait has no timeout, because a build can take long and always ends.
    let ended = cargo.output().unwrap();
    let stdout = String::from_utf8(ended.stdout).unwrap();
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    let messages = stdout.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let examples = messages.filter(|message| message["target"]["kind"][0] == "example");
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    examples.map(|built| (text(&built["target"]["name"]), text(&built["executable"]).into())).collect()
}
