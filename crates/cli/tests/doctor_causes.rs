//! Incorrect configurations: `doctor` names the cause of each, says what to do, and prints no secret.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use codat_keys_emulator::Emulator;

use crate::home::{Home, key_file};
use crate::support::run;

const KEY: &str = "MadeUp-Key-For-The-Tests-0123456789abcde";
const OTHER: &str = "MadeUp-Key-For-The-Tests-9876543210abcde";

/// An incorrect configuration: environment variables, and the text of `config.toml` if any. `URL` is replaced with the
/// URL of the emulator, and `HOME` with the home folder.
struct Case {
    variables: &'static [(&'static str, &'static str)],
    config: Option<&'static str>,
    status: i32,
    /// The line of the report that names the cause. `problem` if no other line does.
    place: &'static str,
    text: &'static str,
    hint: &'static str,
}

const CASES: [Case; 24] = [
    Case {
        variables: &[("CODAT_API_KEY", "")],
        config: None,
        status: 4,
        place: "CODAT_API_KEY",
        text: "CODAT_API_KEY is empty",
        hint: "set CODAT_API_KEY to a value, or unset it to use another source",
    },
    Case {
        variables: &[("CODAT_API_KEY", KEY), ("CODAT_API_KEY_FILE", "HOME/other")],
        config: None,
        status: 4,
        place: "problem",
        text: "CODAT_API_KEY and CODAT_API_KEY_FILE hold different keys",
        hint: "unset CODAT_API_KEY or CODAT_API_KEY_FILE",
    },
    Case {
        variables: &[("CODAT_API_KEY_FILE", "HOME/nothing")],
        config: None,
        status: 4,
        place: "CODAT_API_KEY_FILE",
        text: "the file that CODAT_API_KEY_FILE names cannot be read: No such file",
        hint: "check the path in CODAT_API_KEY_FILE",
    },
    Case {
        variables: &[("CODAT_API_KEY_FILE", "HOME/public")],
        config: None,
        status: 4,
        place: "CODAT_API_KEY_FILE",
        text: "the file that CODAT_API_KEY_FILE names can be read by every user of this machine",
        hint: "let its owner alone read it: chmod 600",
    },
    Case {
        variables: &[("CODAT_API_KEY_FILE", "HOME")],
        config: None,
        status: 4,
        place: "CODAT_API_KEY_FILE",
        text: "the file that CODAT_API_KEY_FILE names is a folder",
        hint: "name the file in it that holds the key",
    },
    Case {
        variables: &[("CODAT_PROFILE", "wort")],
        config: Some("[profiles.work]\nbase_url = \"URL\"\nsource = \"keyring\""),
        status: 2,
        place: "CODAT_PROFILE",
        text: "CODAT_PROFILE names the profile `wort`, which is not in HOME/config/codat-keys/config.toml",
        hint: "there is work; `codat-keys login --profile wort` makes it",
    },
    Case {
        variables: &[("CODAT_PROFILE", "")],
        config: None,
        status: 2,
        place: "CODAT_PROFILE",
        text: "CODAT_PROFILE is empty",
        hint: "set CODAT_PROFILE to a profile's name, or unset it",
    },
    Case {
        variables: &[("CODAT_PROFILE", KEY)],
        config: None,
        status: 2,
        place: "CODAT_PROFILE",
        text: "CODAT_PROFILE is no name of a profile",
        hint: "write it with at most 32 lower-case letters",
    },
    Case {
        variables: &[],
        config: Some(
            "profile = \"work\"\n[profiles.work]\nbase_url = \"http://user:MadeUpKey0123456789@127.0.0.1\"\nsource = \"keyring\"",
        ),
        status: 2,
        place: "profile in use",
        text: "HOME/config/codat-keys/config.toml is invalid: line 3: base_url must be a ",
        hint: "write it like: [profiles.work]",
    },
    Case {
        variables: &[],
        config: Some("profiles = \"MadeUp-Key-For-The-Tests-0123456789abcde\""),
        status: 2,
        place: "profile in use",
        text: "HOME/config/codat-keys/config.toml is invalid: line 1: this value must be a map",
        hint: "write it like: [profiles.work]",
    },
    Case {
        variables: &[],
        config: Some("profile = \"work\""),
        status: 2,
        place: "profile in use",
        text: "`profile` in HOME/config/codat-keys/config.toml names the profile `work`, which is not",
        hint: "there is none; `codat-keys login --profile work` makes it",
    },
    Case {
        variables: &[],
        config: Some(
            "profile = \"work\"\n\n[profiles.work]\nkey = \"MadeUp-Key-For-The-Tests-0123456789abcde\nsource = 1",
        ),
        status: 2,
        place: "profile in use",
        text: "HOME/config/codat-keys/config.toml is invalid: line 4: ",
        hint: "correct the TOML syntax of this line",
    },
    Case {
        variables: &[],
        config: Some(
            "[profiles.work]\nbase_url = \"URL\"\nsource = \"keyring\"\napi_key = \"MadeUp-Key-For-The-Tests-0123456789abcde\"",
        ),
        status: 2,
        place: "profile in use",
        text: "HOME/config/codat-keys/config.toml is invalid: line 4: unknown member `api_key`, expected `base_url` or `source`",
        hint: "write it like: [profiles.work]",
    },
    Case {
        variables: &[],
        config: Some("[profiles.work]\nbase_url = \"URL\"\nsource = \"MadeUp-Key-For-The-Tests-0123456789abcde\""),
        status: 2,
        place: "profile in use",
        text: "HOME/config/codat-keys/config.toml is invalid: line 3: source must be \"keyring\" or a table",
        hint: "write it like: [profiles.work]",
    },
    Case {
        variables: &[],
        config: Some("[profiles.work]\nsource = \"keyring\""),
        status: 2,
        place: "profile in use",
        text: "HOME/config/codat-keys/config.toml is invalid: line 1: missing field `base_url`",
        hint: "write it like: [profiles.work]",
    },
    Case {
        variables: &[],
        config: Some("[profiles.work]\nbase_url = \"URL\"\nsource = { command = [\"vault\"], timeout = \"5\" }"),
        status: 2,
        place: "profile in use",
        text: "HOME/config/codat-keys/config.toml is invalid: line 3: a time must be written like \"5s\" or \"10m\"",
        hint: "write it like: [profiles.work]",
    },
    Case {
        variables: &[],
        config: Some("# everybody may write"),
        status: 2,
        place: "profile in use",
        text: "HOME/config/codat-keys/config.toml is not trusted: the file HOME/config/codat-keys/config.toml can be changed \
               by other users (mode 0646, owner ",
        hint: "run: chmod go-w HOME/config/codat-keys/config.toml",
    },
    Case {
        variables: &[],
        config: Some(
            "profile = \"work\"\n[profiles.work]\nbase_url = \"URL\"\nsource = { command = [\"sh\", \"-c\", \
             \"cat HOME/other; echo no token >&2; exit 3\"] }",
        ),
        status: 4,
        place: "problem",
        text: "the command `sh` failed (exit status: 3): no token",
        hint: "run it by hand to see what it needs",
    },
    Case {
        variables: &[],
        config: Some(
            "profile = \"work\"\n[profiles.work]\nbase_url = \"URL\"\nsource = { command = [\"no-such-vault\"] }",
        ),
        status: 4,
        place: "problem",
        text: "the command `no-such-vault` cannot be started: No such file",
        hint: "check that it is installed, and in PATH or given with its whole path",
    },
    Case {
        variables: &[],
        config: Some("profile = \"work\"\n[profiles.work]\nbase_url = \"URL\"\nsource = { file = \"keys/work\" }"),
        status: 4,
        place: "problem",
        text: "the key file HOME/config/codat-keys/keys/work cannot be read: No such file",
        hint: "check its path and its permissions",
    },
    Case {
        variables: &[],
        config: Some("profile = \"work\"\n[profiles.work]\nbase_url = \"URL\"\nsource = \"keyring\""),
        status: 4,
        place: "problem",
        text: "there is no keyring here: ",
        hint: "codat-keys login --profile work --store file",
    },
    Case {
        variables: &[("CODAT_BASE_URL", "https://api.codat.io")],
        config: Some("profile = \"work\"\n[profiles.work]\nbase_url = \"URL\"\nsource = { file = \"HOME/other\" }"),
        status: 2,
        place: "problem",
        text: "CODAT_BASE_URL names https://api.codat.io, but the key of the profile `work` is for URL",
        hint: "leave CODAT_BASE_URL out, or use another profile",
    },
    Case {
        variables: &[],
        config: Some("profile = \"work\"\n[profiles.work]\nbase_url = \"URL\"\nsource = { file = \"HOME/other\" }"),
        status: 4,
        place: "problem",
        text: "Codat does not accept the API key (HTTP 401;",
        hint: "the key is wrong or was deleted",
    },
    Case {
        variables: &[],
        config: None,
        status: 4,
        place: "problem",
        text: "no API key was given",
        hint: "or store one: codat-keys login",
    },
];

#[test]
fn doctor_names_the_cause() {
    let emulator = Emulator::start().unwrap();
    for Case { variables, config, status, place, text, hint } in CASES {
        let home = Home::new();
        for (name, mode) in [("other", 0o600), ("public", 0o644)] {
            fs::write(home.path().join(name), OTHER).unwrap();
            fs::set_permissions(home.path().join(name), fs::Permissions::from_mode(mode)).unwrap();
        }
        let fill = |template: &str| {
            template.replace("HOME", home.path().to_str().unwrap()).replace("URL", emulator.base_url())
        };
        // The `URL` in the name of a variable is not replaced.
        let text = fill(&text.replace("CODAT_BASE_URL", "NAMED")).replace("NAMED", "CODAT_BASE_URL");
        if let Some(config) = config {
            home.write_config(&fill(config));
            let mode = if config.starts_with("# everybody") { 0o646 } else { 0o600 };
            fs::set_permissions(home.config(), fs::Permissions::from_mode(mode)).unwrap();
        }
        let variables = variables.iter().map(|(name, value)| (name, fill(value)));
        let ended = run(home.program().envs(variables), &["doctor"]);
        assert_eq!(ended.status, status, "{text}: {ended:?}");
        let line = ended.stdout.lines().find_map(|line| line.strip_prefix(place)?.strip_prefix(' '));
        assert!(line.is_some_and(|line| line.trim_start().starts_with(&text)), "{text}: {ended:?}");
        let problem = ended.stdout.lines().find_map(|line| line.strip_prefix("problem ")).unwrap();
        assert!(problem.contains(&hint.replace("HOME", home.path().to_str().unwrap())), "{hint}: {ended:?}");
        let all = format!("{ended:?}");
        assert!(!all.contains(KEY) && !all.contains(OTHER), "{all}");
    }
}

#[test]
fn doctor_reports_the_source_in_use_and_the_ignored_sources() {
    let (home, emulator) = (Home::new(), Emulator::start().unwrap());
    assert_eq!(home.login(emulator.base_url(), emulator.api_key(), &["--profile", "work"]).status, 0);
    let file = home.path().join(key_file("work", emulator.base_url()));
    let in_use = format!("in use: `work`, whose key comes from the file {}", file.display());
    let report_line = |variables: &[(&str, &str)], arguments: &[&str], place: &str| {
        let ended = run(home.program().envs(variables.iter().copied()), &[&["doctor"], arguments].concat());
        let line = ended.stdout.lines().find_map(|line| line.strip_prefix(place)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("no line {place}: {ended:?}")).trim().to_owned()
    };
    let key = ("CODAT_API_KEY", KEY);
    let profile = ("CODAT_PROFILE", "work");
    assert_eq!(report_line(&[], &[], "profile in use"), in_use);
    assert_eq!(report_line(&[], &[], "base URL"), format!("{} (the profile)", emulator.base_url()));
    assert_eq!(report_line(&[profile], &[], "CODAT_PROFILE"), in_use);
    assert_eq!(report_line(&[profile], &[], "profile in use"), "passed over: CODAT_PROFILE comes first");
    assert_eq!(report_line(&[profile, key], &[], "CODAT_PROFILE"), "passed over: CODAT_API_KEY comes first");
    assert_eq!(report_line(&[profile, key], &[], "profile in use"), "passed over: CODAT_API_KEY comes first");
    assert_eq!(report_line(&[profile, key], &["--profile", "work"], "--profile"), in_use);
    assert_eq!(
        report_line(&[profile, key], &["--profile", "work"], "CODAT_API_KEY"),
        "passed over: --profile comes first"
    );

    let ended = run(home.program().envs([profile]), &["whoami"]);
    assert_eq!(ended.stderr, "the key comes from CODAT_PROFILE; passed over: the profile in use\n");
    let ended = run(&mut home.program(), &["whoami"]);
    assert_eq!(ended.stderr, "the key comes from the profile in use\n");
}
