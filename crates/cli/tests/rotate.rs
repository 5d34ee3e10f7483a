//! `rotate` against the emulator, with sinks in real files.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use codat_keys_emulator::Emulator;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::bounded::wait_until;
use crate::home::key_file;
use crate::raw_server::{RawServer, json as reply};
use crate::signals::fill;
use crate::support::{Ended, against, run, run_with_input, start};

/// An emulator with the key `billing`, and a folder with the file `key` that contains it.
pub(crate) struct Account {
    pub(crate) emulator: Emulator,
    pub(crate) folder: tempfile::TempDir,
    pub(crate) old: String,
}

impl Account {
    pub(crate) fn new() -> Self {
        let (emulator, folder) = (Emulator::start().unwrap(), tempfile::tempdir().unwrap());
        let file = folder.path().join("key");
        let made = run(against(&emulator).args(["create", "billing", "--json", "--out"]).arg(&file), &[]);
        assert_eq!(made.status, 0, "{made:?}");
        let made: Value = serde_json::from_str(&made.stdout).unwrap();
        Self { emulator, folder, old: made["key"]["id"].as_str().unwrap().to_owned() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    /// Returns the program in the folder of the account, with the key in the file `key`.
    pub(crate) fn program(&self) -> Command {
        let mut command = against(&self.emulator);
        command.current_dir(&self.folder).env_remove("CODAT_API_KEY").env("CODAT_API_KEY_FILE", self.path("key"));
        command.env("XDG_STATE_HOME", self.path("state")).env("XDG_CONFIG_HOME", self.path("config"));
        command
    }

    pub(crate) fn rotate(&self, arguments: &[&str]) -> Ended {
        run(self.program().arg("rotate"), arguments)
    }

    /// Returns the names of the keys that the emulator has, by id.
    pub(crate) fn keys(&self) -> Vec<(String, Option<String>)> {
        let state = self.emulator.state();
        let keys = state["keys"].as_array().unwrap().iter();
        keys.map(|key| (key["id"].as_str().unwrap().to_owned(), key["name"].as_str().map(str::to_owned))).collect()
    }

    /// Returns the value of the key with this id.
    pub(crate) fn value(&self, id: &str) -> String {
        let shown = run(&mut against(&self.emulator), &["show", "--id", id, "--reveal"]);
        assert_eq!(shown.status, 0, "{shown:?}");
        shown.stdout.trim_end().to_owned()
    }

    /// Returns the id of the newest key.
    pub(crate) fn newest(&self) -> String {
        self.keys().last().unwrap().0.clone()
    }

    fn status(&self) -> Value {
        let ended = self.rotate(&["status", "--json"]);
        assert_eq!(ended.status, 0, "{ended:?}");
        serde_json::from_str::<Value>(&ended.stdout).unwrap()["status"].clone()
    }

    /// Adds keys until there are ten, and returns their ids.
    fn fill(&self) -> Vec<String> {
        for number in self.keys().len()..10 {
            run(&mut against(&self.emulator), &["create", &format!("worker-{number}")]);
        }
        self.keys().into_iter().map(|(id, _)| id).collect()
    }
}

#[test]
fn a_key_is_replaced_in_its_sinks_and_deleted_by_finish() {
    let account = Account::new();
    fs::write(account.path(".env"), format!("A=1\r\nexport KEY=\"{}\" # ours\r\nB='2\n", account.read("key"))).unwrap();
    fs::set_permissions(account.path(".env"), fs::Permissions::from_mode(0o640)).unwrap();
    let ended = account.rotate(&["--to", "file:key", "--to", "dotenv:.env#KEY", "--to", "file:other#header"]);
    assert_eq!(ended.status, 0, "{ended:?}");
    let new = account.newest();
    let value = account.value(&new);
    assert_eq!(account.read("key"), value);
    assert_eq!(account.read(".env"), format!("A=1\r\nexport KEY=\"{value}\" # ours\r\nB='2\n"));
    assert!(account.read("other").starts_with("Basic "));
    let mode = |name: &str| fs::metadata(account.path(name)).unwrap().mode() & 0o777;
    assert_eq!([mode("key"), mode(".env"), mode("other")], [0o600, 0o640, 0o600]);
    assert!(ended.stdout.ends_with("go on with: codat-keys rotate finish\n"), "{ended:?}");
    assert!(account.keys().iter().any(|(id, _)| *id == account.old), "the old key still works");
    assert!(!format!("{ended:?}").contains(&value));

    let status = account.status();
    assert_eq!((&status["report"]["state"], &status["report"]["newKey"]), (&json!("grace"), &json!(new)));
    let finished = account.rotate(&["finish"]);
    assert_eq!(finished.status, 0, "{finished:?}");
    assert!(!account.keys().iter().any(|(id, _)| *id == account.old));
    assert_eq!(account.status()["report"]["deleted"], json!([account.old]));
    assert_eq!(run(&mut account.program(), &["whoami"]).status, 0);
}

#[test]
fn abort_restores_the_old_key() {
    let account = Account::new();
    let old = account.read("key");
    assert_eq!(account.rotate(&["--to", "file:key"]).status, 0);
    let aborted = account.rotate(&["abort"]);
    assert_eq!(aborted.status, 0, "{aborted:?}");
    assert_eq!((account.read("key"), account.keys().len()), (old, 2));
    assert_eq!(account.rotate(&["resume"]).status, 7);
}

#[test]
fn the_events_are_one_json_document_a_line() {
    let account = Account::new();
    let ended = account.rotate(&["billing", "--to", "file:key", "--grace", "0", "--name", "shop", "--json"]);
    assert_eq!((ended.status, ended.stderr.as_str()), (0, ""));
    let lines: Vec<Value> = ended.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let events: Vec<&str> =
        lines.iter().filter_map(|line| line["event"].as_str()).filter(|it| *it != "state").collect();
    assert_eq!(events, ["created", "probed", "delivered", "confirmed", "deleted"]);
    let report = &lines.last().unwrap()["report"];
    assert_eq!((&report["state"], &report["oldKey"]), (&json!("done"), &json!(account.old)));
    assert!(report["name"].as_str().unwrap().starts_with("shop~"));
}

#[test]
fn a_dry_run_changes_nothing() {
    let account = Account::new();
    let before = (account.keys(), account.read("key"));
    let ended = account.rotate(&["--to", "file:key", "--to", "file:new", "--dry-run"]);
    assert_eq!(ended.status, 0, "{ended:?}");
    for text in ["2 of at most 10", "/key has the old key\n", "/new is empty\n", "nothing was changed\n"] {
        assert!(ended.stdout.contains(text), "{text}: {ended:?}");
    }
    let plan = account.rotate(&["--to", "file:key", "--dry-run", "--json"]);
    let plan: Value = serde_json::from_str(&plan.stdout).unwrap();
    assert_eq!(plan["plan"]["oldKey"], account.old);
    assert_eq!((account.keys(), account.read("key")), before);
    assert_eq!(account.status(), Value::Null);
    assert!(!account.path("new").exists() && !account.path("state").exists());
}

#[test]
fn options_come_from_a_file() {
    let account = Account::new();
    fs::create_dir(account.path("job")).unwrap();
    let options = "to = [\"file:../key\", { sink = \"command:tee copy\", read-command = [\"cat\", \"copy\"] }]\ngrace = \"0\"\n\
                   name = \"shop\"\nlock = \"nightly\"\njournal = \"journals\"\n";
    fs::write(account.path("job/rotate.toml"), options).unwrap();
    // The commands run in the folder of the file.
    fs::write(account.path("job/copy"), "").unwrap();
    let ended = account.rotate(&["--from", "job/rotate.toml", "--overwrite"]);
    assert_eq!(ended.status, 0, "{ended:?}");
    assert_eq!(account.read("job/copy"), account.read("key"));
    assert!(account.path("job/journals/nightly/00000001.json").exists());
    assert!(account.keys().last().unwrap().1.as_ref().unwrap().starts_with("shop~"));

    for wrong in ["to = 1\n", "tow = []\n", "to = [{ sink = \"file:a\", key = \"MadeUpKey\" }]\n", "to = [\n"] {
        fs::write(account.path("job/rotate.toml"), wrong).unwrap();
        let ended = account.rotate(&["--from", "job/rotate.toml"]);
        assert!(ended.status == 2 && ended.stderr.contains("rotate.toml is not valid"), "{wrong}: {ended:?}");
        assert!(!ended.stderr.contains("MadeUpKey"), "{ended:?}");
    }
    fs::set_permissions(account.path("job/rotate.toml"), fs::Permissions::from_mode(0o666)).unwrap();
    let ended = account.rotate(&["--from", "job/rotate.toml"]);
    assert!(ended.status == 1 && ended.stderr.contains("not trusted"), "it names commands: {ended:?}");
}

/// What a new user does wrong ends with one error, changes nothing, and leaves nothing to resume.
#[test]
fn wrong_input_changes_nothing() {
    let account = Account::new();
    fs::write(account.path("settings"), "a: 1\n").unwrap();
    fs::write(account.path(".env"), "KEY=one\nKEY=two\n").unwrap();
    symlink(account.path("key"), account.path("link")).unwrap();
    fs::write(account.path("open"), account.read("key")).unwrap();
    fs::set_permissions(account.path("open"), fs::Permissions::from_mode(0o666)).unwrap();
    fs::write(account.path("header"), header_of(&account.read("key"))).unwrap();
    fs::write(account.path("env.yaml"), format!("KEY: {}\n", account.read("key"))).unwrap();
    let before = (account.keys(), account.read("key"));
    let cases: &[(&[&str], i32, &str)] = &[
        (&[], 2, "no sink was given"),
        (&["missing", "--to", "file:key"], 7, "no key has this id or name"),
        (&["--to", "ftp:key"], 2, "no kind of sink `ftp:`"),
        (&["--to", "key"], 2, "the sink `key` has no scheme"),
        (&["--to", "file:"], 2, "the sink `file:` names no place"),
        (&["--to", "file:nowhere/key"], 1, "its folder does not exist"),
        (&["--to", "file:."], 1, "not a regular file"),
        (&["--to", "file:link"], 1, "it is a link"),
        (&["--to", "file:open"], 1, "chmod go-w"),
        (&["--to", "file:settings"], 2, "settings contains "),
        (&["--to", "file:key#header"], 1, "it contains a raw key, not a whole header: remove #header"),
        (&["--to", "file:header"], 1, "it contains a whole header, not a raw key: add #header"),
        (&["--to", "command:tee header", "--read-command", "cat header"], 1, "add #header"),
        (&["--to", "dotenv:env.yaml#KEY"], 1, "line 1 contains KEY, and is no assignment KEY=VALUE"),
        (&["--to", "dotenv:.env#KEY"], 2, ".env#KEY contains "),
        (&["--to", "dotenv:.env"], 2, "names no variable"),
        (&["--to", "file:key", "--to", "file:./key"], 2, "two sinks are the file"),
        (&["--to", "file:key", "--grace", "1"], 2, "the grace time is not valid"),
        (&["--to", "file:key", "--lock", "../x"], 2, "name of the journal"),
        (&["--to", "file:key", "--delete-first", "a/b"], 2, "--delete-first"),
        (&["--to", "a-word-of-25-characters-x"], 2, "error: a sink has no scheme"),
        (&["--to", "profile:missing"], 2, "missing"),
        (&["--to", "command:no-such-program"], 1, "no-such-program cannot be run"),
        (&["--to", "command:cat"], 2, "cannot be read back"),
        (&["--to", "command:cat 'x", "--read-command", "cat"], 2, "such as --to 'command:tee key.txt'"),
        (&["--read-command", "cat", "--to", "command:cat"], 2, "--read-command does not follow"),
        (&["--to", "file:key", "--read-command", "cat"], 2, "takes no command"),
        (&["--to", "k8s:a"], 2, "the sink k8s:a does not have the form k8s:NS/NAME#KEY"),
        (&["finish"], 7, "no unfinished rotation"),
        (&["recover", "--to", "file:key"], 7, "no key has the name of another key with a tag"),
        (&["recover", "--to", "file:key"], 7, "rotate recover ID --name NAME"),
    ];
    for (arguments, status, text) in cases {
        let ended = account.rotate(arguments);
        assert_eq!(ended.status, *status, "{arguments:?}: {ended:?}");
        assert!(ended.stderr.contains(text), "{arguments:?}: {ended:?}");
        assert_eq!(ended.stderr.matches("error:").count(), 1, "{arguments:?}: {ended:?}");
        assert_eq!((account.keys(), account.read("key")), before, "{arguments:?}");
        assert!(account.status().is_null() || account.status()["report"]["state"] == "aborted", "{arguments:?}");
    }
}

fn header_of(key: &str) -> String {
    codat_keys::AuthorizationHeader::from(&codat_keys::ApiKey::parse(key).unwrap()).expose_secret().to_owned()
}

/// Such content is replaced only on request.
#[test]
fn a_sink_in_the_other_form_is_overwritten_on_request() {
    let account = Account::new();
    fs::write(account.path("other"), header_of(&account.read("key"))).unwrap();
    let ended = account.rotate(&["--to", "file:key", "--to", "file:other", "--overwrite"]);
    assert_eq!(ended.status, 0, "{ended:?}");
    assert_eq!(account.read("other"), account.read("key"));
    assert_eq!(account.rotate(&["finish"]).status, 0);
}

#[test]
fn two_texts_for_one_file_are_refused() {
    let account = Account::new();
    let (old, keys) = (account.read("key"), account.keys());
    fs::create_dir(account.path("folder")).unwrap();
    symlink(account.path(""), account.path("folder/link")).unwrap();
    write_private(&account.path(".env"), &format!("A={old}\nB={old}\n"));
    for (one, other) in [
        ("file:key", "file:key#header"),
        ("file:key", "file:folder/../key"),
        ("file:key", "file:folder/link/key"),
        ("dotenv:.env#A", "dotenv:./.env#A#header"),
        ("dotenv:.env#A", "file:.env"),
    ] {
        let ended = account.rotate(&["--to", one, "--to", other, "--overwrite"]);
        assert!(ended.status == 2 && ended.stderr.contains("two sinks are the file"), "{one} {other}: {ended:?}");
        assert_eq!((account.keys(), account.read("key")), (keys.clone(), old.clone()));
    }
    let ended = account.rotate(&["--to", "file:key", "--to", "dotenv:.env#A", "--to", "dotenv:.env#B"]);
    assert_eq!(ended.status, 0, "{ended:?}");
    assert_eq!(account.rotate(&["finish"]).status, 0);
}

/// An access control list of POSIX, in the format of Linux: tags, permissions and user ids.
#[cfg(target_os = "linux")]
fn access_list(user: u32) -> Vec<u8> {
    let entries: [(u16, u16, u32); 5] =
        [(0x01, 6, u32::MAX), (0x02, 4, user), (0x04, 0, u32::MAX), (0x10, 4, u32::MAX), (0x20, 0, u32::MAX)];
    let entry = |(tag, permissions, id): (u16, u16, u32)| {
        [&tag.to_le_bytes()[..], &permissions.to_le_bytes(), &id.to_le_bytes()].concat()
    };
    [&2u32.to_le_bytes()[..], &entries.map(entry).concat()].concat()
}

#[cfg(target_os = "linux")]
#[test]
fn a_replaced_file_keeps_its_access_control_list() {
    use rustix::fs::{XattrFlags, getxattr, setxattr};
    const OWN: &str = "system.posix_acl_access";
    let account = Account::new();
    let set = |path: &str, name: &str| setxattr(account.path(path), name, &access_list(65534), XattrFlags::empty());
    if set("key", OWN).is_err() {
        return; // The file system has no access control lists.
    }
    let list = |path: &str| {
        let mut list = [0; 1024];
        getxattr(account.path(path), OWN, &mut list[..]).ok().map(|length| list[..length].to_vec())
    };
    assert_eq!(account.rotate(&["--to", "file:key", "--grace", "0"]).status, 0);
    assert_eq!(list("key"), Some(access_list(65534)));
    // A file without a list gets none from its folder.
    fs::create_dir(account.path("folder")).unwrap();
    write_private(&account.path("folder/key"), &account.read("key"));
    set("folder", "system.posix_acl_default").unwrap();
    let ended = account.rotate(&["--to", "file:key", "--to", "file:folder/key", "--grace", "0"]);
    assert_eq!(ended.status, 0, "{ended:?}");
    assert_eq!((list("folder/key"), account.read("folder/key")), (None, account.read("key")));
}

/// The file keeps its owner, who can read the new key.
#[test]
fn a_file_of_another_user_must_hold_the_old_key() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let account = Account::new();
    let (old, keys) = (account.read("key"), account.keys());
    let write = |name: &str, content: &str| {
        write_private(&account.path(name), content);
        std::os::unix::fs::chown(account.path(name), Some(65534), None).unwrap();
    };
    write("empty", "");
    write(".env", "A=1\n");
    write("delivered", &old);
    for sink in ["file:empty", "dotenv:.env#KEY"] {
        let ended = account.rotate(&["--to", "file:key", "--to", sink]);
        assert!(ended.status == 1 && ended.stderr.contains("belongs to user 65534"), "{ended:?}");
        assert_eq!((account.keys(), account.read("key")), (keys.clone(), old.clone()));
    }
    let ended = account.rotate(&["--to", "file:key", "--to", "file:delivered"]);
    assert_eq!(ended.status, 0, "{ended:?}");
    assert_eq!(account.rotate(&["finish"]).status, 0);
    let ended = account.rotate(&["--to", "file:key", "--to", "file:empty", "--overwrite"]);
    assert_eq!(ended.status, 0, "{ended:?}");
    for name in ["delivered", "empty"] {
        assert_eq!(fs::metadata(account.path(name)).unwrap().uid(), 65534);
    }
    assert_eq!(account.read("empty"), account.read("key"));
}

/// The file keeps its mode, so every user can read the new key.
#[test]
fn a_file_that_every_user_can_read_must_hold_the_old_key() {
    let account = Account::new();
    let (old, keys) = (account.read("key"), account.keys());
    let chmod = |name: &str, mode| fs::set_permissions(account.path(name), fs::Permissions::from_mode(mode)).unwrap();
    let mode = |name: &str| fs::metadata(account.path(name)).unwrap().mode() & 0o777;
    for (name, content) in [("empty", ""), (".env", "DEBUG=0\n"), ("delivered", &old)] {
        fs::write(account.path(name), content).unwrap();
        chmod(name, 0o644);
    }
    for sink in ["file:empty", "file:empty#header", "dotenv:.env#KEY"] {
        for more in [&[][..], &["--dry-run"]] {
            let ended = account.rotate(&[&["--to", "file:key", "--to", sink], more].concat());
            assert!(ended.status == 1 && ended.stderr.contains("run `chmod o-r` for it"), "{ended:?}");
            assert_eq!((account.keys(), account.read("key")), (keys.clone(), old.clone()));
        }
    }
    assert_eq!((account.read("empty").as_str(), account.read(".env").as_str()), ("", "DEBUG=0\n"));
    chmod("empty", 0o640);
    let sinks = ["--to", "file:delivered", "--to", "file:empty"];
    let ended = account.rotate(&sinks);
    assert_eq!(ended.status, 0, "{ended:?}");
    let ended = account.rotate(&["abort"]);
    assert_eq!((ended.status, account.read("delivered")), (0, old), "{ended:?}");
    fs::write(account.path("empty"), "").unwrap();
    chmod("empty", 0o644);
    let ended = account.rotate(&[&sinks[..], &["--to", "file:key", "--grace", "0", "--overwrite"]].concat());
    assert_eq!(ended.status, 0, "{ended:?}");
    assert_eq!([account.read("delivered"), account.read("empty")], [account.read("key"), account.read("key")]);
    assert_eq!([mode("delivered"), mode("empty")], [0o644, 0o644]);
}

/// Another user can put a file in the place of the sink while the rotation runs.
#[test]
fn a_file_of_another_user_that_appears_later_gets_no_key() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let account = Account::new();
    let script = "cat > copy; : > late; chmod 600 late; chown 65534 late";
    let put = format!("command:sh -c '{script}'");
    fs::write(account.path("copy"), "").unwrap();
    let ended = account.rotate(&["--to", &put, "--read-command", "cat copy", "--to", "file:late"]);
    assert!(ended.status == 1 && ended.stderr.contains("belongs to user 65534"), "{ended:?}");
    assert_eq!((account.read("late").as_str(), account.keys().len()), ("", 2));
}

#[test]
fn with_ten_keys_a_rotation_needs_a_key_to_delete_first() {
    let account = Account::new();
    let keys = account.fill();
    let ended = account.rotate(&["--to", "file:key"]);
    assert!(ended.status == 5 && ended.stderr.contains("--delete-first"), "{ended:?}");
    assert_eq!(account.keys().len(), 10);
    let ended = account.rotate(&["--to", "file:key", "--delete-first", &account.old]);
    assert!(ended.status == 2 && ended.stderr.contains("is the old key or the key in use"), "{ended:?}");
    assert_eq!(account.keys().len(), 10);
    let ended = account.rotate(&["--to", "file:key", "--delete-first", keys.last().unwrap()]);
    assert_eq!(ended.status, 0, "{ended:?}");
    assert!(ended.stdout.contains(&format!("deleted: {}", keys.last().unwrap())), "{ended:?}");
}

#[test]
fn a_second_rotation_waits_for_the_end_of_the_first() {
    let account = Account::new();
    assert_eq!(account.rotate(&["--to", "file:key"]).status, 0);
    let keys = account.keys();
    let ended = account.rotate(&["--to", "file:key", "--json"]);
    assert_eq!(ended.status, 11, "{ended:?}");
    let error: Value = serde_json::from_str(&ended.stderr).unwrap();
    assert_eq!(error["error"]["code"], "in_progress");
    assert_eq!(error["error"]["hint"], "go on with: codat-keys rotate finish");
    assert_eq!(account.keys(), keys);
}

#[test]
fn two_rotations_at_once_make_one_key() {
    let account = Account::new();
    let faults = r#"{"faults":[{"method":"POST","fault":"delay-before","milliseconds":1500}]}"#;
    account.emulator.set_faults(faults).unwrap();
    let mut command = account.program();
    command
        .args(["rotate", "--to", "file:key"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped());
    let first = start(&mut command);
    crate::bounded::wait_until("the first rotation has begun", || {
        account.path("state/codat-keys/rotations/default/00000002.json").exists()
    });
    let second = account.rotate(&["--to", "file:key"]);
    assert_eq!(second.status, 10, "{second:?}");
    assert_eq!(first.wait_with_output().unwrap().status.code(), Some(0));
    assert_eq!(account.keys().len(), 3);
}

#[test]
fn a_journal_of_another_client_is_recognized() {
    let (one, other) = (Account::new(), Account::new());
    assert_eq!(one.rotate(&["--to", "file:key"]).status, 0);
    let (keys, journal) = (other.keys(), one.path("state/codat-keys/rotations"));
    for verb in ["finish", "resume", "abort"] {
        let ended = other.rotate(&[verb, "--journal", journal.to_str().unwrap()]);
        assert_eq!(ended.status, 2, "{ended:?}");
        assert!(ended.stderr.contains("--lock NAME") || ended.stderr.contains("another"), "{ended:?}");
    }
    assert_eq!(other.keys(), keys);
}

#[test]
fn a_failed_delivery_is_rolled_back() {
    let account = Account::new();
    let old = account.read("key");
    let ended = account.rotate(&["--to", "file:key", "--to", "command:false", "--read-command", "true"]);
    assert_eq!(ended.status, 1, "{ended:?}");
    for text in
        ["rolled back: ", "false failed (exit status: 1): it printed no error", "works, and there is no new key"]
    {
        assert!(ended.stderr.contains(text), "{text}: {ended:?}");
    }
    assert_eq!((account.read("key"), account.keys().len()), (old, 2));
    assert_eq!(account.status()["report"]["state"], "aborted");
}

#[test]
fn a_sink_that_conceals_the_new_key_is_named_before_it_is_left_as_it_is() {
    let account = Account::new();
    for copy in ["old", "store"] {
        fs::copy(account.path("key"), account.path(copy)).unwrap();
    }
    let read = "sh -c 'cmp -s store old && cat store || echo ******'";
    let sink = ["--to", "command:tee store", "--read-command", read];
    let ended = account.rotate(&sink);
    assert_eq!((ended.status, account.keys().len()), (11, 3), "{ended:?}");
    for text in
        ["command:tee store in ", " was not restored: ", "check it, and abort the rotation again", "rotate abort --to "]
    {
        assert!(ended.stderr.contains(text), "{text}: {ended:?}");
    }
    let ended = account.rotate(&[&["abort"], &sink[..]].concat());
    assert_eq!((ended.status, account.keys().len()), (0, 2), "{ended:?}");
    assert!(ended.stdout.contains("left as it is: command:tee store"), "{ended:?}");
}

#[test]
fn an_abort_restores_the_old_key_if_the_new_key_was_deleted() {
    let account = Account::new();
    let old = account.read("key");
    assert_eq!(account.rotate(&["--to", "file:key"]).status, 0);
    let deleted = run(&mut against(&account.emulator), &["delete", "--id", &account.newest(), "--yes"]);
    assert_eq!(deleted.status, 0, "{deleted:?}");
    let mut command = account.program();
    let ended = run(command.env("CODAT_API_KEY", &old).env_remove("CODAT_API_KEY_FILE"), &["rotate", "abort"]);
    assert_eq!(ended.status, 0, "{ended:?}");
    assert!(ended.stdout.contains("works, and Codat lists no new key"), "{ended:?}");
    assert!(ended.stdout.contains("with the old key again: file:"), "{ended:?}");
    assert_eq!(account.read("key"), old);
}

#[test]
fn an_error_repeats_what_was_last_known_of_a_sink() {
    let account = Account::new();
    assert_eq!(account.rotate(&["--to", "file:key"]).status, 0);
    fs::write(account.path("key"), account.emulator.api_key()).unwrap();
    let ended = account.rotate(&["finish"]);
    assert_eq!(ended.status, 11, "{ended:?}");
    for text in
        ["another program has changed its content", "as last known, both keys work", "as last known, with the new"]
    {
        assert!(ended.stderr.contains(text), "{text}: {ended:?}");
    }

    // The commands of this sink do not tell which key they have.
    let account = Account::new();
    let ended = account.rotate(&["--to", "command:tee copy", "--confirm-command", "false", "--grace", "0"]);
    assert_eq!((ended.status, account.read("copy")), (11, account.read("key").trim_end().to_owned()), "{ended:?}");
    assert!(ended.stderr.contains("as last known, with the old or the new key: command:tee copy"), "{ended:?}");
    assert_eq!(account.status()["report"]["sinks"][0]["progress"], "writing");
}

#[test]
fn a_signal_leaves_a_rotation_that_resumes() {
    let account = Account::new();
    let mut command = account.program();
    command.args(["rotate", "--to", "file:key", "--grace", "1h"]);
    command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
    let rotation = start(&mut command);
    crate::bounded::wait_until("the rotation waits", || account.status()["report"]["state"] == "grace");
    let pid = rustix::process::Pid::from_raw(rotation.id().cast_signed()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    let output = rotation.wait_with_output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(143), "{stderr}");
    assert!(stderr.contains("both keys work") && stderr.contains("go on with: codat-keys rotate resume"), "{stderr}");
    assert_eq!(account.rotate(&["finish"]).status, 0);
    assert_eq!(account.keys().len(), 2);
}

#[test]
fn a_profile_is_a_sink() {
    let account = Account::new();
    let key = account.read("key");
    let login = ["login", "--profile", "work", "--store", "file"];
    assert_eq!(run_with_input(&mut account.program(), &login, &key).status, 0);
    let profile = |arguments: &[&str]| {
        run(
            account.program().env_remove("CODAT_API_KEY_FILE").arg("rotate"),
            &[arguments, &["--profile", "work"]].concat(),
        )
    };
    let ended = profile(&["--to", "profile:work", "--grace", "0"]);
    assert_eq!(ended.status, 0, "{ended:?}");
    assert_eq!(account.read(&key_file("work", account.emulator.base_url())), account.value(&account.newest()));
    assert!(account.path("state/codat-keys/rotations/work").exists(), "the journal has the name of the profile");
    assert_eq!(run(&mut account.program(), &["whoami", "--profile", "work"]).status, 0);

    let (path, keys) = (account.path(&key_file("work", account.emulator.base_url())), account.keys());
    let ended = profile(&["--to", "profile:work", "--to", &format!("file:{}", path.display()), "--overwrite"]);
    assert!(ended.status == 2 && ended.stderr.contains("two sinks are the file"), "{ended:?}");
    assert_eq!(account.keys(), keys);
    // Unlike other sinks, the file of a profile does not keep its mode.
    fs::write(&path, "").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    let mut command = account.program();
    command.env_remove("CODAT_API_KEY_FILE").env("CODAT_API_KEY", account.value(&account.newest()));
    let ended = run(command.arg("rotate"), &["--to", "profile:work", "--grace", "0"]);
    assert_eq!((ended.status, fs::metadata(&path).unwrap().mode() & 0o777), (0, 0o600), "{ended:?}");

    if rustix::process::geteuid().is_root() {
        let file = account.path(&key_file("work", account.emulator.base_url()));
        let keys = account.keys();
        std::os::unix::fs::chown(&file, Some(65534), None).unwrap();
        let mut command = account.program();
        command.env_remove("CODAT_API_KEY_FILE").env("CODAT_API_KEY", account.value(&account.newest()));
        let ended = run(command.arg("rotate"), &["--to", "profile:work", "--overwrite"]);
        assert!(ended.status == 1 && ended.stderr.contains("belongs to user 65534"), "{ended:?}");
        assert_eq!(account.keys(), keys);
        std::os::unix::fs::chown(&file, Some(0), None).unwrap();
    }

    let elsewhere = Account::new();
    let ended = run(
        elsewhere.program().env("XDG_CONFIG_HOME", account.path("config")).arg("rotate"),
        &["--to", "profile:work"],
    );
    assert!(ended.status == 2 && ended.stderr.contains("not for"), "{ended:?}");
    assert!(ended.stderr.contains(&format!("with the base URL {}", elsewhere.emulator.base_url())), "{ended:?}");
}

#[test]
fn the_journal_contains_no_key() {
    let account = Account::new();
    let old = account.read("key");
    assert_eq!(account.rotate(&["--to", "file:key", "--grace", "0"]).status, 0);
    let new = account.read("key");
    let mut read = 0;
    for entry in fs::read_dir(account.path("state/codat-keys/rotations/default")).unwrap() {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        assert!(!text.contains(&old) && !text.contains(&new), "{}", path.display());
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o077, 0);
        read += 1;
    }
    assert!(read > 5);
    assert!(is_private(&account.path("state/codat-keys/rotations")));
}

/// The journal contains the text of a sink, because later commands read the sink from it.
#[test]
fn a_sink_whose_text_contains_a_key_is_refused() {
    let account = Account::new();
    let key = account.read("key");
    for sink in [format!("file:{key}"), "file:MadeUpKeyForTheTests0123456789abcdefGhIj".to_owned()] {
        let ended = account.rotate(&["--to", &sink]);
        assert!(ended.status == 2 && ended.stderr.contains("contains an API key, or what looks like one"), "{ended:?}");
        assert!(!format!("{ended:?}").contains(sink.trim_start_matches("file:")), "{ended:?}");
    }
    let entries = fs::read_dir(account.path("state/codat-keys/rotations/default")).unwrap();
    assert_eq!(entries.count(), 0, "no entry is written");
}

/// These commands have no client that knows the key, or fail before they have one. The keys do not look like Codat's.
#[test]
fn a_configured_key_in_the_place_of_a_name_or_path_is_masked_before_a_client_exists() {
    for key in ["MadeUp.Key-07", "3f786850e387550fdab836ed7e6dc881de23001b"] {
        for is_in_profile in [false, true] {
            let account = Account::new();
            write_private(&account.path("odd"), key);
            fs::create_dir_all(account.path("config/codat-keys")).unwrap();
            let config = format!(
                "[profiles.work]\nbase_url = \"https://a.example\"\nsource = {{ file = {:?} }}\n",
                account.path("odd")
            );
            write_private(&account.path("config/codat-keys/config.toml"), &config);
            let of_key = account.path(key);
            let of_key = of_key.to_str().unwrap();
            for arguments in [
                &["status", "--lock", key][..],
                &["resume", "--lock", key],
                &["status", "--journal", of_key],
                &["status", "--from", of_key],
                &["--to", "file:key", "--lock", key],
                &["--to", "file:key", "--journal", of_key],
            ] {
                let mut command = account.program();
                match is_in_profile {
                    true => command.env_remove("CODAT_API_KEY_FILE").env("CODAT_PROFILE", "work"),
                    false => command.env("CODAT_API_KEY_FILE", account.path("odd")).env_remove("XDG_CONFIG_HOME"),
                };
                let ended = run(command.arg("rotate"), arguments);
                assert!(ended.status != 0 && !ended.stderr.is_empty(), "{arguments:?}: {ended:?}");
                assert!(!format!("{ended:?}").contains(key), "{arguments:?}: {ended:?}");
                assert!(!account.path(key).exists() && !account.path("state").exists(), "{arguments:?}: {ended:?}");
            }
        }
    }
}

/// A masked path would name another file.
#[test]
fn a_sink_whose_path_contains_a_digest_is_restored_and_delivered() {
    const DIGEST: &str = "3f786850e387550fdab836ed7e6dc881de23001b";
    for (last, is_rotated) in [("abort", false), ("finish", true)] {
        let account = Account::new();
        fs::create_dir(account.path(DIGEST)).unwrap();
        let old = account.read("key");
        write_private(&account.path(&format!("{DIGEST}/key")), &old);
        let sink = format!("file:{DIGEST}/key");
        assert_eq!(account.rotate(&["--to", "file:key", "--to", &sink]).status, 0);
        assert_eq!(account.rotate(&[last]).status, 0);
        let delivered = account.read(&format!("{DIGEST}/key"));
        assert_eq!((delivered != old, &delivered), (is_rotated, &account.read("key")));
        assert_eq!(run(&mut account.program(), &["whoami"]).status, 0);
    }
}

/// A part of a key would not be masked.
#[test]
fn a_name_that_contains_a_key_is_not_the_base_of_the_new_name() {
    let account = Account::new();
    let listed = "MadeUpKeyOfAnotherProgram000000000000042";
    for name in [listed, "MadeUpKeyThatIsNotListed0000000000000000"] {
        let keys = serde_json::json!({ "keys": [
            { "id": "a", "name": name, "apiKey": account.read("key") }, { "id": "b", "apiKey": listed },
        ] });
        account.emulator.set_state(&keys.to_string()).unwrap();
        let planned = account.rotate(&["a", "--to", "file:key", "--dry-run"]);
        assert!(planned.status == 0 && planned.stdout.contains(" named key~"), "{planned:?}");
        assert!(!planned.stdout.contains(&name[..20]), "{planned:?}");
    }
    let named = account.rotate(&["a", "--to", "file:key", "--name", listed]);
    assert!(named.status != 0 && named.stderr.contains("the name for the new key contains an API key"), "{named:?}");
    assert!(!format!("{named:?}").contains(&listed[..20]), "{named:?}");
}

/// A server may give any id. The journal contains ids.
#[test]
fn an_id_that_contains_a_key_is_not_stored() {
    let account = Account::new();
    let key = account.read("key");
    let keys = serde_json::json!({ "keys": [{ "id": key, "apiKey": key }, { "id": "b" }] });
    account.emulator.set_state(&keys.to_string()).unwrap();
    let ended = account.rotate(&["--to", "file:key"]);
    assert!(ended.status != 0 && ended.stderr.contains("the id of a key contains an API key"), "{ended:?}");
    assert!(!format!("{ended:?}").contains(&key), "{ended:?}");
    for entry in fs::read_dir(account.path("state/codat-keys/rotations/default")).into_iter().flatten() {
        assert!(!fs::read_to_string(entry.unwrap().path()).unwrap().contains(&key));
    }
}

#[test]
fn invisible_characters_of_a_name_are_escaped() {
    let account = Account::new();
    let name = "pay\u{202e}roll\u{200b}\u{2028}x";
    let keys = json!({ "keys": [{ "id": "a", "name": name, "apiKey": account.read("key") }, { "id": "b" }] });
    account.emulator.set_state(&keys.to_string()).unwrap();
    let rotation = ["--to", "file:key"];
    for arguments in [&["--to", "file:key", "--dry-run"][..], &rotation, &["status"], &rotation, &["finish"]] {
        let ended = account.rotate(arguments);
        let shown = ended.stdout.clone() + &ended.stderr;
        assert!(shown.contains(r"pay\u{202e}roll\u{200b}\u{2028}x~"), "{arguments:?}: {ended:?}");
        assert!(!shown.contains(['\u{202e}', '\u{200b}', '\u{2028}']), "{arguments:?}: {ended:?}");
    }
}

fn write_private(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
}

#[test]
fn an_unusable_journal_is_named() {
    let account = Account::new();
    assert_eq!(account.rotate(&["--to", "file:key", "--lock", "nightly"]).status, 0);
    let entries = fs::read_dir(account.path("state/codat-keys/rotations/nightly")).unwrap();
    entries.for_each(|entry| fs::write(entry.unwrap().path(), "{}").unwrap());
    let ended = account.rotate(&["--to", "file:key", "--lock", "nightly"]);
    assert!(ended.status == 1 && ended.stderr.contains("the journal `nightly` cannot be used: entry "), "{ended:?}");
    assert!(ended.stderr.contains("make the journal readable and writable"), "{ended:?}");
}

fn is_private(folder: &Path) -> bool {
    fs::metadata(folder).unwrap().mode() & 0o777 == 0o700
}

#[test]
fn a_journal_that_others_can_write_is_refused() {
    let account = Account::new();
    fs::create_dir(account.path("shared")).unwrap();
    // The sticky bit does not keep others from creating a journal.
    for mode in [0o777, 0o1777] {
        fs::set_permissions(account.path("shared"), fs::Permissions::from_mode(mode)).unwrap();
        for arguments in [&["--to", "file:key"][..], &["finish"], &["status"]] {
            let ended = account.rotate(&[arguments, &["--journal", "shared"]].concat());
            assert!(ended.status == 1 && ended.stderr.contains("not trusted"), "{ended:?}");
            // The sticky bit shows that other users need the folder.
            let hint = if mode == 0o777 { "run: chmod go-w /" } else { "name a folder that only you can change" };
            assert!(ended.stderr.contains(hint), "{ended:?}");
        }
    }
    assert_eq!(account.keys().len(), 2);
}

/// The journal names the places that get a key.
#[test]
fn a_journal_that_others_have_prepared_is_refused() {
    let account = Account::new();
    let own = account.path("shared/default");
    fs::create_dir_all(&own).unwrap();
    fs::set_permissions(account.path("shared"), fs::Permissions::from_mode(0o700)).unwrap();
    let refused = |text: &str| {
        for arguments in [&["--to", "file:key"][..], &["resume", "--to", "file:key"]] {
            let ended = account.rotate(&[arguments, &["--journal", "shared"]].concat());
            assert!(ended.status == 1 && ended.stderr.contains(text), "{text}: {ended:?}");
            assert_eq!(ended.stderr.matches("error:").count(), 1, "{ended:?}");
        }
    };
    fs::set_permissions(&own, fs::Permissions::from_mode(0o1777)).unwrap();
    refused("default can be changed by other users");
    fs::set_permissions(&own, fs::Permissions::from_mode(0o700)).unwrap();
    if rustix::process::geteuid().is_root() {
        std::os::unix::fs::chown(&own, Some(65534), None).unwrap();
        refused("default belongs to user 65534");
        std::os::unix::fs::chown(&own, Some(0), None).unwrap();
    }
    symlink(account.path("elsewhere"), own.join("lock")).unwrap();
    refused("lock: it is a link");
    assert!(!account.path("elsewhere").exists());
    fs::remove_file(own.join("lock")).unwrap();
    assert!(Command::new("mkfifo").arg(own.join("lock")).status().unwrap().success());
    refused("lock: it is no regular file");
    assert_eq!(account.keys().len(), 2);
}

/// Otherwise another user could create the folder, in a folder such as `/tmp`, while a command or a request runs.
#[test]
fn the_folder_of_the_journal_exists_before_the_first_request() {
    let account = Account::new();
    let folder = account.path("state/codat-keys/rotations/default");
    assert!(account.status().is_null() && !account.path("state").exists(), "`status` creates nothing");
    let seen = folder.clone();
    let server = RawServer::with_handler(move |_| {
        let is_there = fs::metadata(&seen).is_ok_and(|folder| folder.mode() & 0o777 == 0o700);
        reply(if is_there { 402 } else { 404 }, "{}")
    });
    let ended = run(account.program().env("CODAT_BASE_URL", &server.url).arg("rotate"), &["--to", "file:key"]);
    assert!(ended.status == 4 && !server.requests().is_empty(), "{ended:?}");
    assert!(!folder.join("00000001.json").exists() || account.status()["report"]["state"] == "aborted");
}

/// Starts the rotation `arguments` of an account, waits until its journal shows `state`, and sends a signal. Returns the
/// status and standard error.
fn stopped_in(account: &Account, command: &mut Command, state: &str, signal: Signal) -> (Option<i32>, String) {
    let rotation = start(command.stderr(Stdio::piped()));
    wait_until("the state is reached", || account.status()["report"]["state"] == state);
    kill_process(Pid::from_child(&rotation), signal).unwrap();
    let ended = rotation.wait_with_output().unwrap();
    (ended.status.code(), String::from_utf8(ended.stderr).unwrap())
}

#[test]
fn a_signal_during_a_creation_or_a_deletion_has_the_status_of_an_unknown_outcome() {
    for (method, state, said) in
        [("POST", "create", "a new key named "), ("DELETE", "retire", "the deletion of the old key ")]
    {
        let account = Account::new();
        let faults = json!({ "faults": [{ "method": method, "fault": "delay-before", "milliseconds": 5000 }] });
        account.emulator.set_faults(&faults.to_string()).unwrap();
        let mut command = account.program();
        command.args(["rotate", "--to", "file:key", "--grace", "0"]).stdout(Stdio::null());
        let (status, stderr) = stopped_in(&account, &mut command, state, Signal::TERM);
        assert_eq!(status, Some(9), "{stderr}");
        assert!(stderr.contains(said) && stderr.contains("go on with: codat-keys rotate resume"), "{stderr}");
    }
}

#[test]
fn a_signal_stops_a_rotation_with_a_blocked_standard_output() {
    for (grace, state, status, said) in [
        ("1h", "grace", 143, "note: as last known, both keys work"),
        ("0", "done", 143, "note: the rotation is complete; the new key "),
    ] {
        let (account, pipe) = (Account::new(), std::io::pipe().unwrap());
        fill(&pipe.1);
        let mut command = account.program();
        command.args(["rotate", "--to", "file:key", "--json", "--grace", grace]).stdout(pipe.1.try_clone().unwrap());
        let (ended, stderr) = stopped_in(&account, &mut command, state, Signal::TERM);
        let stderr = stderr.replace("\"notes\":[\"", "note: ");
        assert!(ended == Some(status) && stderr.contains(said), "{grace}: {ended:?} {stderr}");
    }
}

#[test]
fn a_signal_stops_a_rotation_that_waits_for_the_configuration() {
    let account = Account::new();
    let login = ["login", "--profile", "work", "--store", "file"];
    assert_eq!(run_with_input(&mut account.program(), &login, &account.read("key")).status, 0);
    let lock = fs::File::create(account.path("config/codat-keys/config.lock")).unwrap();
    lock.lock().unwrap();
    let mut command = account.program();
    command.args(["rotate", "--to", "profile:work"]).stdout(Stdio::null());
    let rotation = start(command.stderr(Stdio::piped()));
    wait_until("the profile is written", || account.status()["report"]["sinks"][0]["progress"] == "writing");
    let begun = Instant::now();
    kill_process(Pid::from_child(&rotation), Signal::TERM).unwrap();
    assert_eq!(rotation.wait_with_output().unwrap().status.code(), Some(143));
    // The rotation waits for 10 s for the lock.
    assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
}

/// The last lines must name the new key, because the journal does not contain it.
#[test]
fn a_journal_that_is_lost_during_a_rotation_is_an_error_with_the_facts() {
    let account = Account::new();
    fs::write(account.path("copy"), "").unwrap();
    let lose = "command:sh -c 'cat > copy; rm -r journals; touch journals'";
    let sinks = ["--to", lose, "--read-command", "cat copy", "--to", "file:key"];
    let ended = account.rotate(&[&sinks[..], &["--journal", "journals"]].concat());
    assert_eq!(ended.status, 1, "{ended:?}");
    let new = account.newest();
    for text in [
        format!("note: as last known, the old key {} works; the new key {new} (billing~", account.old),
        "note: as last known, with the new key: command:sh".into(),
        format!("if the journal is lost, go on with: codat-keys rotate recover {} ", account.old),
    ] {
        assert!(ended.stderr.contains(&text), "{text}: {ended:?}");
    }
}
