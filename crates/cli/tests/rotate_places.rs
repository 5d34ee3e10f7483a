//! The places of the sinks of `rotate`: a later command finds the same place again, and no key there is deleted.

use std::fs;
use std::process::Command;

use crate::rotate::Account;
use crate::support::run;

fn in_folder(account: &Account, folder: &str) -> Command {
    let mut command = account.program();
    command.current_dir(account.path(folder)).arg("rotate");
    command
}

/// The command `tee store` writes to another file in another folder.
#[test]
fn a_command_of_another_folder_is_another_sink() {
    let account = Account::new();
    for folder in ["one", "two"] {
        fs::create_dir(account.path(folder)).unwrap();
        fs::write(account.path(&format!("{folder}/store")), "").unwrap();
    }
    let sink = ["--to", "command:tee store", "--read-command", "cat store"];
    let started = run(&mut in_folder(&account, "one"), &sink);
    assert_eq!(started.status, 0, "{started:?}");
    let keys = account.keys();
    for verb in ["abort", "finish", "resume"] {
        let ended = run(in_folder(&account, "two").arg(verb), &sink);
        assert_eq!(ended.status, 2, "{ended:?}");
        let place = format!("command:tee store in {}", account.path("one").canonicalize().unwrap().display());
        assert!(ended.stderr.contains(&place), "{ended:?}");
    }
    assert_eq!((account.read("two/store"), account.keys()), (String::new(), keys));
    let aborted = run(in_folder(&account, "one").arg("abort"), &sink);
    assert_eq!(aborted.status, 0, "{aborted:?}");
    assert_eq!((account.read("one/store"), account.keys().len()), (account.read("key"), 2));
}

#[test]
fn abort_keeps_a_key_that_a_file_contains_in_another_form() {
    let account = Account::new();
    let old = account.read("key");
    assert_eq!(account.rotate(&["--to", "file:place", "--to", "dotenv:.env#CODAT_API_KEY"]).status, 0);
    let new = account.read("place");
    for text in [format!("\"{new}\"\n"), format!("CODAT_API_KEY={new}\n")] {
        fs::write(account.path("place"), &text).unwrap();
        let aborted = account.rotate(&["abort"]);
        assert_eq!(aborted.status, 11, "{aborted:?}");
        assert!(aborted.stderr.contains("contains the new key in another form"), "{aborted:?}");
        assert_eq!((account.keys().len(), account.read("place")), (3, text));
    }
    fs::write(account.path("place"), &old).unwrap();
    let aborted = account.rotate(&["abort"]);
    assert_eq!(aborted.status, 0, "{aborted:?}");
    assert_eq!((account.keys().len(), account.read(".env")), (2, format!("CODAT_API_KEY={old}\n")));
}

#[cfg(unix)]
#[test]
fn a_file_with_a_second_name_is_refused() {
    let account = Account::new();
    fs::hard_link(account.path("key"), account.path("other")).unwrap();
    let ended = account.rotate(&["--to", "file:key", "--overwrite"]);
    assert!(ended.status == 1 && ended.stderr.contains("hard link"), "{ended:?}");
    assert_eq!(account.keys().len(), 2);
}

#[test]
fn a_file_of_any_size_is_refused_without_reading_it() {
    let account = Account::new();
    fs::File::create(account.path("big")).unwrap().set_len(1 << 43).unwrap();
    for sink in ["file:big", "dotenv:big#KEY"] {
        let ended = account.rotate(&["--to", sink]);
        assert!(ended.status == 1 && ended.stderr.contains("larger than 16 MiB"), "{ended:?}");
    }
    assert_eq!(account.keys().len(), 2);
}

#[test]
fn every_valid_name_of_a_journal_can_be_shown_and_finished() {
    let account = Account::new();
    for name in ["unused-keys", "no-key", "a"] {
        assert_eq!(account.rotate(&["--to", "file:key", "--lock", name]).status, 0);
        for verb in ["status", "finish"] {
            let ended = account.rotate(&[verb, "--lock", name]);
            assert_eq!(ended.status, 0, "{ended:?}");
        }
    }
}

#[test]
fn a_base_url_with_a_key_is_not_stored() {
    let account = Account::new();
    let url = format!("{}/{}", account.emulator.base_url(), account.read("key"));
    let ended = run(account.program().env("CODAT_BASE_URL", url).args(["rotate", "--to", "file:key"]), &[]);
    assert!(ended.status == 2 && ended.stderr.contains("the base URL contains an API key"), "{ended:?}");
    let entries = fs::read_dir(account.path("state/codat-keys/rotations/default")).unwrap();
    assert_eq!(entries.count(), 0, "no entry is written");
}
