//! `--out FILE` reserves the file before a key is created, so that no key is created that cannot be written.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Stdio};

use codat_keys_emulator::Emulator;
use serde_json::Value;

use crate::raw_server::{RawServer, Reply, json};
use crate::support::{Ended, PROGRAM, against, run, with_key};

const KEY: &str = "MadeUpKeyA000000000000000000000000000000";
const MADE: &str = "MadeUpKeyB000000000000000000000000000000";

/// Returns the values of the keys that have a name.
fn made(emulator: &Emulator) -> Vec<String> {
    let listed = run(&mut against(emulator), &["list", "--json", "--reveal"]).stdout;
    let listed: Value = serde_json::from_str(&listed).unwrap();
    let named = listed["keys"].as_array().unwrap().iter().filter(|key| !key["name"].is_null());
    named.map(|key| key["key"].as_str().unwrap().to_owned()).collect()
}

fn create(emulator: &Emulator, arguments: &[&str]) -> Ended {
    run(&mut against(emulator), &[&["create", "ci"], arguments].concat())
}

fn files(folder: &Path) -> Vec<String> {
    folder.read_dir().unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

/// Starts a server with one key. It calls `on_create` during each create, then sends `answer`.
fn server(on_create: impl Fn() + Send + Sync + 'static, answer: Reply) -> RawServer {
    RawServer::with_handler(move |request| match request.starts_with("POST ") {
        true => {
            on_create();
            answer.clone()
        }
        false => json(200, &format!(r#"{{"results":[{{"id":"a","apiKey":"{KEY}"}}]}}"#)),
    })
}

fn created() -> Reply {
    json(201, &format!(r#"{{"id":"b","name":"ci","apiKey":"{MADE}"}}"#))
}

#[test]
fn concurrent_creates_create_one_key_per_success() {
    for more in [&[][..], &["--overwrite"]] {
        for exists in [false, true] {
            let (emulator, folder) = (Emulator::start().unwrap(), tempfile::tempdir().unwrap());
            // The delay ensures that all commands have passed their checks before one of them writes the file.
            let faults = r#"{"faults":[{"method":"POST","fault":"delay-before","milliseconds":300,"count":9}]}"#;
            emulator.set_faults(faults).unwrap();
            let file = folder.path().join("same.txt");
            if exists {
                fs::write(&file, "before").unwrap();
            }
            let start = |number: usize| {
                let mut command = against(&emulator);
                command.args(["create", &format!("r{number}"), "--out"]).arg(&file).args(more);
                command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
            };
            let ended: Vec<_> = (0..6).map(start).map(|mut child| move || child.wait().unwrap().code()).collect();
            let statuses: Vec<_> = ended.into_iter().map(|mut wait| wait()).collect();
            let (keys, succeeded) = (made(&emulator), statuses.iter().filter(|status| **status == Some(0)).count());
            assert_eq!(keys.len(), succeeded, "{more:?} {exists} {statuses:?}");
            let claimed = !exists || !more.is_empty();
            assert_eq!(succeeded > 0, claimed, "{more:?} {exists} {statuses:?}");
            assert!(statuses.iter().all(|status| matches!(status, Some(0 | 2))), "{statuses:?}");
            let content = fs::read_to_string(&file).unwrap();
            assert!(if claimed { keys.contains(&content) } else { content == "before" }, "{more:?} {exists}");
            assert_eq!(files(folder.path()), ["same.txt"]);
        }
    }
}

#[test]
fn a_failed_create_leaves_no_new_file_and_keeps_an_old_one() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("key");
    for (answer, status) in [(json(400, r#"{"error":"no"}"#), 2), (json(401, ""), 4), (Reply::Disconnect, 9)] {
        for exists in [false, true] {
            if exists {
                fs::write(&file, "before").unwrap();
            }
            let server = server(|| {}, answer.clone());
            let arguments = ["create", "ci", "--timeout", "2", "--overwrite", "--out", file.to_str().unwrap()];
            let ended = run(&mut with_key(&server.url, KEY), &arguments);
            assert_eq!(ended.status, status, "{ended:?}");
            assert_eq!(fs::read_to_string(&file).ok(), exists.then(|| "before".to_owned()), "{status}");
            assert_eq!(files(folder.path()).len(), usize::from(exists));
            let _ = fs::remove_file(&file);
        }
    }
}

#[test]
fn a_file_created_during_the_request_is_kept() {
    for (answer, status) in [(created(), 1), (json(400, r#"{"error":"no"}"#), 2)] {
        let folder = tempfile::tempdir().unwrap();
        let (file, other) = (folder.path().join("key"), folder.path().join("other"));
        let (from, to) = (other.clone(), file.clone());
        fs::write(&other, "of another program").unwrap();
        let server = server(move || drop(fs::rename(&from, &to)), answer);
        let ended = run(&mut with_key(&server.url, KEY), &["create", "ci", "--out", file.to_str().unwrap()]);
        assert_eq!(ended.status, status, "{ended:?}");
        assert_eq!(fs::read_to_string(&file).unwrap(), "of another program");
        assert_eq!(ended.stderr.contains("codat-keys show --id b --out FILE"), status == 1, "{ended:?}");
        assert!(!ended.stderr.contains(MADE), "{ended:?}");
    }
}

#[test]
fn invalid_targets_are_rejected_before_sending() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    fs::write(path("target"), "kept").unwrap();
    symlink(path("target"), path("link")).unwrap();
    symlink(path("nothing"), path("dangling")).unwrap();
    fs::create_dir(path("folder")).unwrap();
    let not_regular = "is not a regular file";
    for (out, error) in [
        (path("link"), not_regular),
        (path("dangling"), not_regular),
        (path("folder"), not_regular),
        ("/dev/full".into(), not_regular),
        ("/dev/null".into(), not_regular),
        ("/dev/stdout".into(), not_regular),
        (path("missing/key"), "cannot be written: No such file or directory"),
        (path("target/key"), "cannot be written: Not a directory"),
        (path("new/"), "cannot be written: Is a directory"),
        (path(&"x.".repeat(150)), "cannot be written: File name too long"),
    ] {
        for more in [&[][..], &["--overwrite"]] {
            for command in ["create", "show"] {
                let server = server(|| {}, created());
                let arguments = [&[command, "ci", "--out", &out], more].concat();
                let ended = run(&mut with_key(&server.url, KEY), &arguments);
                assert_eq!((ended.status, server.requests().len()), (2, 0), "{ended:?}");
                assert!(ended.stderr.starts_with(&format!("error: {out} {error}")), "{error}: {ended:?}");
                assert!(ended.stderr.ends_with("; nothing was sent\n"), "{ended:?}");
            }
        }
    }
    assert_eq!(fs::read_to_string(path("target")).unwrap(), "kept");
    assert_eq!(files(folder.path()).len(), 4);
}

#[test]
fn a_file_size_limit_is_detected_before_the_create() {
    let (emulator, folder) = (Emulator::start().unwrap(), tempfile::tempdir().unwrap());
    let script = r#"ulimit -f 0; exec "$0" create ci --out key"#;
    let mut shell = in_shell(&emulator, script);
    let ended = run(shell.current_dir(&folder), &[]);
    assert_eq!(ended.status, 2, "{ended:?}");
    assert!(ended.stderr.starts_with("error: key cannot be written: File too large"), "{ended:?}");
    assert!(made(&emulator).is_empty() && files(folder.path()).is_empty());
}

/// Returns a command that runs a shell script. `$0` is the program.
fn in_shell(emulator: &Emulator, script: &str) -> Command {
    let mut shell = Command::new("sh");
    shell.args(["-c", script, PROGRAM]);
    crate::support::clear_environment(&mut shell);
    shell.env("CODAT_BASE_URL", emulator.base_url()).env("CODAT_API_KEY", emulator.api_key());
    shell
}

/// Requires a mount namespace, which not all machines allow.
#[test]
#[cfg(target_os = "linux")]
fn mounts_are_written_in_place_or_rejected_before_the_create() {
    let may =
        |arguments: &[&str]| Command::new("unshare").args(arguments).status().is_ok_and(|status| status.success());
    let Some(unshare) = [&["-m"][..], &["-rm"]]
        .into_iter()
        .find(|options| may(&[options, &["sh", "-c", "mount -t tmpfs probe /tmp"][..]].concat()))
    else {
        return eprintln!("skipped: this machine allows no mount namespace");
    };
    for (what, script, status) in [
        ("a file that is a mount point", "echo before > key; echo mounted > other; mount --bind other key", 0),
        (
            "a file that is a mount point, in a folder that takes no other file",
            "mkdir d; mount -t tmpfs two d; echo mounted > d/other; echo > key; mount --bind d/other key; mount -o remount,ro .",
            0,
        ),
        ("a file that is mounted to be read", "echo > key; mount --bind key key; mount -o remount,bind,ro key", 2),
        ("a folder that is mounted to be read", "echo > key; mount -o remount,ro .", 2),
        ("a disk that is full", "head -c 9999999 /dev/zero > rest || :", 2),
        (
            "a disk that is full behind a mount point",
            "touch key; mkdir d; mount -t tmpfs -o size=4k full d; touch d/key; head -c 9999 /dev/zero > d/rest || :; mount --bind d/key key",
            2,
        ),
    ] {
        let (emulator, folder) = (Emulator::start().unwrap(), tempfile::tempdir().unwrap());
        let script = format!(
            r#"mkdir m; mount -t tmpfs -o size=64k one m; cd m; {{ {script}; }} 2>/dev/null >&2
            "$0" create ci --out key --overwrite; status=$?; cat key >&2; exit $status"#
        );
        let mut command = Command::new("unshare");
        command.args(unshare).args(["sh", "-c", &script, PROGRAM]).current_dir(&folder);
        crate::support::clear_environment(&mut command);
        command.env("CODAT_BASE_URL", emulator.base_url()).env("CODAT_API_KEY", emulator.api_key());
        let ended = run(&mut command, &[]);
        assert_eq!(ended.status, status, "{what}: {ended:?}");
        let keys = made(&emulator);
        assert_eq!(keys.len(), usize::from(status == 0), "{what}: {ended:?}");
        assert!(keys.iter().all(|key| ended.stderr.contains(key)), "{what}: {ended:?}");
    }
}

#[test]
fn a_dash_means_standard_output() {
    let emulator = Emulator::start().unwrap();
    let ended = create(&emulator, &["--out", "-"]);
    assert_eq!(ended.stdout, format!("{}\n", made(&emulator)[0]), "{ended:?}");
    assert_eq!(run(&mut against(&emulator), &["show", "ci", "--out", "-"]).stdout, ended.stdout);
    let ended = create(&emulator, &["--json", "--out", "-"]);
    assert_eq!((ended.status, ended.stdout.as_str(), made(&emulator).len()), (2, "", 1), "{ended:?}");
    let (status, shown) = crate::terminal::on_a_terminal(against(&emulator).args(["create", "ci", "--out", "-"]), "");
    assert!(status == 2 && shown.contains("would be shown on this terminal"), "{shown}");

    let inject = ["inject", "-", "--out", "-"];
    let ended = crate::support::run_with_input(&mut against(&emulator), &inject, "k={{codat.key}}");
    assert_eq!((ended.status, ended.stdout), (0, format!("k={}", emulator.api_key())));
    assert!(!Path::new("-").exists(), "no file of that name is made");
}

#[test]
fn overwrite_without_a_file_is_rejected_before_the_create() {
    let emulator = Emulator::start().unwrap();
    for command in [
        &["create", "new", "--reveal", "--overwrite"][..],
        &["create", "new", "--out", "-", "--overwrite"],
        &["show", "none", "--reveal", "--overwrite"],
        &["inject", "--reveal", "--overwrite"],
        &["inject", "--out", "-", "--overwrite"],
    ] {
        let ended = run(&mut against(&emulator), command);
        let error = "error: --overwrite requires --out with a file\n\
                     hint: name the file with --out FILE, or leave --overwrite out; nothing was sent\n";
        assert_eq!((ended.status, ended.stderr.as_str()), (2, error), "{command:?}");
    }
    assert!(made(&emulator).is_empty());
    assert_eq!(run(&mut against(&emulator), &["emulator", "--explain", "--json"]).status, 2);
}

#[test]
fn a_closed_output_is_detected_before_the_create() {
    let emulator = Emulator::start().unwrap();
    let key = emulator.api_key();
    let run_script = |script: &str| run(&mut in_shell(&emulator, script), &[]);
    for command in [
        "create new --reveal",
        "create new --out -",
        "create new --json --reveal",
        "create new --json",
        "create new --json --out key",
        "create new",
        "list",
        "show none",
        "whoami",
        "audit",
        "doctor",
        "demo",
        "emulator",
        "emulator --explain",
        "profile list",
        "profile show",
        "man",
        "help",
        "help exit-status",
        "completions bash",
        "--help",
        "--version",
        "api /companies --output -",
        #[cfg(feature = "portal")]
        "portal --demo --no-open",
        "show none --reveal",
        "api POST /apiKeys -f name=new",
        "api PUT /companies/a -f name=new",
        "api DELETE /apiKeys/a --force",
        "api /companies",
        "api /companies --paginate --jsonl",
        "delete none --yes --json",
        "show none --json",
        "list --json",
        "whoami --json",
        "audit --json",
        "doctor --json",
        "profile list --json",
        "header",
        "env",
        "inject",
    ] {
        for closed in [">&-", "1</dev/null"] {
            let script = format!(r#"echo "$CODAT_API_KEY{{{{codat.key}}}}" | "$0" {command} {closed}"#);
            let ended = run_script(&script);
            assert_eq!(ended.status, 1, "{script}: {ended:?}");
            assert!(ended.stderr.contains("; nothing was sent"), "{script}: {ended:?}");
            assert!(
                ended.stderr.contains("standard output is closed: the output would be lost"),
                "{script}: {ended:?}"
            );
            assert!(!ended.stderr.contains(key), "{script}: {ended:?}");
        }
    }
    assert!(made(&emulator).is_empty() && !Path::new("key").exists());
    assert_eq!(run_script(r#""$0" create new --reveal >/dev/null"#).status, 0, "a discarded output is allowed");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("key");
    let script = format!(r#""$0" create other --out {} >&-"#, file.display());
    assert_eq!((run_script(&script).status, file.exists()), (0, true), "the value is in the file");
    assert_eq!(run_script(r#""$0" api POST /apiKeys -f name=third >/dev/null"#).status, 0);
}

/// `subprocess.DEVNULL` of Python and `stdio: "ignore"` of Node are null devices that are open for reading and writing.
#[test]
fn an_output_that_the_parent_ignores_is_not_closed() {
    let emulator = Emulator::start().unwrap();
    for arguments in [&["list"][..], &["whoami", "--json"], &["create", "new", "--reveal"], &["--version"]] {
        let null = fs::OpenOptions::new().read(true).write(true).open("/dev/null").unwrap();
        let status = crate::support::start(against(&emulator).args(arguments).stdout(null)).wait().unwrap();
        assert_eq!(status.code(), Some(0), "{arguments:?}");
    }
}

#[test]
#[cfg(target_os = "linux")]
fn an_error_of_standard_output_says_how_to_fetch_the_key() {
    let emulator = Emulator::start().unwrap();
    let full = || fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let closed = || {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        writer
    };
    let check = |command: &mut Command, more: &[&str]| {
        for stdout in [Stdio::from(full()), Stdio::from(closed())] {
            let ended = command.stdout(stdout).stderr(Stdio::piped()).spawn().unwrap().wait_with_output().unwrap();
            let said = String::from_utf8(ended.stderr).unwrap();
            assert_eq!(ended.status.code(), Some(1), "{command:?}: {said}");
            assert!(said.contains("standard output cannot be written: "), "{said}");
            assert!(more.iter().all(|more| said.contains(more)), "{said}");
        }
    };
    let fetch = "the key exists: fetch it with `codat-keys show --id ";
    check(against(&emulator).args(["create", "a", "--reveal"]), &["created ", fetch, " --out FILE`\n"]);
    check(against(&emulator).args(["create", "b", "--json", "--reveal"]), &["\"notes\":[\"created ", fetch]);
    create(&emulator, &[]);
    check(against(&emulator).args(["show", "ci", "--reveal"]), &[fetch]);
    check(against(&emulator).arg("env"), &["hint: "]);
    check(
        against(&emulator).args(["api", "POST", "/apiKeys", "-f", "name=x"]),
        &["the call was made and answered: HTTP 201"],
    );
}

#[test]
fn a_limit_of_open_files_leaves_no_file() {
    let emulator = Emulator::start().unwrap();
    let mut said = String::new();
    for limit in 4..24 {
        let folder = tempfile::tempdir().unwrap();
        let script = format!(r#"ulimit -n {limit}; exec "$0" create ci --out key"#);
        let ended = run(in_shell(&emulator, &script).current_dir(folder.path()), &[]);
        assert_eq!(files(folder.path()).is_empty(), ended.status != 0, "{limit}: {ended:?}");
        said += &ended.stderr;
    }
    assert!(said.contains("key cannot be written: Too many open files"), "{said}");
    assert!(!said.contains("another command"), "{said}");
}

/// Requires root, because only root can write files of another user.
#[test]
fn files_of_other_users_are_not_overwritten() {
    use std::os::unix::fs::chown;
    if !rustix::process::geteuid().is_root() {
        eprintln!("skipped: only root can change the owner of a file");
        return;
    }
    let (emulator, folder) = (Emulator::start().unwrap(), tempfile::tempdir().unwrap());
    let (own, others) = (folder.path().join("own"), folder.path().join("others"));
    for folder in [&own, &others] {
        fs::create_dir(folder).unwrap();
        fs::write(folder.join("key"), "before").unwrap();
    }
    chown(own.join("key"), Some(1000), None).unwrap();
    chown(&others, Some(1000), None).unwrap();
    for (file, what) in [(own.join("key"), "key"), (others.join("key"), "others")] {
        let ended = create(&emulator, &["--overwrite", "--out", file.to_str().unwrap()]);
        let said =
            format!("{what} belongs to user 1000, not to user 0 or root\nhint: name a file that does not exist, ");
        assert!(ended.status == 2 && ended.stderr.contains(&said), "{ended:?}");
        assert_eq!((fs::read_to_string(&file).unwrap().as_str(), made(&emulator).len()), ("before", 0));
    }
}
