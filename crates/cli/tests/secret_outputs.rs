//! Tests of `exec`, `inject` and `env`, which output the key.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

use crate::support::{run, run_with_input, start, with_key};
use crate::terminal::on_a_terminal;

const KEY: &str = "MadeUpKey'sForTheTests$(x)`y`\\z";
const URL: &str = "https://api.example";
/// From Python: base64.b64encode(KEY).
const HEADER: &str = "Basic TWFkZVVwS2V5J3NGb3JUaGVUZXN0cyQoeClgeWBceg==";

fn program() -> Command {
    let mut command = with_key(URL, KEY);
    command.env("CODAT_PROFILE", "passed-over");
    command
}

#[test]
fn exec_replaces_its_process_with_the_command() {
    let status = |script: &str| run(&mut program(), &["exec", "--", "sh", "-c", script]).status;
    assert_eq!(status("exit 7"), 7);
    // `exec` replaces its process, so the signal ends it directly.
    assert_eq!(status("kill -TERM $$"), -1);
    let child = start(program().args(["exec", "--", "sh", "-c", "echo $$"]).stdout(Stdio::piped()));
    let pid = child.id().to_string();
    assert_eq!(String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap().trim(), pid);

    assert_eq!(run(&mut program(), &["exec", "--", "no-such-command-anywhere"]).status, 127);
    assert_eq!(run(&mut program(), &["exec", "--", "/"]).status, 126);
    let dashed = run(&mut program(), &["exec", "--", "--profile"]);
    assert_eq!(dashed.status, 2, "{dashed:?}");
}

#[test]
fn exec_sets_one_key_and_the_base_url() {
    let mut command = crate::support::program();
    command.env("CODAT_AUTH_HEADER", HEADER).env("CODAT_BASE_URL", URL).env("CODAT_PROFILE", "passed-over");
    let ended = run(&mut command, &["exec", "--", "env"]);
    let mut variables: Vec<&str> = ended.stdout.lines().filter(|line| line.starts_with("CODAT_")).collect();
    variables.sort_unstable();
    assert_eq!(variables, [format!("CODAT_API_KEY={KEY}"), format!("CODAT_BASE_URL={URL}")]);
}

#[test]
fn a_shell_can_evaluate_env() {
    let script =
        r#"eval "$("$0" env)" && printf '%s|%s|%s' "$CODAT_API_KEY" "$CODAT_BASE_URL" "${CODAT_PROFILE-unset}""#;
    let mut shell = Command::new("sh");
    crate::support::clear_environment(&mut shell);
    let shell = shell.env("CODAT_API_KEY", KEY).env("CODAT_BASE_URL", URL).env("CODAT_PROFILE", "passed-over");
    let ended = run(shell, &["-c", script, crate::support::PROGRAM]);
    assert_eq!(ended.stdout, format!("{KEY}|{URL}|unset"), "{ended:?}");
}

#[test]
fn inject_replaces_the_placeholders_of_a_template() {
    let template =
        "key: {{codat.key}}\nheader: {{ codat.header }}\nurl: {{\tcodat.base_url }}\nbraces: {{ \"{{\" }} x }}\n";
    let ended = run_with_input(&mut program(), &["inject"], template);
    let filled = format!("key: {KEY}\nheader: {HEADER}\nurl: {URL}\nbraces: {{{{ x }}}}\n");
    assert_eq!((ended.status, ended.stdout.as_str()), (0, filled.as_str()), "{ended:?}");

    let folder = tempfile::tempdir().unwrap();
    let (from, to) = (folder.path().join("template"), folder.path().join("filled"));
    fs::write(&from, template).unwrap();
    let arguments = ["inject", from.to_str().unwrap(), "--out", to.to_str().unwrap()];
    let ended = run(&mut program(), &arguments);
    assert_eq!((ended.status, ended.stdout.as_str(), ended.stderr.as_str()), (0, "", ""));
    assert_eq!(fs::read_to_string(&to).unwrap(), filled);
    assert_eq!(to.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(run(&mut program(), &arguments).status, 2, "it is not replaced unasked");
    assert_eq!(run(&mut program(), &[&arguments[..], &["--overwrite"]].concat()).status, 0);
}

#[test]
fn inject_rejects_unknown_placeholders_and_writes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("filled");
    for (template, error) in [
        ("a: {{ codat.key }}\nb: {{ codat.kye }}\n", "the template, line 2: `codat.kye` is not known"),
        ("a: {{ codat.key }}\nb: {{ vault.key }}\n", "the template, line 2: `vault.key` is not known"),
        ("{{ \"MadeUpKeyInATemplate00000000000000000001\" }}", "the template, line 1: `\"****\"` is not known"),
        ("{{ codat.key }", "the template, line 1: `{{` is not closed by `}}`"),
        ("nothing\n", "the template has no place for the key"),
        ("", "the template has no place for the key"),
    ] {
        let ended = run_with_input(&mut program(), &["inject", "--out", out.to_str().unwrap()], template);
        assert_eq!(ended.status, 2, "{ended:?}");
        assert!(ended.stderr.starts_with(&format!("error: {error}\nhint: ")), "{error}: {ended:?}");
        assert!(!out.exists() && !ended.stderr.contains(KEY) && ended.stdout.is_empty(), "{ended:?}");
    }
    let ended = run(&mut program(), &["inject", "/nowhere/template"]);
    assert!(ended.stderr.starts_with("error: the template /nowhere/template cannot be read: "), "{ended:?}");
}

#[test]
fn a_key_is_printed_to_a_terminal_only_with_reveal() {
    for command in [&["env"][..], &["inject", "/dev/stdin"], &["inject"], &["header"]] {
        let (status, shown) = on_a_terminal(program().args(command), "");
        assert_eq!(status, 2, "{shown}");
        assert!(shown.contains("would be shown on this terminal") && !shown.contains(KEY), "{shown}");
    }
    let (status, shown) = on_a_terminal(program().args(["env", "--reveal"]), "");
    assert!(status == 0 && shown.contains("export CODAT_API_KEY='MadeUpKey'\\''s"), "{shown}");
    let script = format!("echo MadeUpKey | {} header --reveal", crate::support::PROGRAM);
    let (status, shown) = on_a_terminal(Command::new("sh").args(["-c", &script]), "");
    assert_eq!((status, shown.trim_end()), (0, "Basic TWFkZVVwS2V5"));
}
