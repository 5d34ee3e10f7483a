//! Keys in place of a path, a command, a name or a URL. Messages must not contain them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use codat_keys_emulator::Emulator;

use crate::home::Home;
use crate::support::{Ended, run, run_with_input};

/// A key in the form of Codat's keys, and a key of another form, which the program knows from a variable.
const KEYS: [&str; 2] = ["MadeUpKeyForTheTests0123456789abcdefGhIj", "MadeUpKey.short"];

/// Arguments in which `KEY` is replaced with the key.
const ARGUMENTS: [&[&str]; 56] = [
    &["KEY"],
    &["-KEY"],
    &["--KEY"],
    &["list", "KEY"],
    &["list", "--json=KEY"],
    &["exec", "KEY"],
    &["exec", "--", "KEY"],
    &["exec", "--", "./KEY", "KEY"],
    &["emulator", "exec", "--", "KEY"],
    &["emulator", "--faults", "KEY"],
    &["emulator", "--state", "KEY/state"],
    &["emulator", "--host", "KEY"],
    &["emulator", "--port", "KEY"],
    &["inject", "KEY"],
    &["inject", "KEY", "--json"],
    &["inject", "--out", "KEY/settings", "-"],
    &["inject", "--out", "KEY", "-"],
    &["create", "n", "--out", "KEY/x"],
    &["create", "n", "--out", "KEY/x", "--json"],
    &["create", "n", "--idempotency-key", "KEY"],
    &["list", "--ca-file", "KEY"],
    &["list", "--ca-file", "KEY", "--json"],
    &["list", "--ca-file", "/etc/KEY/ca.pem"],
    &["doctor", "--ca-file", "KEY"],
    &["doctor", "--ca-file", "KEY", "--json"],
    &["list", "--base-url", "KEY"],
    &["list", "--base-url", "http://127.0.0.1:1/KEY", "--timeout", "1"],
    &["doctor", "--base-url", "http://127.0.0.1:1/KEY", "--timeout", "1"],
    &["list", "--base-url", "ftp://KEY"],
    &["list", "--proxy", "KEY"],
    &["list", "--proxy", "http://127.0.0.1:1/KEY", "--timeout", "1"],
    &["list", "--profile", "KEY"],
    &["doctor", "--profile", "KEY"],
    &["profile", "show", "KEY"],
    &["profile", "use", "KEY"],
    &["list", "--timeout", "KEY"],
    &["api", "KEY"],
    &["api", "/KEY"],
    &["api", "KEY", "/companies"],
    &["api", "POST", "/companies", "--input", "KEY"],
    &["audit", "--max-age", "KEY"],
    &["completions", "KEY"],
    &["man", "KEY"],
    &["help", "KEY"],
    &["logout", "--profile", "KEY"],
    &["rotate", "KEY", "--to", "file:new"],
    &["rotate", "--to", "KEY"],
    &["rotate", "--to", "file:KEY"],
    &["rotate", "--to", "dotenv:.env#KEY"],
    &["rotate", "--to", "command:KEY", "--read-command", "KEY"],
    &["rotate", "--to", "file:new", "--lock", "KEY"],
    &["rotate", "--to", "file:new", "--journal", "KEY"],
    &["rotate", "status", "--lock", "KEY"],
    &["rotate", "resume", "--lock", "KEY", "--json"],
    &["rotate", "status", "--journal", "./KEY/journals"],
    &["rotate", "status", "--from", "KEY"],
];

/// Variables in whose values `KEY` is replaced with the key.
const VARIABLES: [(&str, &str); 8] = [
    ("CODAT_CA_FILE", "KEY"),
    ("CODAT_CA_FILE", "/etc/KEY"),
    ("CODAT_BASE_URL", "KEY"),
    ("CODAT_BASE_URL", "URL/KEY"),
    ("CODAT_PROFILE", "KEY"),
    ("CODAT_API_KEY_FILE", "KEY"),
    ("CODAT_ALLOW_INSECURE_HTTP", "KEY"),
    ("HTTPS_PROXY", "KEY"),
];

const CONFIGURATIONS: [&str; 8] = [
    "profile = \"KEY\"",
    "[profiles.KEY]\nbase_url = \"URL\"\nsource = \"keyring\"",
    "profile = \"work\"\n[profiles.work]\nbase_url = \"URL\"\nsource = { file = \"KEY\" }",
    "profile = \"work\"\n[profiles.work]\nbase_url = \"URL\"\nsource = { file = \"/KEY/key\" }",
    "profile = \"work\"\n[profiles.work]\nbase_url = \"URL\"\nsource = { command = [\"KEY\"] }",
    "profile = \"work\"\n[profiles.work]\nbase_url = \"URL\"\nsource = { command = [\"sh\", \"-c\", \"echo KEY >&2; exit 1\"] }",
    "profile = \"work\"\n[profiles.work]\nbase_url = \"URL/KEY\"\nsource = \"keyring\"",
    "profile = \"work\"\nKEY = 1",
];

fn repeats_nothing(ended: &Ended, key: &str, what: &dyn std::fmt::Debug) {
    let encoded = STANDARD.encode(key);
    let all = format!("{}{}", ended.stdout, ended.stderr);
    assert!(!all.contains(key) && !all.contains(encoded.trim_end_matches('=')), "{what:?}: {all}");
}

#[test]
fn arguments_that_are_a_key_are_not_repeated() {
    let emulator = Emulator::start().unwrap();
    for key in KEYS {
        for arguments in ARGUMENTS {
            let home = Home::new();
            let given: Vec<String> = arguments.iter().map(|argument| argument.replace("KEY", key)).collect();
            let given: Vec<&str> = given.iter().map(String::as_str).collect();
            let mut program = home.program();
            program.env("CODAT_API_KEY", key).env("CODAT_BASE_URL", emulator.base_url());
            program.env("XDG_STATE_HOME", home.path());
            let ended = run_with_input(&mut program, &given, "{{ codat.base_url }}");
            assert!(ended.status != 0 || arguments.contains(&"--out"), "{arguments:?}: {ended:?}");
            repeats_nothing(&ended, key, &arguments);
            if arguments[0] == "rotate" {
                assert!(!home.path().join(key).exists(), "{arguments:?}");
            }
        }
    }
}

#[test]
fn variables_that_are_a_key_are_not_repeated() {
    let emulator = Emulator::start().unwrap();
    for key in KEYS {
        for (variable, value) in VARIABLES {
            for command in
                [&["list"][..], &["list", "--json"], &["doctor"], &["doctor", "--json"], &["exec", "--", "true"]]
            {
                let home = Home::new();
                let mut program = home.program();
                program.env("CODAT_API_KEY", key).env("CODAT_BASE_URL", emulator.base_url());
                let value = value.replace("KEY", key).replace("URL", emulator.base_url());
                let ended = run(program.env(variable, &value), command);
                repeats_nothing(&ended, key, &(variable, value, command));
            }
        }
    }
}

#[test]
fn a_configuration_that_holds_a_key_is_not_repeated() {
    let emulator = Emulator::start().unwrap();
    for key in KEYS {
        for text in CONFIGURATIONS {
            for command in [
                &["list", "--profile", "work"][..],
                &["list", "--profile", "work", "--json"],
                &["exec", "--profile", "work", "--", "true"],
                &["doctor", "--profile", "work"],
                &["doctor"],
                &["profile", "list"],
                &["profile", "list", "--json"],
                &["profile", "show", "work"],
                &["profile", "use", "work"],
                &["logout", "--profile", "work"],
                &["login", "--profile", "work"],
            ] {
                let home = Home::new();
                home.write_config(&text.replace("KEY", key).replace("URL", emulator.base_url()));
                let ended = run(home.program().env("CODAT_API_KEY", key), command);
                repeats_nothing(&ended, key, &(text, command));
            }
        }
    }
}

#[test]
fn completions_contain_no_key() {
    for key in KEYS {
        let home = Home::new();
        home.write_config(&format!("[profiles.work]\nbase_url = \"http://127.0.0.1:1/{key}\"\nsource = \"keyring\""));
        for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
            let mut program = home.program();
            program.env("_CODAT_KEYS_COMPLETE", shell).env("_CLAP_COMPLETE_INDEX", "3").env("CODAT_API_KEY", key);
            let ended = run(&mut program, &["--", "codat-keys", "list", "--profile", "w"]);
            assert!(ended.stdout.contains("work"), "{shell}: {ended:?}");
            repeats_nothing(&ended, key, &shell);
        }
    }
}

/// The key of a profile is not in a variable. The program knows it after it has read the profile.
#[test]
fn the_key_of_a_profile_is_not_repeated_as_a_command() {
    let (home, key) = (Home::new(), "MadeUpKey.of.a.profile");
    let emulator = Emulator::start().unwrap();
    home.write_config(&format!(
        "profile = \"work\"\n[profiles.work]\nbase_url = \"{}\"\nsource = {{ command = [\"echo\", \"{key}\"] }}",
        emulator.base_url()
    ));
    for arguments in [&["exec", key][..], &["exec", "--", "./MadeUpKey.of.a.profile"]] {
        let ended = run(&mut home.program(), arguments);
        assert!(ended.status == 127 && ended.stderr.contains("**** cannot be run"), "{ended:?}");
        repeats_nothing(&ended, key, &arguments);
    }
}
