//! The sinks of `rotate` that run other programs. Stand-ins on PATH record their arguments, standard input and
//! environment.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

use crate::bounded::wait_until;
use crate::rotate::Account;
use crate::support::{Ended, run, start};

/// A program that replaces every tool. It records its call, stores what it gets in `TOOL.value`, and prints what it has
/// stored.
const TOOL: &str = r#"#!/bin/sh
value="$RECORD/$(basename "$0").value"
call="$RECORD/$(basename "$0").$(date +%s%N).$$"
{ printf '%s\n' "$0"; for word; do printf '%s\n' "$word"; done; } > "$call.argv"
env > "$call.env"
case "$(basename "$0") $1 $2 $3" in
  "aws secretsmanager get"*|"gcloud secrets versions access"|"az keyvault secret show"|"vault kv get"*|"kubectl get "*|"op read "*|"store get"*)
    cat "$value" ;;
  "op item get "*)
    printf '{"id":"i","fields":[{"id":"a","label":"user","value":"me"},{"id":"b","label":"key","value":"x"}]}' ;;
  "kubectl patch "*)
    cat > "$call.stdin"; sed 's/.*":"\(.*\)"}}/\1/' "$call.stdin" | tr -d '\n' > "$value" ;;
  "op item edit "*)
    cat > "$call.stdin"; sed 's/.*"label":"key","value":"\([^"]*\)".*/\1/' "$call.stdin" | tr -d '\n' > "$value" ;;
  "confirm "*)
    cat > "$call.stdin"; cmp -s "$call.stdin" "$RECORD/$1.value" ;;
  "fail "*)
    cat >&2; exit 3 ;;
  *)
    cat > "$call.stdin"; cp "$call.stdin" "$value" ;;
esac
"#;

const TOOLS: [&str; 10] = ["aws", "gcloud", "az", "vault", "kubectl", "gh", "op", "confirm", "fail", "store"];

pub(crate) struct Tools {
    pub(crate) account: Account,
}

impl Tools {
    pub(crate) fn new() -> Self {
        let account = Account::new();
        for folder in ["bin", "record"] {
            fs::create_dir(account.path(folder)).unwrap();
        }
        for tool in TOOLS {
            let path = account.path("bin").join(tool);
            fs::write(&path, TOOL).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
            fs::copy(account.path("key"), account.path(&format!("record/{tool}.value"))).unwrap();
        }
        Self { account }
    }

    /// Returns the program, which finds the stand-ins for the tools.
    pub(crate) fn program(&self) -> Command {
        let mut command = self.account.program();
        let path = format!("{}:{}", self.account.path("bin").display(), std::env::var("PATH").unwrap());
        command.env("PATH", path).env("RECORD", self.account.path("record"));
        command
    }

    fn rotate(&self, arguments: &[&str]) -> Ended {
        run(self.program().arg("rotate"), arguments)
    }

    /// Returns the recorded files that end with `end`, with their names.
    pub(crate) fn records(&self, end: &str) -> Vec<(String, String)> {
        let entries = fs::read_dir(self.account.path("record")).unwrap().map(|entry| entry.unwrap());
        let read = entries.map(|entry| (entry.file_name().into_string().unwrap(), entry.path()));
        let read = read.filter(|(name, _)| name.ends_with(end));
        read.map(|(name, path)| (name, fs::read_to_string(path).unwrap())).collect()
    }

    /// Checks that no argument and no environment contains a key, and that a standard input contains the new key.
    fn check_secrecy(&self, old: &str, new: &str, context: &str) {
        let (argv, env) = (self.records(".argv"), self.records(".env"));
        assert!(!argv.is_empty() && argv.len() == env.len(), "{context}");
        for (name, text) in argv.iter().chain(&env) {
            for key in [old, new] {
                assert!(!text.contains(key) && !text.contains(&encoded(key)), "{context}: {name}");
            }
            assert!(!text.contains("CODAT_API_KEY_FILE"), "{context}: {name}");
        }
        let is_delivered =
            self.records(".stdin").iter().any(|(_, text)| text.contains(new) || text.contains(&encoded(new)));
        assert!(is_delivered, "{context}");
    }

    fn argv(&self, tool: &str) -> Vec<String> {
        let all = self.records(".argv");
        let own = all.iter().filter(|(name, _)| name.starts_with(&format!("{tool}.")));
        own.map(|(_, text)| text.lines().skip(1).collect::<Vec<_>>().join(" ")).collect()
    }
}

fn encoded(key: &str) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(key)
}

#[test]
fn tools_get_the_key_on_standard_input_only() {
    let recipes: [(&str, &str, &str); 7] = [
        (
            "aws-secretsmanager:codat/key",
            "aws",
            "secretsmanager put-secret-value --secret-id=codat/key --secret-string=file:///dev/stdin --output=json",
        ),
        ("gcp-secret:codat-key", "gcloud", "secrets versions add codat-key --data-file=-"),
        (
            "azure-keyvault:kv/codat-key",
            "az",
            "keyvault secret set --vault-name=kv --name=codat-key --file=/dev/stdin --encoding=utf-8 --output=none",
        ),
        ("vault:secret/codat#api_key", "vault", "kv patch secret/codat api_key=-"),
        (
            "k8s:shop/codat#api_key",
            "kubectl",
            "patch secret codat --namespace=shop --type=merge --patch-file=/dev/stdin",
        ),
        ("1password:Shop/Codat#key", "op", "item edit Codat --vault=Shop"),
        ("vault:secret/codat#header#header", "vault", "kv patch secret/codat header=-"),
    ];
    for (sink, tool, command) in recipes {
        let tools = Tools::new();
        let old = tools.account.read("key");
        if sink.ends_with("#header") {
            fs::write(tools.account.path("record/vault.value"), format!("Basic {}", encoded(&old))).unwrap();
        }
        let ended = tools.rotate(&["--to", sink, "--to", "file:key"]);
        assert_eq!(ended.status, 0, "{sink}: {ended:?}");
        let new = tools.account.read("key");
        assert_ne!(old, new);
        assert!(tools.argv(tool).iter().any(|argv| argv == command), "{sink}: {:?}", tools.argv(tool));
        tools.check_secrecy(&old, &new, sink);
        let expected = if sink.ends_with("#header") { format!("Basic {}", encoded(&new)) } else { new.clone() };
        assert_eq!(tools.account.read(&format!("record/{tool}.value")), expected, "{sink}");
        let finished = tools.rotate(&["finish"]);
        assert_eq!(finished.status, 0, "{sink}: the journal names the sink: {finished:?}");
    }
}

#[test]
fn an_item_keeps_its_other_fields() {
    let tools = Tools::new();
    assert_eq!(tools.rotate(&["--to", "1password:Shop/Codat#key"]).status, 0);
    let edited = tools.records(".stdin");
    assert!(edited[0].1.contains(r#"{"id":"a","label":"user","value":"me"}"#), "{edited:?}");
    let ended = Tools::new().rotate(&["--to", "1password:Shop/Codat#other"]);
    assert!(ended.status == 1 && ended.stderr.contains("no field other"), "{ended:?}");
}

#[test]
fn a_sink_that_cannot_be_read_needs_a_confirmation() {
    let tools = Tools::new();
    let (old, keys) = (tools.account.read("key"), tools.account.keys());
    let ended = tools.rotate(&["--to", "github:acme/shop#CODAT_API_KEY"]);
    assert!(ended.status == 2 && ended.stderr.contains("cannot be read back"), "{ended:?}");
    assert!(ended.stderr.contains("hint: add this after it: --confirm-command COMMAND, which gets"), "{ended:?}");
    assert_eq!(tools.account.keys(), keys);

    let options = ["--to", "github:acme/shop#CODAT_API_KEY", "--confirm-command", "confirm gh", "--to", "file:key"];
    let plan = tools.rotate(&[&options[..], &["--dry-run"]].concat());
    assert!(plan.stdout.contains("CODAT_API_KEY cannot be read back"), "{plan:?}");
    let ended = tools.rotate(&options);
    assert_eq!(ended.status, 0, "{ended:?}");
    assert_eq!(tools.argv("gh"), ["secret set CODAT_API_KEY --repo=acme/shop"]);
    tools.check_secrecy(&old, &tools.account.read("key"), "github");
    let next = "go on with: codat-keys rotate finish --to 'github:acme/shop#CODAT_API_KEY' --confirm-command 'confirm gh' --to file:key\n";
    assert!(ended.stdout.ends_with(next), "{ended:?}");
    let without = tools.rotate(&["finish"]);
    assert!(without.status == 2 && without.stderr.contains("name all sinks again"), "{without:?}");
    let finished = tools.rotate(&[&["finish"], &options[..]].concat());
    assert_eq!(finished.status, 0, "{finished:?}");
}

#[test]
fn the_key_is_masked_in_the_error_of_a_tool() {
    let tools = Tools::new();
    let ended = tools.rotate(&["--to", "command:fail it", "--read-command", "true"]);
    assert_eq!(ended.status, 1, "{ended:?}");
    assert!(ended.stderr.contains("fail failed (exit status: 3): ****"), "{ended:?}");
    assert_eq!(tools.account.keys().len(), 2, "the new key is deleted");
}

/// A tool in verbose mode can print a key among other lines, to both streams.
#[test]
fn a_key_that_a_tool_prints_is_masked_and_its_message_escaped() {
    let tools = Tools::new();
    let (key, path) = ("un-Listed+Key/0001==", tools.account.path("bin/verbose"));
    let json = serde_json::json!({ "SecretString": format!("{{\"api_key\": \"{key}\"}}") });
    for (output, sink) in [
        (format!("a note\n{key}"), ["--to", "command:verbose", "--read-command", "true"]),
        (format!("a note\n{key}"), ["--to", "command:cat", "--read-command", "verbose"]),
        (format!("a note\n{{\"key\":\"{key}\"}}"), ["--to", "command:cat", "--read-command", "verbose"]),
        (format!("{json:#}"), ["--to", "command:cat", "--read-command", "verbose"]),
    ] {
        fs::write(tools.account.path("record/verbose"), &output).unwrap();
        let script = format!("#!/bin/sh\ncat $RECORD/verbose\necho 'no \u{202e}{key}\u{200b}' >&2\nexit 5\n");
        fs::write(&path, script).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        let ended = tools.rotate(&sink);
        assert_eq!(ended.status, 1, "{ended:?}");
        assert_eq!(ended.stderr.matches("no \\u{202e}****\\u{200b}").count(), 4, "{ended:?}");
        assert!(!ended.stderr.contains(['\u{202e}', '\u{200b}']) && !ended.stderr.contains(key), "{ended:?}");
    }
    let status = tools.rotate(&["status"]);
    assert!(status.stdout.contains("reason: command:cat") && !status.stdout.contains('\u{202e}'), "{status:?}");
    for entry in fs::read_dir(tools.account.path("state/codat-keys/rotations/default")).unwrap() {
        assert!(!fs::read_to_string(entry.unwrap().path()).unwrap().contains(key));
    }
}

#[test]
fn a_tool_that_prints_without_end_is_killed_once() {
    let tools = Tools::new();
    let keys = tools.account.keys();
    let path = tools.account.path("bin/endless");
    for stream in ["1", "2"] {
        fs::write(&path, format!("#!/bin/sh\necho run >> \"$RECORD/runs\"\nyes >&{stream}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        // The rollback writes the old key once.
        for (options, runs) in [
            (["--to", "command:cat", "--read-command", "endless it"], 1),
            (["--to", "command:endless it", "--read-command", "true"], 2),
        ] {
            let ended = tools.rotate(&options);
            assert_eq!(ended.status, 1, "{options:?}: {ended:?}");
            assert!(ended.stderr.contains("endless prints more than 1 MiB, and was killed"), "{options:?}: {ended:?}");
            assert_eq!(tools.account.read("record/runs"), "run\n".repeat(runs), "{options:?}: {ended:?}");
            assert_eq!(tools.account.keys(), keys, "{options:?}");
            fs::remove_file(tools.account.path("record/runs")).unwrap();
        }
    }
}

#[test]
fn a_missing_tool_is_an_error_before_a_key_is_made() {
    let tools = Tools::new();
    let keys = tools.account.keys();
    for sink in ["aws-secretsmanager:a", "github:a/b#c", "k8s:a/b#c"] {
        let mut command = tools.account.program();
        let ended = run(command.env("PATH", "/nowhere").arg("rotate"), &["--to", sink, "--confirm-command", "x"]);
        assert!(ended.status == 1 && ended.stderr.contains("cannot be run"), "{ended:?}");
    }
    assert_eq!(tools.account.keys(), keys);
}

/// Returns the ids of the processes whose command line contains `text`.
pub(crate) fn processes(text: &str) -> Vec<String> {
    let all = fs::read_dir("/proc").unwrap().filter_map(|entry| entry.unwrap().file_name().into_string().ok());
    let has_text = |id: &String| {
        let line = fs::read(format!("/proc/{id}/cmdline")).unwrap_or_default();
        id.parse::<u32>().is_ok() && String::from_utf8_lossy(&line).contains(text)
    };
    all.filter(has_text).collect()
}

#[test]
fn a_signal_kills_a_command_and_the_rotation_can_be_aborted() {
    let tools = Tools::new();
    let old = tools.account.read("key");
    // A process with this argument is started by the command, so it is killed only with the whole process group.
    let seconds = format!("7{:05}", std::process::id());
    let write = format!("command:sh -c 'test -e aborting && exit 0; sleep {seconds}; true'");
    let sinks = ["--to", "file:key", "--to", &write, "--read-command", "cat record/store.value"];
    let mut command = tools.account.program();
    command.arg("rotate").args(sinks).stdout(Stdio::piped()).stderr(Stdio::piped());
    let rotation = start(&mut command);
    wait_until("the command runs", || processes(&format!("sleep\0{seconds}")).len() == 1);
    let pid = rustix::process::Pid::from_raw(rotation.id().cast_signed()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    let output = rotation.wait_with_output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(130), "{stderr}");
    assert!(stderr.contains("with the old or the new key: command:sh"), "{stderr}");
    assert!(stderr.contains("hint: go on with: codat-keys rotate resume --to file:key --to "), "{stderr}");
    wait_until("the command is killed", || processes(&seconds).is_empty());

    fs::write(tools.account.path("aborting"), "").unwrap();
    let aborted = tools.rotate(&[&["abort"], &sinks[..]].concat());
    assert_eq!(aborted.status, 0, "{aborted:?}");
    assert_eq!((tools.account.read("key"), tools.account.keys().len()), (old, 2));
}
