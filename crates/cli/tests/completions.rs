//! Completions on Tab, in real shells on a terminal. A shell that is not installed is skipped.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use codat_keys_emulator::Emulator;
use rustix::termios::{Winsize, tcsetwinsize};
use serde_json::json;

use crate::home::Home;
use crate::raw_server::RawServer;
use crate::support::{PROGRAM, Running, run_with_input, with_key};
use crate::terminal::start_on_a_terminal;

/// The timeout of each step. It is much longer than any step takes.
const LIMIT: Duration = Duration::from_secs(60);

/// The name, arguments and setup of each shell: no user settings, and a known prompt.
const SHELLS: [(&str, &[&str], &str); 3] = [
    (
        "bash",
        &["--norc", "--noprofile", "-i"],
        "PS1='ready> '; bind 'set enable-bracketed-paste off'; \
      bind 'set completion-query-items 0'; bind 'set page-completions off'; source <(codat-keys completions bash)\n",
    ),
    (
        "zsh",
        &["-f", "-i"],
        "PROMPT='ready> '; bindkey -e; autoload -U compinit; compinit -u -D; LISTMAX=0; \
      source <(codat-keys completions zsh)\n",
    ),
    (
        "fish",
        &["--no-config", "-i"],
        "function fish_prompt; echo -n 'ready> '; end; \
      codat-keys completions fish | source\n",
    ),
];

/// A shell on a terminal, with its output so far.
struct Shell {
    terminal: fs::File,
    child: Running,
    parts: Receiver<Vec<u8>>,
    shown: String,
}

impl Shell {
    fn start(name: &str, arguments: &[&str], home: &Home, emulator: &Emulator) -> Self {
        let mut command = Command::new("setsid");
        command.args(["--ctty", "--wait", name]).args(arguments);
        command.envs(environment(home, emulator)).env("TERM", "xterm").env("HISTFILE", "");
        let (terminal, child) = start_on_a_terminal(&mut command);
        let size = Winsize { ws_row: 60, ws_col: 160, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&terminal, size).unwrap();
        let (send, parts) = channel();
        let mut reader = terminal.try_clone().unwrap();
        thread::spawn(move || {
            let mut part = [0; 4096];
            while let Ok(length) = reader.read(&mut part) {
                if length == 0 || send.send(part[..length].to_vec()).is_err() {
                    break;
                }
            }
        });
        Self { terminal, child, parts, shown: String::new() }
    }

    fn type_in(&mut self, text: &str) {
        self.terminal.write_all(text.as_bytes()).unwrap();
    }

    /// Waits until the output after `from` contains all texts, and fails after [`LIMIT`].
    fn wait_for(&mut self, from: usize, texts: &[&str]) {
        let started = Instant::now();
        while !texts.iter().all(|text| self.shown[from..].contains(text)) {
            let left = LIMIT.saturating_sub(started.elapsed());
            let part = self.parts.recv_timeout(left);
            let part =
                part.unwrap_or_else(|error| panic!("{error}: not all of {texts:?} in:\n{}", &self.shown[from..]));
            self.shown += &String::from_utf8_lossy(&part);
        }
    }

    /// Types the start of a line and Tab, and waits for the completed line.
    fn completes(&mut self, begun: &str, line: &str) {
        let from = self.shown.len();
        // Ctrl-A goes to the start of the line.
        self.type_in(&format!("{begun}\t\u{1}echo \"at:\" \n"));
        self.wait_for(from, &[&format!("at: {line}")]);
    }

    /// Types the start of a line and Tab twice, and waits until all texts are shown.
    fn offers(&mut self, begun: &str, words: &[&str]) {
        let from = self.shown.len();
        self.type_in(&format!("{begun}\t\t"));
        self.wait_for(from, words);
        // Ctrl-U discards the line.
        let from = self.shown.len();
        self.type_in("\u{15}echo \"given\"-up\n");
        self.wait_for(from, &["given-up"]);
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn environment(home: &Home, emulator: &Emulator) -> Vec<(&'static str, String)> {
    let path = std::env::var("PATH").unwrap_or_default();
    let own = Path::new(PROGRAM).parent().unwrap().display();
    let text = |path: &Path| path.to_str().unwrap().to_owned();
    vec![
        ("PATH", format!("{own}:{path}")),
        ("HOME", text(home.path())),
        ("XDG_CONFIG_HOME", text(&home.path().join("config"))),
        ("XDG_DATA_HOME", text(&home.path().join("data"))),
        ("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nowhere".into()),
        ("CODAT_BASE_URL", emulator.base_url().into()),
        ("CODAT_API_KEY", emulator.api_key().into()),
    ]
}

/// An emulator with keys whose names are completed, and keys whose names must not be.
fn emulator() -> Emulator {
    let emulator = Emulator::start().unwrap();
    let keys = serde_json::json!({ "keys": [
        { "id": "id-first", "apiKey": emulator.api_key() },
        { "id": "id-invoices", "name": "invoice-processor" },
        { "id": "id-nightly", "name": "nightly" },
        { "id": "id-twice", "name": "twice" },
        { "id": "id-twice-2", "name": "twice" },
        { "id": "id-colon", "name": "prod:eu" },
        { "id": "id-odd", "name": "odd;touch-made" },
    ] });
    let mut put = with_key(emulator.base_url(), emulator.api_key());
    let ended = run_with_input(&mut put, &["api", "PUT", "/_emulator/state", "--input", "-"], &keys.to_string());
    assert_eq!(ended.status, 0, "{ended:?}");
    emulator
}

fn home() -> Home {
    let home = Home::new();
    let profile = |name: &str, file: &str| {
        format!("[profiles.{name}]\nbase_url = \"http://127.0.0.1:1\"\nsource = {{ file = \"{file}\" }}\n")
    };
    home.write_config(&(profile("work", "a") + &profile("staging-eu", "b")));
    home
}

#[test]
fn tab_completes_commands_options_profiles_and_keys() {
    let emulator = emulator();
    let mut tried = Vec::new();
    for (name, arguments, setting_up) in SHELLS {
        if Command::new(name).arg("--version").output().is_err() {
            eprintln!("{name} is not installed");
            continue;
        }
        let home = home();
        let mut shell = Shell::start(name, arguments, &home, &emulator);
        shell.type_in(setting_up);
        shell.type_in("echo \"set\"-up\n");
        shell.wait_for(0, &["set-up"]);
        shell.completes("codat-keys who", "codat-keys whoami");
        shell.completes("codat-keys list --rev", "codat-keys list --reveal");
        shell.completes("codat-keys profile us", "codat-keys profile use");
        shell.completes("codat-keys profile use wo", "codat-keys profile use work");
        shell.completes("codat-keys list --profile st", "codat-keys list --profile staging-eu");
        shell.completes("codat-keys completions fi", "codat-keys completions fish");
        shell.completes("codat-keys help exit", "codat-keys help exit-status");
        shell.completes("codat-keys delete inv", "codat-keys delete invoice-processor");
        shell.completes("codat-keys show id-ni", "codat-keys show id-nightly");
        shell.completes("codat-keys show prod:e", "codat-keys show prod:eu");
        shell.completes("codat-keys show pro", "codat-keys show prod:eu");
        shell.completes("codat-keys list --profile=st", "codat-keys list --profile=staging-eu");
        shell.completes(
            "codat-keys list --base-url=http://127.0.0.1:1 --profile=wo",
            "codat-keys list --base-url=http://127.0.0.1:1 --profile=work",
        );
        shell.completes(
            "codat-keys list --base-url http://127.0.0.1:1 --rev",
            "codat-keys list --base-url http://127.0.0.1:1 --reveal",
        );
        // Ambiguous names, and names with characters that a shell interprets, are not completed.
        shell.completes("codat-keys show twi", "codat-keys show twi\r");
        shell.completes("codat-keys show od", "codat-keys show od\r");
        shell.offers("codat-keys list --", &["--name", "--json", "--reveal", "--profile", "--base-url"]);
        shell.offers("codat-keys profile ", &["list", "use", "show"]);
        shell.offers("codat-keys show id-", &["id-first", "id-invoices", "id-nightly", "id-twice-2", "id-colon"]);
        assert!(!shell.shown.contains("error:") && !shell.shown.contains("hint:"), "{}", shell.shown);
        tried.push(name);
        if let Some(folder) = std::env::var_os("CODAT_KEYS_RECORDINGS") {
            fs::write(Path::new(&folder).join(name), &shell.shown).unwrap();
        }
    }
    assert!(tried.contains(&"bash"), "{tried:?}");
    let reads = run_with_input(
        &mut with_key(emulator.base_url(), emulator.api_key()),
        &["api", "GET", "/_emulator/journal"],
        "",
    );
    assert!(!reads.stdout.contains("DELETE"), "completing changes nothing");
}

/// Requests completions as a shell's script does, without a shell.
fn asked(command: &mut Command, words: &[&str]) -> (i32, String, String) {
    let index = words.len() - 1;
    let command = command.env("_CODAT_KEYS_COMPLETE", "bash").env("_CLAP_COMPLETE_INDEX", index.to_string());
    let ended = crate::support::run(command.env("_CLAP_IFS", "\n"), &[&["--"], words].concat());
    (ended.status, ended.stdout, ended.stderr)
}

#[test]
fn failed_completions_print_nothing() {
    let (home, nothing) = (Home::new(), (0, String::new(), String::new()));
    let show = ["codat-keys", "show", "n"];
    assert_eq!(asked(&mut home.program(), &show), nothing, "no key");
    let mut alone = home.program();
    alone.env("CODAT_API_KEY", "MadeUpKey").env("CODAT_BASE_URL", "http://127.0.0.1:1");
    assert_eq!(asked(&mut alone, &show), nothing, "no server");
    home.write_config("this is no TOML");
    assert_eq!(asked(&mut home.program(), &["codat-keys", "profile", "use", "w"]), nothing, "a broken configuration");
    let mut unknown = home.program();
    unknown.env("_CODAT_KEYS_COMPLETE", "tcsh");
    assert_eq!(crate::support::run(&mut unknown, &["--", "codat-keys", "l"]).stdout, "", "an unknown shell");
}

#[test]
fn key_completion_uses_the_given_profile_and_runs_no_key_command() {
    let (home, emulator) = (Home::new(), emulator());
    fs::write(home.path().join("key"), emulator.api_key()).unwrap();
    fs::set_permissions(home.path().join("key"), fs::Permissions::from_mode(0o600)).unwrap();
    let (url, folder) = (emulator.base_url(), home.path().display());
    home.write_config(&format!(
        "[profiles.file]\nbase_url = \"{url}\"\nsource = {{ file = \"{folder}/key\" }}\n\
         [profiles.vault]\nbase_url = \"{url}\"\nsource = {{ command = [\"touch\", \"{folder}/was-run\"] }}\n"
    ));
    let delete =
        |profile: &str| asked(&mut home.program(), &["codat-keys", "delete", "--yes", "--profile", profile, "night"]).1;
    assert_eq!(delete("file"), "nightly");
    assert_eq!(delete("vault"), "");
    assert!(!home.path().join("was-run").exists());
}

#[test]
fn a_hostile_list_is_completed_in_linear_time() {
    // With quadratic complexity, the completion would take minutes. `run` kills a command after a minute.
    let keys: Vec<_> = (0..1_000)
        .map(|number| {
            let name = format!("{number:04}{}", "n".repeat(4_000));
            json!({ "id": format!("id-{number}"), "name": name, "apiKey": format!("MadeUpKey{number:031}") })
        })
        .collect();
    let server = RawServer::with_replies(vec![crate::raw_server::json(200, &json!({ "results": keys }).to_string())]);
    let key = format!("MadeUpKey{:031}", 0);
    for words in [&["codat-keys", "delete", "0999"][..], &["codat-keys", "show", "--name", "0999"]] {
        let (status, completed, errors) = asked(&mut with_key(&server.url, &key), words);
        assert_eq!((status, errors.as_str()), (0, ""));
        assert!(completed.is_empty() || completed.starts_with("0999nnn"), "{completed}");
    }
    assert_eq!(server.requests().len(), 2);
}
