//! Tests of `login`: the key is checked, stored in the reported place, and sent only to the origin of its profile.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;
use std::thread;

use codat_keys_emulator::Emulator;

use crate::home::{Home, key_file};
use crate::raw_server::{RawServer, json};
use crate::support::{run, run_with_input, start};

const KEY: &str = "MadeUpKeyForTheLogin0123456789abcdefGhIj";

#[test]
fn login_without_a_keyring_names_the_file() {
    let (home, emulator) = (Home::new(), Emulator::start().unwrap());
    let ended = home.login(emulator.base_url(), emulator.api_key(), &[]);
    assert_eq!((ended.status, ended.stdout.as_str()), (0, ""), "{ended:?}");
    let file = home.path().join(key_file("default", emulator.base_url()));
    assert!(ended.stderr.starts_with("note: there is no keyring here ("), "{ended:?}");
    assert!(ended.stderr.contains(&format!("a file that only you can read: {}\n", file.display())), "{ended:?}");
    assert!(ended.stderr.ends_with("\nthe profile `default` is in use\n"), "{ended:?}");
    assert_eq!(fs::read_to_string(&file).unwrap(), emulator.api_key());
    assert_eq!(run(&mut home.program(), &["list"]).status, 0);

    let ended = home.login(emulator.base_url(), emulator.api_key(), &["--store", "keyring"]);
    assert_eq!(ended.status, 1, "{ended:?}");
    assert!(ended.stderr.starts_with("error: there is no keyring here: "), "{ended:?}");
}

#[test]
fn a_rejected_key_is_not_stored() {
    let (home, emulator) = (Home::new(), Emulator::start().unwrap());
    let ended = home.login(emulator.base_url(), KEY, &[]);
    assert_eq!(ended.status, 4, "{ended:?}");
    assert!(ended.stderr.contains("HTTP 401"), "{ended:?}");
    assert_eq!(home.path().read_dir().unwrap().count(), 0, "nothing is made");

    // A rejected key does not replace a valid key.
    assert_eq!(home.login(emulator.base_url(), emulator.api_key(), &[]).status, 0);
    assert_eq!(home.login(emulator.base_url(), KEY, &[]).status, 4);
    assert_eq!(home.files_with(KEY), [""; 0]);
    assert_eq!(run(&mut home.program(), &["list"]).status, 0);
}

#[test]
fn concurrent_changes_during_a_login_are_kept() {
    let (home, emulator) = (Home::new(), Emulator::start().unwrap());
    let mut slow = home.program();
    slow.args(["login", "--profile", "slow", "--base-url", emulator.base_url()]).stdin(Stdio::piped());
    let mut slow = start(slow.stderr(Stdio::null()));
    assert_eq!(home.login(emulator.base_url(), emulator.api_key(), &["--profile", "quick"]).status, 0);
    slow.stdin.take().unwrap().write_all(emulator.api_key().as_bytes()).unwrap();
    assert!(slow.wait().unwrap().success());
    let listed = run(&mut home.program(), &["profile", "list"]).stdout;
    assert_eq!(listed.lines().map(|line| line.split('\t').next().unwrap()).collect::<Vec<_>>(), ["quick", "slow"]);
}

#[test]
fn concurrent_logins_store_all_keys() {
    let (home, emulator) = (Home::new(), Emulator::start().unwrap());
    thread::scope(|scope| {
        for number in 0..8 {
            let (home, emulator) = (&home, &emulator);
            scope.spawn(move || {
                let name = format!("p{number}");
                assert_eq!(home.login(emulator.base_url(), emulator.api_key(), &["--profile", &name]).status, 0);
            });
        }
    });
    assert_eq!(run(&mut home.program(), &["profile", "list"]).stdout.lines().count(), 8);
}

#[test]
fn no_key_is_stored_if_the_profile_cannot_be_written() {
    let (home, emulator) = (Home::new(), Emulator::start().unwrap());
    fs::create_dir_all(home.config().with_file_name("config.lock")).unwrap();
    let ended = home.login(emulator.base_url(), emulator.api_key(), &[]);
    assert_eq!(ended.status, 1, "{ended:?}");
    assert!(ended.stderr.contains("config.lock cannot be written"), "{ended:?}");
    assert_eq!(home.files_with(emulator.api_key()), [""; 0]);
}

#[test]
fn waiting_for_a_lock_of_another_process_times_out() {
    let (home, emulator) = (Home::new(), Emulator::start().unwrap());
    assert_eq!(home.login(emulator.base_url(), emulator.api_key(), &[]).status, 0);
    let path = home.config().with_file_name("config.lock");
    let lock = fs::File::open(&path).unwrap();
    lock.lock().unwrap();
    thread::scope(|scope| {
        let login = scope.spawn(|| home.login(emulator.base_url(), emulator.api_key(), &["--profile", "work"]));
        let others = [&["profile", "use", "default"][..], &["logout"]];
        let others = others.map(|arguments| scope.spawn(|| run(&mut home.program(), arguments)));
        for ended in [login].into_iter().chain(others).map(|command| command.join().unwrap()) {
            assert_eq!(ended.status, 1, "{ended:?}");
            let what = format!("error: {} has been locked by another process for more than 10s\n", path.display());
            assert!(ended.stderr.contains(&what), "{ended:?}");
        }
    });
    drop(lock);
    assert_eq!(run(&mut home.program(), &["logout"]).status, 0);
}

#[test]
fn other_users_cannot_hold_the_lock() {
    let (home, emulator) = (Home::new(), Emulator::start().unwrap());
    let path = home.config().with_file_name("config.lock");
    let mode = || fs::metadata(&path).unwrap().permissions().mode() & 0o777;
    assert_eq!(home.login(emulator.base_url(), emulator.api_key(), &[]).status, 0);
    assert_eq!(mode(), 0o600);
    // Earlier versions created the file with this mode.
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    assert_eq!(run(&mut home.program(), &["profile", "use", "default"]).status, 0);
    assert_eq!(mode(), 0o600);

    // Opening a pipe would block. A link would refer to a file that its creator selects.
    fs::remove_file(&path).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
    assert_eq!(run(&mut home.program(), &["profile", "use", "default"]).status, 0);
    fs::remove_file(&path).unwrap();
    let chosen = home.path().join("chosen");
    std::os::unix::fs::symlink(&chosen, &path).unwrap();
    let ended = run(&mut home.program(), &["profile", "use", "default"]);
    assert!(ended.status == 1 && ended.stderr.contains("config.lock cannot be written"), "{ended:?}");
    assert!(!chosen.exists());
}

#[test]
fn the_key_of_a_profile_is_sent_only_to_its_origin() {
    let (home, emulator) = (Home::new(), Emulator::start().unwrap());
    assert_eq!(home.login(emulator.base_url(), emulator.api_key(), &[]).status, 0);
    let elsewhere = RawServer::with_replies(vec![json(200, r#"{"results":[]}"#)]);
    for command in [&["list"][..], &["exec", "--", "true"], &["doctor"]] {
        let by_variable = run(home.program().env("CODAT_BASE_URL", &elsewhere.url), command);
        let by_option =
            run(&mut home.program(), &[&command[..1], &["--base-url", &elsewhere.url], &command[1..]].concat());
        for (ended, named) in [(by_variable, "CODAT_BASE_URL"), (by_option, "--base-url")] {
            assert_eq!(ended.status, 2, "{ended:?}");
            let error = format!(
                "error: {named} names {}, but the key of the profile `default` is for {}\n",
                elsewhere.url,
                emulator.base_url()
            );
            assert!(ended.stderr.contains(&error), "{error}: {ended:?}");
        }
    }
    assert!(elsewhere.requests().is_empty(), "nothing was sent there");
    let same = run(home.program().env("CODAT_BASE_URL", emulator.base_url()), &["list"]);
    assert_eq!(same.status, 0, "{same:?}");
}

/// The running client follows the file of its key. The key of another origin is in another file.
#[test]
fn a_running_client_does_not_get_the_key_of_another_origin() {
    let home = Home::new();
    let keys = ["MadeUpKeyOfTheFirstOrigin000000000000001", "MadeUpKeyOfTheOtherOrigin000000000000002"];
    let list = |key: &str| json(200, &format!(r#"{{"results":[{{"id":"a","apiKey":"{key}"}}],"totalResults":1}}"#));
    let servers = keys.map(|key| RawServer::with_replies(std::iter::repeat_n(list(key), 4).collect()));
    let log_in = |server: usize| home.login(&servers[server].url, keys[server], &["--profile", "work"]);
    assert_eq!(log_in(0).status, 0);
    let file = home.path().join(key_file("work", &servers[0].url));
    let client = codat_keys::Client::builder().base_url(&servers[0].url).api_key_file(&file).build().unwrap();
    // The servers must not be dropped within a runtime.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let list = || runtime.block_on(client.keys().list().send()).unwrap();
    assert_eq!(list().len(), 1);
    assert_eq!(log_in(1).status, 0);
    assert_eq!(home.files_with(keys[0]), [""; 0], "the key of the first origin is removed");
    assert_eq!(home.files_with(keys[1]), [key_file("work", &servers[1].url)]);
    // A client looks at its file once a second.
    thread::sleep(std::time::Duration::from_millis(1100));
    assert_eq!(list().len(), 1);
    let header = codat_keys::AuthorizationHeader::from(&codat_keys::ApiKey::parse(keys[1]).unwrap());
    let requests = servers[0].requests().join("\n");
    assert!(!requests.contains(header.expose_secret()), "the first origin got the key of the other one");
}

#[test]
fn a_login_that_cannot_store_the_key_changes_nothing() {
    let (home, [emulator, other]) = (Home::new(), [(); 2].map(|()| Emulator::start().unwrap()));
    assert_eq!(home.login(emulator.base_url(), emulator.api_key(), &["--profile", "work"]).status, 0);
    let before = fs::read_to_string(home.config()).unwrap();
    let ended = home.login(other.base_url(), other.api_key(), &["--profile", "work", "--store", "keyring"]);
    assert!(ended.status == 1 && ended.stderr.starts_with("error: there is no keyring here: "), "{ended:?}");
    let file = home.path().join(key_file("work", other.base_url()));
    fs::create_dir(&file).unwrap();
    let ended = home.login(other.base_url(), other.api_key(), &["--profile", "work", "--store", "file"]);
    assert!(ended.status == 1 && !ended.stderr.contains("nothing was sent"), "{ended:?}");
    assert_eq!(fs::read_to_string(home.config()).unwrap(), before);
    assert_eq!(home.files_with(emulator.api_key()), [key_file("work", emulator.base_url())]);
    assert_eq!(run(&mut home.program(), &["list"]).status, 0);
}

#[test]
fn login_reports_sources_with_precedence_over_the_profile() {
    let (home, emulator) = (Home::new(), Emulator::start().unwrap());
    let last_line = |ended: &crate::support::Ended| ended.stderr.lines().last().unwrap().to_owned();
    let key = ("CODAT_API_KEY", "MadeUpKeyThatComesFirst");
    let log_in = |profile: &str, variables: &[(&str, &str)]| {
        let arguments = ["login", "--profile", profile, "--base-url", emulator.base_url()];
        let mut command = home.program();
        last_line(&run_with_input(command.envs(variables.iter().copied()), &arguments, emulator.api_key()))
    };
    let not_here = |name: &str, variable: &str| {
        format!(
            "the profile `{name}` is in use, but not here: {variable} is set and comes first; unset it, or add --profile {name}"
        )
    };
    assert_eq!(log_in("work", &[key]), not_here("work", "CODAT_API_KEY"));
    assert_eq!(log_in("work", &[("CODAT_PROFILE", "work")]), "the profile `work` is in use");
    assert_eq!(log_in("work", &[("CODAT_PROFILE", "other")]), not_here("work", "CODAT_PROFILE"));
    assert_eq!(log_in("other", &[]), "to use it: --profile other, or `codat-keys profile use other`");
    assert_eq!(log_in("other", &[key]), "to use it: --profile other, since CODAT_API_KEY is set and comes first");
    let ended = run(home.program().envs([key]), &["profile", "use", "other"]);
    assert_eq!(last_line(&ended), not_here("other", "CODAT_API_KEY"));
    let missing = run(&mut home.program(), &["profile", "use", "nope"]);
    assert_eq!(missing.status, 2);
    let config = home.config();
    assert_eq!(
        missing.stderr,
        format!(
            "error: there is no profile `nope` in {}\nhint: there is other, work; `codat-keys login --profile nope` makes it\n",
            config.display()
        )
    );
}
