//! Tests of child processes: only the command of `exec` gets a key, in one variable, and a key command is killed with
//! the call that waits for the key.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use codat_keys_emulator::Emulator;
use rustix::process::{Pid, Signal, kill_process};

use crate::bounded::wait_until;
use crate::home::Home;
use crate::process::{endless_script, is_running};
use crate::support::{run, run_with_input, start};

const SECRET: &str = "MadeUpKeyForTheTests0123456789abcdefGhIj";
const VARIABLES: [&str; 4] = ["CODAT_API_KEY", "CODAT_AUTH_HEADER", "CODAT_API_KEY_FILE", "CODAT_PROFILE"];

/// Sets every variable that can contain or name a key, and a variable that the child needs.
fn with_every_variable(command: &mut Command, home: &Home) {
    let file = home.path().join("another");
    fs::write(&file, SECRET).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    command
        .env("CODAT_API_KEY", SECRET)
        .env("CODAT_AUTH_HEADER", "Basic TWFkZVVwS2V5Rm9yVGhlVGVzdHMwMTIzNDU2Nzg5YWJjZGVmR2hJag==")
        .env("CODAT_API_KEY_FILE", file)
        .env("CODAT_PROFILE", "work")
        .env("VAULT_ADDR", "https://vault.example");
}

fn variables_in(dump: &str) -> Vec<&str> {
    dump.lines().filter_map(|line| line.split_once('=')).map(|(name, _)| name).collect()
}

fn is_without_keys(dump: &Path) {
    let dump = fs::read_to_string(dump).unwrap();
    let names = variables_in(&dump);
    assert!(names.contains(&"VAULT_ADDR") && names.contains(&"PATH"), "{dump}");
    assert!(!VARIABLES.iter().any(|variable| names.contains(variable)) && !dump.contains(SECRET), "{dump}");
}

#[test]
fn a_key_command_has_no_key_in_its_environment() {
    let (home, emulator) = (Home::new(), Emulator::start().unwrap());
    let dump = home.path().join("dump");
    home.write_config(&format!(
        "[profiles.work]\nbase_url = \"{}\"\nsource = {{ command = [\"sh\", \"-c\", \"env > {}; echo {}\"] }}\n",
        emulator.base_url(),
        dump.display(),
        emulator.api_key()
    ));
    let mut program = home.program();
    with_every_variable(&mut program, &home);
    let ended = run(&mut program, &["list", "--profile", "work"]);
    assert_eq!(ended.status, 0, "{ended:?}");
    is_without_keys(&dump);
}

#[test]
fn a_key_command_works_if_the_parent_process_ignores_its_children() {
    let (home, emulator) = (Home::new(), Emulator::start().unwrap());
    home.write_config(&format!(
        "[profiles.work]\nbase_url = \"{}\"\nsource = {{ command = [\"echo\", \"{}\"] }}\n",
        emulator.base_url(),
        emulator.api_key()
    ));
    let program = home.program();
    // dash cannot ignore this signal.
    let mut shell = Command::new("bash");
    shell.args(["-c", r#"trap "" CHLD; exec "$0" list --profile work"#]).arg(program.get_program());
    shell.envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))));
    assert_eq!(run(&mut shell, &[]).status, 0);
}

#[test]
fn a_signal_kills_the_process_group_of_a_key_command() {
    for signal in [Signal::INT, Signal::TERM, Signal::HUP, Signal::QUIT] {
        for arguments in [&["exec", "--", "true"][..], &["create", "new"], &["doctor"]] {
            let (home, processes) = (Home::new(), tempfile::tempdir().unwrap());
            home.write_config(&format!(
                "profile = \"work\"\n[profiles.work]\nbase_url = \"http://127.0.0.1:9\"\n\
                 source = {{ command = [\"sh\", \"-c\", \"{}\"], timeout = \"1h\" }}\n",
                endless_script(processes.path())
            ));
            let mut child = start(home.program().args(arguments).stdout(Stdio::null()).stderr(Stdio::null()));
            wait_until("the command runs", || processes.path().join("leader").exists());
            kill_process(Pid::from_child(&child), signal).unwrap();
            assert_eq!(child.wait().unwrap().code(), Some(128 + signal.as_raw()), "{arguments:?} {signal:?}");
            for process in ["leader", "member"] {
                wait_until("the process has ended", || !is_running(&processes.path().join(process)));
            }
        }
    }
}

#[test]
#[cfg(feature = "keyring")]
fn a_keyring_address_that_starts_a_program_is_rejected() {
    let home = Home::new();
    let (ibus, dump) = (home.path().join("ibus"), home.path().join("dump"));
    fs::write(&ibus, format!("#!/bin/sh\nenv > {}\n", dump.display())).unwrap();
    fs::set_permissions(&ibus, fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:{}", home.path().display(), std::env::var("PATH").unwrap());
    for (address, kind) in [(format!("unixexec:path={}", ibus.display()), "unixexec"), ("ibus:".into(), "ibus")] {
        home.write_config("[profiles.work]\nbase_url = \"http://127.0.0.1:1\"\nsource = \"keyring\"\n");
        for arguments in [
            &["list", "--profile", "work", "--timeout", "5"][..],
            &["login", "--base-url", Emulator::start().unwrap().base_url(), "--timeout", "5"],
            &["logout", "--profile", "work"],
        ] {
            let mut program = home.program();
            with_every_variable(&mut program, &home);
            program.env("DBUS_SESSION_BUS_ADDRESS", &address).env("PATH", &path);
            let ended = run(&mut program, arguments);
            assert!(!dump.exists(), "{arguments:?}: {ended:?}");
            if arguments[0] == "list" {
                let what = format!("error: DBUS_SESSION_BUS_ADDRESS has an address of the kind `{kind}:`");
                assert!(ended.status == 2 && ended.stderr.starts_with(&what), "{ended:?}");
            }
        }
    }
}

#[test]
#[cfg(feature = "keyring")]
fn the_keyring_of_another_user_is_not_used() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let (home, emulator) = (Home::new(), Emulator::start().unwrap());
    home.write_config("[profiles.work]\nbase_url = \"http://127.0.0.1:1\"\nsource = \"keyring\"\n");
    let socket = home.path().join("bus");
    let bus = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    bus.set_nonblocking(true).unwrap();
    std::os::unix::fs::chown(&socket, Some(65534), None).unwrap();
    for arguments in [
        &["list", "--profile", "work", "--timeout", "5"][..],
        &["login", "--store", "keyring", "--base-url", emulator.base_url(), "--timeout", "5"],
        &["logout", "--profile", "work"],
    ] {
        let address = format!("unix:guid=1,path={}", socket.display());
        let ended =
            run_with_input(home.program().env("DBUS_SESSION_BUS_ADDRESS", address), arguments, emulator.api_key());
        assert!(ended.stderr.contains("the user with the id 65534"), "{arguments:?}: {ended:?}");
        assert_eq!(ended.status, 2, "{arguments:?}: {ended:?}");
        assert!(bus.accept().is_err(), "{arguments:?} connects to the bus");
    }
}

#[test]
#[cfg(feature = "portal")]
fn the_browser_has_no_key_in_its_environment() {
    let home = Home::new();
    let (browser, dump) = (home.path().join("xdg-open"), home.path().join("dump"));
    // The script renames the file when it is complete, because the test waits for the file.
    fs::write(&browser, format!("#!/bin/sh\nenv > {0}.part; mv {0}.part {0}\n", dump.display())).unwrap();
    fs::set_permissions(&browser, fs::Permissions::from_mode(0o755)).unwrap();
    let mut program = home.program();
    with_every_variable(&mut program, &home);
    let path = format!("{}:{}", home.path().display(), std::env::var("PATH").unwrap());
    let mut child =
        start(program.args(["portal", "--base-url", "http://127.0.0.1:1"]).env("PATH", path).stdout(Stdio::null()));
    wait_until("the browser is started", || dump.exists());
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    child.wait().unwrap();
    is_without_keys(&dump);
}

#[test]
fn a_command_has_one_key_in_its_environment() {
    let home = Home::new();
    for (arguments, expected) in [
        (&["exec", "--", "env"][..], SECRET),
        (&["emulator", "--seed", "1", "exec", "--", "env"], Emulator::builder().seed(1).start().unwrap().api_key()),
    ] {
        let mut program = home.program();
        with_every_variable(&mut program, &home);
        let ended = run(&mut program, arguments);
        let names = variables_in(&ended.stdout);
        let given: Vec<_> = VARIABLES.into_iter().filter(|variable| names.contains(variable)).collect();
        assert_eq!((ended.status, given), (0, vec!["CODAT_API_KEY"]), "{ended:?}");
        assert!(ended.stdout.contains(&format!("CODAT_API_KEY={expected}\n")), "{ended:?}");
    }
}
