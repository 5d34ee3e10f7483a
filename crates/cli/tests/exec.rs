//! Tests of `emulator` and `emulator exec`.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use serde_json::Value;

use crate::support::{program, run, start, with_key};

fn exec(script: &str) -> crate::support::Ended {
    run(&mut program(), &["emulator", "exec", "--", "sh", "-c", script])
}

#[test]
fn a_shell_script_creates_lists_and_deletes_keys() {
    let ended = exec(
        "for n in 1 2 3 4 5 6 7 8 9; do codat-keys create key-$n >/dev/null || exit 99; done
         codat-keys create key-10; echo tenth $?
         for n in 1 2 3 4 5 6 7 8 9; do codat-keys delete key-$n --yes || exit 98; done
         codat-keys delete $(codat-keys list | cut -f1) --yes; echo last $?
         codat-keys delete ../companies/x --yes; echo path $?
         codat-keys list | wc -l",
    );
    assert_eq!(
        ended.stdout.split_whitespace().collect::<Vec<_>>(),
        ["tenth", "5", "last", "6", "path", "2", "1"],
        "{ended:?}"
    );
    assert_eq!(ended.status, 0);
}

#[test]
fn exec_returns_the_exit_status_of_its_command() {
    assert_eq!(exec("exit 7").status, 7);
    assert_eq!(exec("kill -TERM $$").status, 128 + 15);
    let missing = run(&mut program(), &["emulator", "exec", "--", "no-such-command-anywhere"]);
    assert_eq!(missing.status, 127);
    assert!(missing.stderr.starts_with("error: no-such-command-anywhere cannot be run"), "{missing:?}");
    let folder = run(&mut program(), &["emulator", "exec", "--", "/"]);
    assert_eq!(folder.status, 126, "{folder:?}");
}

#[test]
fn the_callers_credentials_are_removed_from_the_environment() {
    let mut command = with_key("https://api.example", "callers-own");
    command
        .env("CODAT_AUTH_HEADER", "Basic Zm9v")
        .env("CODAT_API_KEY_FILE", "/nowhere")
        .env("CODAT_CA_FILE", "/nowhere");
    let ended = run(&mut command, &["emulator", "exec", "--", "codat-keys", "list"]);
    assert_eq!(ended.status, 0, "{ended:?}");
}

#[test]
#[cfg(unix)]
fn signals_are_forwarded_to_the_command() {
    use rustix::process::{Pid, Signal, kill_process};
    // 40 is a real-time signal. The number of the first one depends on the C library.
    let script = "trap 'echo received; exit 3' TERM HUP 40; echo ready; i=0; while [ $i -lt 1200 ]; do sleep 0.05; i=$((i + 1)); done";
    #[cfg(target_os = "linux")]
    let more = [crate::signals::real_time(40 - libc::SIGRTMIN())];
    #[cfg(not(target_os = "linux"))]
    let more = [];
    for signal in [Signal::TERM, Signal::HUP].into_iter().chain(more) {
        let mut child = start(program().args(["emulator", "exec", "--", "sh", "-c", script]).stdout(Stdio::piped()));
        let mut said = BufReader::new(child.stdout.take().unwrap()).lines();
        assert_eq!(said.next().unwrap().unwrap(), "ready");
        kill_process(Pid::from_child(&child), signal).unwrap();
        assert_eq!(said.next().unwrap().unwrap(), "received");
        assert_eq!(child.wait().unwrap().code(), Some(3));
    }
}

#[test]
fn the_start_line_can_be_json_and_a_seed_repeats_the_keys() {
    let key = || {
        let mut child = start(program().args(["emulator", "--json", "--seed", "7"]).stdout(Stdio::piped()));
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let line: Value = serde_json::from_str(&line).unwrap();
        let listed = run(&mut with_key(line["baseUrl"].as_str().unwrap(), line["apiKey"].as_str().unwrap()), &["list"]);
        assert_eq!(listed.status, 0, "{listed:?}");
        child.kill().unwrap();
        child.wait().unwrap();
        line["apiKey"].clone()
    };
    assert_eq!(key(), key());
}

#[test]
fn a_port_in_use_is_reported() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let ended = run(&mut program(), &["emulator", "--port", &port]);
    assert_eq!(ended.status, 1, "{ended:?}");
    assert!(
        ended.stderr.contains("error: the emulator cannot start: ") && ended.stderr.contains("hint: "),
        "{ended:?}"
    );
}

#[test]
fn explain_prints_every_kind_of_evidence() {
    let ended = run(&mut program(), &["emulator", "--explain"]);
    assert_eq!(ended.status, 0);
    for mark in ["documented", "contradicted", "assumed"] {
        assert!(ended.stdout.contains(mark), "{}", ended.stdout);
    }
}

#[test]
fn options_without_effect_are_rejected() {
    for arguments in [["--json", "exec", "true"], ["--explain", "exec", "true"], ["exec", "--port", "4010"]] {
        let ended = run(&mut program(), &[&["emulator"], &arguments[..]].concat());
        assert_eq!(ended.status, 2, "{ended:?}");
    }
}

#[test]
fn a_state_file_keeps_settings_without_options() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state.json");
    std::fs::write(
        &state,
        r#"{"keys":[{"id":"a","apiKey":"MadeUpKeyA"}],"enforceLimits":true,"lastKeyCanBeDeleted":true}"#,
    )
    .unwrap();
    let ended = run(&mut program(), &["emulator", "--state", state.to_str().unwrap(), "exec", "--", "true"]);
    assert_eq!(ended.status, 0, "{ended:?}");
    let kept: Value = serde_json::from_str(&std::fs::read_to_string(&state).unwrap()).unwrap();
    assert_eq!((&kept["enforceLimits"], &kept["lastKeyCanBeDeleted"]), (&Value::Bool(true), &Value::Bool(true)));
}

#[test]
fn faults_are_read_from_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let faults = folder.path().join("faults.json");
    std::fs::write(&faults, r#"{"faults":[{"method":"POST","fault":"drop-after"}]}"#).unwrap();
    let script = "codat-keys create ci --json && codat-keys list | wc -l";
    let ended =
        run(&mut program(), &["emulator", "--faults", faults.to_str().unwrap(), "exec", "--", "sh", "-c", script]);
    assert!(ended.stdout.contains(r#""how":"replayed""#) && ended.stdout.trim_end().ends_with('2'), "{ended:?}");
    std::fs::write(&faults, "{").unwrap();
    let ended = run(&mut program(), &["emulator", "--faults", faults.to_str().unwrap()]);
    assert_eq!(ended.status, 2, "{ended:?}");
    let ended = run(&mut program(), &["emulator", "--faults", "/dev/zero"]);
    assert!(ended.status == 1 && ended.stderr.contains("/dev/zero is larger than 1 MiB"), "{ended:?}");
}

/// Starts an emulator with these options. Returns the JSON that it prints, and its process.
#[cfg(unix)]
fn started(options: &[&str]) -> (Value, std::process::Child) {
    let mut child = program();
    let child = child.args(["emulator", "--json"]).args(options).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = child.spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    (serde_json::from_str(&line).unwrap(), child)
}

#[test]
#[cfg(unix)]
fn listening_on_all_interfaces_warns_and_clients_require_permission() {
    use rustix::process::{Pid, Signal, kill_process};
    let wait_for_stderr = |mut child: std::process::Child| {
        kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
        assert!(child.wait().unwrap().success(), "SIGTERM ends it");
        std::io::read_to_string(child.stderr.take().unwrap()).unwrap()
    };
    let (line, child) = started(&["--host", "0.0.0.0", "--allow-host", "codat"]);
    let url = line["baseUrl"].as_str().unwrap();
    assert!(url.starts_with("http://127.0.0.1:"), "{url}");
    assert_eq!(run(&mut with_key(url, line["apiKey"].as_str().unwrap()), &["list"]).status, 0);
    assert_eq!(
        wait_for_stderr(child),
        "warning: every program that reaches 0.0.0.0 can use this emulator, its controls and its page; \
         its keys are made up: never give it a real one\n"
    );
    let (_, child) = started(&[]);
    assert_eq!(wait_for_stderr(child), "", "loopback needs none");

    // Without permission, the client rejects the URL before it resolves the name.
    let elsewhere = "http://codat.invalid:4010";
    let list = |allow: Option<&str>, arguments: &[&str]| {
        let mut command = with_key(elsewhere, "MadeUpKey");
        command.envs(allow.map(|allow| ("CODAT_ALLOW_INSECURE_HTTP", allow)));
        run(&mut command, arguments)
    };
    for refused in [list(None, &["list"]), list(Some("false"), &["list"])] {
        assert_eq!(refused.status, 2, "{refused:?}");
        assert!(refused.stderr.contains(&format!("would send the key unencrypted to {elsewhere}\n")), "{refused:?}");
    }
    for allowed in [
        list(Some("true"), &["list", "--timeout", "2"]),
        list(None, &["list", "--timeout", "2", "--allow-insecure-http"]),
    ] {
        assert_eq!(allowed.status, 10, "there is no such host: {allowed:?}");
    }
}

#[test]
#[cfg(unix)]
fn the_documented_compose_services_work() {
    let page = include_str!("../../../docs/testing.md");
    let yaml = page.split("```yaml\n").nth(1).unwrap().split("```").next().unwrap();
    let services: Value = serde_saphyr::from_str(yaml).unwrap();
    let (codat, app) = (&services["services"]["codat"], &services["services"]["app"]["environment"]);
    let folder = tempfile::tempdir().unwrap();
    let key = app["CODAT_API_KEY"].as_str().unwrap();
    std::fs::write(folder.path().join("state.json"), format!(r#"{{"keys": [{{"apiKey": "{key}"}}]}}"#)).unwrap();

    let words = codat["command"].as_array().unwrap().iter().map(|word| word.as_str().unwrap());
    let words = words.map(|word| word.replace("/codat/", &format!("{}/", folder.path().display())));
    let words: Vec<String> = words.map(|word| if word == "4010" { "0".into() } else { word }).collect();
    assert_eq!(words[..2], ["codat-keys", "emulator"]);
    let (line, mut child) = started(&words[2..].iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(line["apiKey"], key);

    // DNS does not resolve the name, so the test sends it only in `Host`.
    let port = line["baseUrl"].as_str().unwrap().rsplit(':').next().unwrap();
    let mut connection = std::net::TcpStream::connect(format!("127.0.0.1:{port}")).unwrap();
    let host = app["CODAT_BASE_URL"].as_str().unwrap().strip_prefix("http://").unwrap();
    let request = format!("GET /_emulator/clock HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    std::io::Write::write_all(&mut connection, request.as_bytes()).unwrap();
    assert!(std::io::read_to_string(connection).unwrap().starts_with("HTTP/1.1 200"));
    child.kill().unwrap();
    child.wait().unwrap();

    let mut list = program();
    list.envs(app.as_object().unwrap().iter().map(|(name, value)| (name, value.as_str().unwrap())));
    let ended = run(&mut list, &["env"]);
    assert!(ended.status == 0 && ended.stdout.contains("http://codat:4010"), "{ended:?}");
}
