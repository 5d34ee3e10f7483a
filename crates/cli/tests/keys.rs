//! Tests of `list`, `show`, `create` and `delete`: output, files and rejected arguments.

use std::path::Path;

use codat_keys_emulator::Emulator;
use serde_json::Value;

use crate::support::{PROGRAM, against, program, run, run_with_input, with_key};

fn create(emulator: &Emulator, arguments: &[&str]) -> crate::support::Ended {
    let ended = run(&mut against(emulator), &[&["create"], arguments].concat());
    assert_eq!(ended.status, 0, "{ended:?}");
    ended
}

fn names(emulator: &Emulator) -> Vec<String> {
    let listed: Value = serde_json::from_str(&run(&mut against(emulator), &["list", "--json"]).stdout).unwrap();
    listed["keys"].as_array().unwrap().iter().filter_map(|key| key["name"].as_str().map(str::to_owned)).collect()
}

#[test]
fn list_prints_tab_separated_lines_with_masked_keys_to_a_pipe() {
    let emulator = Emulator::start().unwrap();
    create(&emulator, &["ci"]);
    let listed = run(&mut against(&emulator), &["list"]).stdout;
    let rows: Vec<Vec<&str>> = listed.lines().map(|line| line.split('\t').collect()).collect();
    assert_eq!((rows.len(), rows[0].len()), (2, 5));
    assert_eq!((rows[0][1], rows[0][3], rows[1][1], rows[1][3]), ("-", "yes", "ci", "no"));
    assert_eq!(rows[0][4], format!("****{}", &emulator.api_key()[36..]));
}

#[test]
fn json_has_ordered_fields_and_masked_keys_without_reveal() {
    let emulator = Emulator::start().unwrap();
    let masked = run(&mut against(&emulator), &["list", "--json"]).stdout;
    let revealed = run(&mut against(&emulator), &["list", "--json", "--reveal"]).stdout;
    assert!(masked.starts_with(r#"{"keys":[{"id":""#) && !masked.contains(emulator.api_key()));
    let places: Vec<_> =
        ["\"id\"", "\"name\"", "\"created\"", "\"inUse\"", "\"key\""].map(|member| masked.find(member)).into();
    assert!(places.is_sorted() && places[0].is_some(), "{masked}");
    assert!(revealed.contains(&format!("\"key\":\"{}\"", emulator.api_key())));
}

#[test]
fn whoami_prints_only_the_key_in_use() {
    let emulator = Emulator::start().unwrap();
    let created = create(&emulator, &["ci", "--reveal"]).stdout;
    let shown = run(&mut with_key(emulator.base_url(), created.trim()), &["whoami"]).stdout;
    let row: Vec<&str> = shown.trim_end().split('\t').collect();
    assert_eq!((row.len(), row[1], row[3]), (5, "ci", "yes"));
    assert!(run(&mut against(&emulator), &["whoami", "--json"]).stdout.contains(r#""name":null"#));
}

#[test]
fn reveal_prints_only_the_key() {
    let emulator = Emulator::start().unwrap();
    let created = create(&emulator, &["ci", "--reveal"]).stdout;
    let shown = run(&mut against(&emulator), &["show", "ci", "--reveal"]).stdout;
    assert_eq!(created, shown);
    let listed = run(&mut with_key(emulator.base_url(), created.trim()), &["list"]);
    assert_eq!(listed.status, 0, "{listed:?}");
}

#[test]
fn out_writes_only_the_key_to_a_new_private_file() {
    let (emulator, folder) = (Emulator::start().unwrap(), tempfile::tempdir().unwrap());
    let file = folder.path().join("key");
    let out = file.to_str().unwrap();
    let created = create(&emulator, &["ci", "--out", out]);
    let value = std::fs::read_to_string(&file).unwrap();
    assert!(!created.stdout.contains(&value) && !created.stderr.contains(&value));
    assert_eq!(
        run(program().env("CODAT_BASE_URL", emulator.base_url()).env("CODAT_API_KEY_FILE", out), &["list"]).status,
        0
    );
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }

    for arguments in [["create", "second", "--out", out], ["show", "ci", "--out", out]] {
        let refused = run(&mut against(&emulator), &arguments);
        assert_eq!(refused.status, 2, "{refused:?}");
    }
    assert_eq!(std::fs::read_to_string(&file).unwrap(), value);
    assert_eq!(names(&emulator), ["ci"], "no key is made where it could not be written");

    create(&emulator, &["third", "--out", out, "--overwrite"]);
    assert_ne!(std::fs::read_to_string(&file).unwrap(), value);
    assert_eq!(files(folder.path()), 1, "no temporary file is left");
}

#[cfg(unix)]
#[test]
fn the_umask_does_not_change_the_mode_of_out() {
    use std::os::unix::fs::PermissionsExt;
    let (emulator, folder) = (Emulator::start().unwrap(), tempfile::tempdir().unwrap());
    for umask in ["0777", "0477", "0000"] {
        let file = folder.path().join(umask);
        let mut shell = std::process::Command::new("sh");
        shell.args(["-c", "umask $0; exec \"$@\"", umask, PROGRAM, "create", umask, "--out"]).arg(&file);
        shell.env("CODAT_BASE_URL", emulator.base_url()).env("CODAT_API_KEY", emulator.api_key());
        let ended = run(&mut shell, &[]);
        assert_eq!(ended.status, 0, "{ended:?}");
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600, "umask {umask}");
    }
}

#[test]
fn out_in_a_missing_folder_creates_no_key() {
    let (emulator, folder) = (Emulator::start().unwrap(), tempfile::tempdir().unwrap());
    let file = folder.path().join("missing/key");
    for out in [file.to_str().unwrap(), folder.path().to_str().unwrap()] {
        let ended = run(&mut against(&emulator), &["create", "ci", "--out", out, "--overwrite"]);
        assert_eq!(ended.status, 2, "{ended:?}");
    }
    assert!(names(&emulator).is_empty());
}

#[test]
#[cfg(unix)]
fn out_replaces_neither_links_nor_devices() {
    let (emulator, folder) = (Emulator::start().unwrap(), tempfile::tempdir().unwrap());
    let (link, target) = (folder.path().join("link"), folder.path().join("target"));
    std::fs::write(&target, "kept").unwrap();
    std::os::unix::fs::symlink(&target, &link).unwrap();
    let ended = run(&mut against(&emulator), &["create", "ci", "--out", link.to_str().unwrap(), "--overwrite"]);
    assert_eq!(ended.status, 2, "{ended:?}");
    assert!(link.is_symlink() && std::fs::read_to_string(target).unwrap() == "kept" && names(&emulator).is_empty());
}

#[test]
#[cfg(target_os = "linux")]
fn a_write_error_of_standard_error_does_not_change_the_exit_status() {
    let emulator = Emulator::start().unwrap();
    let full = || std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    for (arguments, status) in [(&["create", "ci"][..], 0), (&["show", "nothing"], 7), (&["list", "--bad"], 2)] {
        let ended =
            against(&emulator).args(arguments).stdout(std::process::Stdio::null()).stderr(full()).status().unwrap();
        assert_eq!(ended.code(), Some(status), "{arguments:?}");
    }
    let ended = against(&emulator).arg("list").stdout(full()).stderr(std::process::Stdio::null()).status().unwrap();
    assert_eq!(ended.code(), Some(1));
}

#[test]
fn delete_requires_yes_without_a_terminal() {
    let emulator = Emulator::start().unwrap();
    create(&emulator, &["ci"]);
    let refused = run(&mut against(&emulator), &["delete", "ci"]);
    assert_eq!(refused.status, 2);
    assert!(refused.stderr.contains("hint: add --yes"), "{refused:?}");
    assert_eq!(names(&emulator), ["ci"]);
    assert_eq!(run(&mut against(&emulator), &["delete", "ci", "--yes"]).status, 0);
    assert!(names(&emulator).is_empty());
}

#[test]
fn the_error_of_an_ambiguous_name_lists_the_ids() {
    let emulator = Emulator::start().unwrap();
    let ids = [create(&emulator, &["twin"]), create(&emulator, &["twin"])];
    let ids = ids.map(|ended| ended.stdout.split('\t').next().unwrap().to_owned());
    let refused = run(&mut against(&emulator), &["delete", "twin", "--yes"]);
    assert_eq!(refused.status, 2);
    assert!(ids.iter().all(|id| refused.stderr.contains(id)), "{refused:?}");
    assert_eq!(run(&mut against(&emulator), &["delete", &ids[0], "--yes"]).status, 0);
    assert_eq!(names(&emulator), ["twin"]);
}

#[test]
fn a_repeated_deletion_deletes_no_other_key() {
    const UUID: &str = "0498e921-9b53-4396-a412-4f2f5983b0a2";
    let emulator = Emulator::start().unwrap();
    let state = serde_json::json!({ "keys": [
        { "id": "6a1f3a52-71d8-4d36-9d4b-0f3c7f1f8e11", "apiKey": emulator.api_key() },
        { "id": "aaaa-1111", "name": "first" },
        { "id": "bbbb-2222", "name": "aaaa-1111" },
        { "id": "cccc-3333", "name": UUID },
    ] });
    let put = ["api", "PUT", "/_emulator/state", "--input", "-"];
    assert_eq!(run_with_input(&mut against(&emulator), &put, &state.to_string()).status, 0);
    let delete = |reference: &[&str]| run(&mut against(&emulator), &[&["delete", "--yes"], reference].concat());
    let refused = |reference: &str| {
        for command in ["delete", "show"] {
            let yes: &[&str] = if command == "delete" { &["--yes"] } else { &[] };
            let ended = run(&mut against(&emulator), &[&[command, reference], yes].concat());
            assert_eq!(ended.status, 2, "{ended:?}");
            assert!(ended.stderr.contains("--id ID or --name NAME"), "{ended:?}");
        }
    };
    refused("aaaa-1111");
    assert_eq!(delete(&["--id", "aaaa-1111"]).status, 0);
    assert_eq!(delete(&["--id", "aaaa-1111"]).status, 7);
    refused("aaaa-1111");
    assert_eq!(delete(&[UUID]).status, 7, "a UUID is an id");
    assert_eq!(names(&emulator), ["aaaa-1111", UUID]);
    assert_eq!(delete(&["--name", "bbbb-2222"]).status, 7, "an id is no name");
    assert_eq!(delete(&["--id", "../x"]).status, 2);
    assert_eq!(delete(&["--name", "aaaa-1111"]).status, 0);
    assert_eq!(delete(&["--name", UUID]).status, 0);
    for usage in [&[][..], &["--id", "a", "--name", "b"], &["a", "--id", "b"]] {
        assert_eq!(delete(usage).status, 2, "{usage:?}");
    }
}

#[test]
fn names_with_path_characters_are_rejected_before_sending() {
    for reference in ["../companies/x", "a/b", "a\\b", "100%", ""] {
        let ended = run(&mut with_key("http://127.0.0.1:9", "not-sent"), &["delete", reference, "--yes"]);
        assert_eq!(ended.status, 2, "{reference:?}: {ended:?}");
    }
}

#[test]
fn demo_completions_and_man_print_their_output() {
    let demo = run(&mut program(), &["demo"]);
    assert_eq!(demo.status, 0, "{demo:?}");
    for said in [
        "[GET /companies: 200]",
        "the most that Codat allows",
        "refused: this is the last remaining key",
        "Done in",
        "one key of this name",
        "its process is killed when Codat has made the new key; the old key works",
        "both keys work",
    ] {
        assert!(demo.stdout.contains(said), "{said}: {}", demo.stdout);
    }
    assert!(run(&mut program(), &["completions", "bash"]).stdout.contains("-F _codat_keys codat-keys"));
    assert!(run(&mut program(), &["man"]).stdout.contains(".TH codat-keys 1"));
    assert!(run(&mut program(), &["man", "delete"]).stdout.contains("allow\\-key\\-in\\-use"));
    assert_eq!(run(&mut program(), &["man", "nothing"]).status, 2);
}

#[test]
fn the_exit_statuses_are_documented_in_one_help_page() {
    let statuses = run(&mut program(), &["help", "exit-status"]);
    assert_eq!(statuses.status, 0, "{statuses:?}");
    assert!(
        statuses.stdout.contains("\n    0  done\n") && statuses.stdout.contains("\n    9  it is unknown"),
        "{statuses:?}"
    );
    for command in [&[][..], &["create"], &["emulator", "exec"], &["profile", "use"]] {
        let help = run(&mut program(), &[command, &["--help"]].concat()).stdout;
        assert!(help.ends_with("Exit statuses: codat-keys help exit-status\n"), "{help}");
        assert!(!help.contains("    9  it is unknown"), "{help}");
        assert_eq!(run(&mut program(), &[&["help"], command].concat()).stdout, help);
    }
    for row in [
        "  129  SIGHUP cancelled the call\n",
        "  143  SIGTERM cancelled the call\n",
        "  131  SIGQUIT ended the command; the outcome of a change was not checked\n",
        "128+N  the signal with the number N",
    ] {
        assert!(statuses.stdout.contains(row), "{statuses:?}");
    }
    let page = run(&mut program(), &["man"]).stdout;
    for section in [".SH \"EXIT STATUS\"", ".SH ENVIRONMENT", ".SH FILES", "CODAT_ALLOW_INSECURE_HTTP", "config.toml"] {
        assert!(page.replace("\\_", "_").contains(section), "{section}: {page}");
    }
}

#[test]
fn each_help_has_one_example() {
    let all = run(&mut program(), &["--help"]).stdout;
    let listed = all.split("Commands:\n").nth(1).unwrap().split("\nOptions:").next().unwrap();
    let names =
        listed.lines().filter_map(|line| line.strip_prefix("  ")?.split(' ').next().filter(|name| !name.is_empty()));
    let mut commands: Vec<Vec<&str>> = names.filter(|name| *name != "help").map(|name| vec![name]).collect();
    commands.push(vec!["emulator", "exec"]);
    commands.extend(["list", "use", "show"].map(|name| vec!["profile", name]));
    assert!(commands.len() > 20, "{commands:?}");
    for command in commands {
        let help = run(&mut program(), &[&command[..], &["--help"]].concat()).stdout;
        let examples: Vec<&str> = help.lines().filter_map(|line| line.strip_prefix("Example: ")).collect();
        let calls = format!("codat-keys {}", command.join(" "));
        assert!(examples.len() == 1 && examples[0].contains(&calls), "{command:?}: {help}");
    }
}

fn files(folder: &Path) -> usize {
    folder.read_dir().unwrap().count()
}
