//! Key commands: timeouts, limits, and the masking of keys in errors.
#![cfg(unix)]

use std::fs;
use std::path::Path;
use std::time::Duration;

use codat_keys::{ErrorKind, KeyCommand, KeyName, Method};

use crate::bounded::wait_until;
use crate::process::{endless_script, is_running};
use crate::providers::{NEW, OLD, builder, get, header_of, server};

/// A key that does not look like Codat's keys. Text that looks like Codat's keys is masked even without a search for
/// the key.
const ODD: &str = "MadeUpKey.of.a.vault";

/// A timeout for a shell to start and print, even on a slow machine.
const ENOUGH: Duration = Duration::from_secs(2);

fn shell(script: &str) -> KeyCommand {
    KeyCommand::new(["sh", "-c", script])
}

async fn refused(command: KeyCommand) -> codat_keys::Error {
    let server = server();
    let client = builder(&server).api_key_from(command).build().unwrap();
    let error = get(&client).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidCredential, "{error:?}");
    assert!(server.requests().is_empty());
    assert!(!format!("{error:?} {error}").contains(NEW), "{error:?}");
    error
}

#[tokio::test]
async fn the_output_of_a_command_is_the_key() {
    let header = header_of(NEW);
    let header = header.trim().strip_prefix("authorization: ").unwrap();
    for argv in [["echo", NEW], ["printf", NEW], ["echo", header]] {
        let server = server();
        get(&builder(&server).api_key_command(argv).build().unwrap()).await.unwrap();
        let blocking = builder(&server).api_key_command(argv).build_blocking().unwrap();
        tokio::task::spawn_blocking(move || blocking.request(Method::GET, "/companies").send().unwrap()).await.unwrap();
    }
}

#[tokio::test]
async fn arguments_are_passed_to_a_command_unchanged() {
    let error = refused(KeyCommand::new(["echo", "$(true)", ";echo x"])).await;
    assert_eq!(error.to_string(), "what the command `echo` printed holds a space");
}

#[tokio::test]
async fn the_error_of_a_failed_command_contains_its_stderr_and_not_its_stdout() {
    let error = refused(shell(&format!("echo {NEW}; echo no vault >&2; echo here >&2; exit 3"))).await;
    assert_eq!(error.to_string(), "the command `sh` failed (exit status: 3): no vault here");
    // `set -x` prints each command with its arguments.
    let error = refused(shell(&format!("set -x; echo {ODD}; exit 1"))).await;
    assert!(error.to_string().contains("+ echo ****"), "{error}");
    let error = refused(shell(&format!("echo '{{\"key\":\"{ODD}\"}}'; echo no {ODD} >&2; exit 1"))).await;
    assert!(error.to_string().ends_with(": no ****"), "{error}");
    // A key that looks like Codat's keys is masked, even if standard output does not contain it.
    let error = refused(shell(&format!("echo {NEW} has ended >&2; exit 1"))).await;
    assert!(error.to_string().ends_with(": **** has ended"), "{error}");
    let error = refused(shell("head -c 100000 /dev/zero | tr '\\0' x >&2; exit 1")).await;
    assert!(error.to_string().len() < 600, "{error}");
    assert!(refused(shell("exit 1")).await.to_string().ends_with("and says nothing"));
}

#[tokio::test]
async fn a_command_and_its_process_group_are_killed_after_the_timeout() {
    let folder = tempfile::tempdir().unwrap();
    let script = format!("echo {NEW}; {}", endless_script(folder.path()));
    let error = refused(shell(&script).timeout(ENOUGH)).await;
    assert!(error.to_string().contains("did not end within 2s"), "{error}");
    are_killed(folder.path());

    let script = format!("echo {NEW}; sleep 600 & echo $! | tee {0}/member {0}/leader", folder.path().display());
    refused(shell(&script).timeout(ENOUGH)).await;
    are_killed(folder.path());
}

#[tokio::test]
async fn a_cancelled_call_kills_the_process_group_of_its_command() {
    for cancelled_by in ["drop", "cancel_on", "timeout", "abort"] {
        let (folder, server) = (tempfile::tempdir().unwrap(), server());
        let command = shell(&endless_script(folder.path())).timeout(Duration::from_secs(600));
        let running = command.abort_handle();
        let time = if cancelled_by == "timeout" { ENOUGH } else { Duration::from_secs(600) };
        let client = builder(&server).api_key_from(command).timeout(time).build().unwrap();
        let leader = folder.path().join("leader");
        let started = async move {
            while !leader.exists() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        match cancelled_by {
            "drop" => tokio::select! {
                _ = get(&client) => panic!("the command did not run"),
                () = started => {}
            },
            "cancel_on" => {
                let error = client.keys().create(KeyName::parse("ci").unwrap()).cancel_on(started).await.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Cancelled, "{error:?}");
            }
            "timeout" => assert_eq!(get(&client).await.unwrap_err().kind(), ErrorKind::Timeout),
            _ => {
                let (result, ()) = tokio::join!(get(&client), async {
                    started.await;
                    running.abort();
                });
                assert_eq!(result.unwrap_err().to_string(), "the command `sh` was cancelled, and was killed");
                let again = get(&client).await.unwrap_err();
                assert_eq!(again.kind(), ErrorKind::Cancelled, "{again:?}");
            }
        }
        are_killed(folder.path());
        assert!(server.requests().is_empty(), "{cancelled_by}");
    }
}

/// Waits until both processes of [`endless_script`] have ended.
fn are_killed(folder: &Path) {
    for process in ["leader", "member"] {
        wait_until("the process has ended", || !is_running(&folder.join(process)));
    }
}

#[tokio::test]
async fn a_background_process_with_an_open_stdout_is_named_in_the_error() {
    let script = format!("echo {NEW}; sleep 20 &");
    let error = refused(shell(&script).timeout(ENOUGH)).await;
    assert!(error.to_string().ends_with("has ended, but something that it started holds its output open"), "{error}");
}

#[tokio::test]
async fn the_previous_key_is_masked_in_the_stderr_of_a_command() {
    let folder = tempfile::tempdir().unwrap();
    let again = folder.path().join("again");
    let script = format!("test ! -e {0} || {{ echo was {ODD} >&2; exit 1; }}; touch {0}; echo {ODD}", again.display());
    let client = builder(&server()).api_key_from(shell(&script)).build().unwrap();
    assert!(client.reload_key().await.unwrap());
    let error = client.reload_key().await.unwrap_err();
    assert!(error.to_string().ends_with("was ****") && !format!("{error:?}").contains(ODD), "{error:?}");
}

#[tokio::test]
async fn a_long_stderr_is_not_truncated_within_a_key() {
    let filled = |length: usize| format!("yes x | tr '\\n' ' ' | head -c {length}");
    for complaint in [
        // The size limit cuts the key in half.
        format!("printf '{ODD} '; {}", filled(489)),
        format!("printf '{ODD}'; {} | tr -d ' ' | tr x .", filled(980)),
        format!("{}; printf {ODD}", filled(65_526)),
        // The size limit cuts the asterisks of the masked key in half.
        format!("printf '{NEW} '; {}", filled(497)),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let again = folder.path().join("again");
        let script =
            format!("test ! -e {0} || {{ ({complaint}) >&2; exit 1; }}; touch {0}; echo {ODD}", again.display());
        let client = builder(&server()).api_key_from(shell(&script)).build().unwrap();
        assert!(client.reload_key().await.unwrap());
        let error = client.reload_key().await.unwrap_err().to_string();
        assert!(error.len() < 600 && error.contains("failed"), "{error}");
        for part in [&ODD[..6], &ODD[12..], "MadeUp", ": *"] {
            assert!(!error.contains(part), "{complaint}: {error}");
        }
    }
}

#[tokio::test]
async fn endless_errors_end_a_command() {
    for script in ["yes >&2", "echo made-up; exec >&-; yes >&2"] {
        let error = refused(shell(script).timeout(Duration::from_secs(600))).await;
        assert!(error.to_string().ends_with("prints more than 1 MiB of errors, and was killed"), "{error}");
    }
}

#[tokio::test]
async fn output_that_is_too_long_or_not_a_key_is_rejected() {
    assert!(refused(shell("yes")).await.to_string().ends_with("prints more than 64 KiB"));
    assert!(refused(shell("true")).await.to_string().ends_with("is empty"));
    assert!(refused(shell(&format!("echo {NEW}; echo {NEW}"))).await.to_string().contains("printed "));
    assert!(refused(KeyCommand::new(["/no/such/program", NEW])).await.to_string().contains("cannot be started"));
    let nothing = builder(&server()).api_key_command([""; 0]).build().unwrap();
    assert_eq!(get(&nothing).await.unwrap_err().kind(), ErrorKind::InvalidInput);
}

/// Returns a command and a function. The command prints the old key in its first run and the new key in later runs. The
/// function returns the number of runs.
fn counting(folder: &Path) -> (KeyCommand, impl Fn() -> usize) {
    let runs = folder.join("runs");
    let script =
        format!("echo run >> {0}; if [ $(wc -l < {0}) = 1 ]; then echo {OLD}; else echo {NEW}; fi", runs.display());
    (shell(&script), move || fs::read_to_string(&runs).map_or(0, |runs| runs.lines().count()))
}

#[tokio::test]
async fn a_command_runs_again_after_a_rejection_and_after_its_cache_time() {
    let (folder, server) = (tempfile::tempdir().unwrap(), server());
    let (command, runs) = counting(folder.path());
    let client = builder(&server).api_key_from(command).build().unwrap();
    for _ in 0..5 {
        get(&client).await.unwrap();
    }
    assert_eq!((runs(), server.requests().len()), (2, 6));

    let folder = tempfile::tempdir().unwrap();
    let (command, runs) = counting(folder.path());
    let client = builder(&server).api_key_from(command.cached_for(Duration::from_millis(1))).build().unwrap();
    client.reload_key().await.unwrap();
    tokio::time::sleep(Duration::from_millis(5)).await;
    get(&client).await.unwrap();
    assert_eq!((runs(), server.requests().len()), (2, 7), "it was asked before the old key could be refused");
}
