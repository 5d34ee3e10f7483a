//! Keys in the keyring. The value is stored only there.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::process::Command;

use codat_keys::{Client, ErrorKind};
use codat_keys_emulator::Emulator;

use crate::home::{Home, key_file};
use crate::secret_service::Keyring;
use crate::support::{Ended, PROGRAM, run, run_with_input};

fn in_keyring(home: &Home, address: &str, arguments: &[&str], input: &str) -> Ended {
    run_with_input(home.program().env("DBUS_SESSION_BUS_ADDRESS", address), arguments, input)
}

#[test]
fn the_key_is_stored_in_the_keyring_and_in_no_file() {
    let (home, emulator) = (Home::new(), Emulator::start().unwrap());
    let keyring = Keyring::start(home.path());
    let (url, key) = (emulator.base_url(), emulator.api_key());
    let codat_keys = |arguments: &[&str], input: &str| in_keyring(&home, &keyring.address, arguments, input);
    let login = |name: &str, input: &str| codat_keys(&["login", "--base-url", url, "--profile", name], input);
    for name in ["default", "work"] {
        let ended = login(name, key);
        assert_eq!(ended.status, 0, "{ended:?}");
        assert!(ended.stderr.contains(") is kept in the keyring\n") && !ended.stderr.contains("note:"), "{ended:?}");
    }
    let entry = |name: &str| ("codat-keys".to_owned(), format!("{name}@{url}"));
    assert_eq!(keyring.entries(), [entry("default"), entry("work")]);
    assert_eq!(home.files_with(key), [""; 0]);

    let ended = codat_keys(&["exec", "--profile", "work", "--", "sh", "-c", "echo $CODAT_API_KEY"], "");
    assert_eq!(ended.stdout.trim(), key, "{ended:?}");
    assert_eq!(codat_keys(&["list"], "").status, 0);

    // A second login replaces the key of the profile. A login with a rejected key changes nothing.
    let created = codat_keys(&["create", "second", "--reveal"], "").stdout;
    assert_eq!(login("work", &created).status, 0);
    assert_eq!(login("work", "MadeUpKeyForTheTests").status, 4);
    let ended = codat_keys(&["exec", "--profile", "work", "--", "sh", "-c", "echo $CODAT_API_KEY"], "");
    assert_eq!((ended.stdout, keyring.entries().len()), (created, 2));

    assert_eq!(codat_keys(&["logout", "--profile", "work"], "").status, 0);
    assert_eq!(keyring.entries(), [entry("default")]);
    assert_eq!(codat_keys(&["login", "--store", "file"], key).status, 0);
    assert_eq!(keyring.entries(), [], "a key that moves is kept once");
    assert_eq!(home.files_with(key), [key_file("default", url)]);
    assert_eq!(codat_keys(&["login", "--store", "keyring"], key).status, 0);
    assert_eq!(home.files_with(key), [""; 0]);
}

/// The entry of a profile contains the origin, so no client reads the key that is for another origin.
#[test]
fn a_keyring_entry_is_for_one_origin() {
    let (home, emulators) = (Home::new(), [(); 2].map(|()| Emulator::start().unwrap()));
    let keyring = Keyring::start(home.path());
    for emulator in &emulators {
        let login = ["login", "--base-url", emulator.base_url(), "--profile", "work"];
        assert_eq!(in_keyring(&home, &keyring.address, &login, emulator.api_key()).status, 0);
        let entry = ("codat-keys".to_owned(), format!("work@{}", emulator.base_url()));
        assert_eq!(keyring.entries(), [entry], "the entry of the other origin is removed");
    }
    let config = fs::read_to_string(home.config()).unwrap();
    home.write_config(&config.replace(emulators[1].base_url(), emulators[0].base_url()));
    let ended = in_keyring(&home, &keyring.address, &["list"], "");
    assert!(ended.status == 4 && ended.stderr.contains("the keyring has no key of this profile"), "{ended:?}");
}

#[test]
fn header_prints_the_header_of_a_profile() {
    let (home, emulator) = (Home::new(), Emulator::start().unwrap());
    let keyring = Keyring::start(home.path());
    let (url, key) = (emulator.base_url(), emulator.api_key());
    let codat_keys = |arguments: &[&str], input: &str| in_keyring(&home, &keyring.address, arguments, input);
    assert_eq!(codat_keys(&["login", "--base-url", url, "--profile", "work"], key).status, 0);
    let header = codat_keys(&["header"], key).stdout;
    let printed = codat_keys(&["header", "--profile", "work", "--base-url", url], "");
    assert_eq!((printed.status, printed.stdout), (0, header), "{}", printed.stderr);
    let refused = codat_keys(&["header", "--profile", "work", "--base-url", "https://api.codat.io"], "");
    assert_eq!((refused.status, refused.stdout.as_str()), (2, ""), "{}", refused.stderr);
    assert_eq!(codat_keys(&["header", "--profile", "other"], "").status, 2);
    assert_eq!(codat_keys(&["header", "--base-url", url], key).status, 2, "it applies to a profile only");
}

#[tokio::test]
async fn a_program_uses_a_key_in_the_keyring() {
    let (home, emulator) = (Home::new(), Emulator::start().unwrap());
    let keyring = Keyring::start(home.path());
    let login = ["login", "--base-url", emulator.base_url(), "--profile", "work"];
    assert_eq!(in_keyring(&home, &keyring.address, &login, emulator.api_key()).status, 0);
    // The child process inherits the environment of this process, not that of the client.
    let script = format!(
        "#!/bin/sh\nexport DBUS_SESSION_BUS_ADDRESS='{}' XDG_CONFIG_HOME='{}'\nexec '{PROGRAM}' \"$@\"\n",
        keyring.address,
        home.path().join("config").display()
    );
    let command = home.path().join("codat-keys");
    fs::write(&command, script).unwrap();
    fs::set_permissions(&command, fs::Permissions::from_mode(0o755)).unwrap();
    let environment = |name: &str| match name {
        "XDG_CONFIG_HOME" => Some(home.path().join("config").into()),
        "PATH" => Some(home.path().into()),
        "CODAT_PROFILE" => Some("work".into()),
        _ => None,
    };
    let client = Client::builder().build_in(&environment).unwrap();
    let own = client.whoami().await.unwrap();
    assert_eq!(own.api_key.expose_secret(), emulator.api_key());

    assert_eq!(in_keyring(&home, &keyring.address, &["logout", "--profile", "work"], "").status, 0);
    home.write_config(&format!("[profiles.work]\nbase_url = \"{}\"\nsource = \"keyring\"", emulator.base_url()));
    let error = Client::builder().build_in(&environment).unwrap().whoami().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidCredential);
    assert!(error.to_string().contains("the keyring has no key of this profile"), "{error}");
}

#[test]
fn a_missing_keyring_entry_is_reported() {
    let (home, emulator) = (Home::new(), Emulator::start().unwrap());
    let keyring = Keyring::start(home.path());
    home.write_config(&format!(
        "profile = \"work\"\n[profiles.work]\nbase_url = \"{}\"\nsource = \"keyring\"",
        emulator.base_url()
    ));
    let ended = in_keyring(&home, &keyring.address, &["doctor"], "");
    assert_eq!(ended.status, 4, "{ended:?}");
    assert!(ended.stderr.starts_with("error: the keyring has no key of this profile\n"), "{ended:?}");
    assert!(ended.stderr.ends_with("hint: store it again: codat-keys login --profile work\n"), "{ended:?}");
}

#[test]
fn a_keyring_that_does_not_respond_times_out() {
    let (home, emulator) = (Home::new(), Emulator::start().unwrap());
    // The server never accepts a connection.
    let _silent = UnixListener::bind(home.path().join("bus")).unwrap();
    let address = format!("unix:path={}", home.path().join("bus").display());
    let arguments = ["login", "--base-url", emulator.base_url(), "--timeout", "1"];
    let ended = in_keyring(&home, &address, &arguments, emulator.api_key());
    assert_eq!(ended.status, 10, "{ended:?}");
    assert_eq!(
        ended.stderr,
        "error: the keyring did not answer within 1 s\nhint: it may wait for its password: unlock it and try again, or \
         keep the key in a file: codat-keys login --store file\n"
    );
    assert!(!home.config().exists(), "a key that is nowhere has no profile");
    // Without a profile, the command does not connect to the keyring.
    let mut command = home.program();
    command.env("DBUS_SESSION_BUS_ADDRESS", &address).env("CODAT_API_KEY", emulator.api_key());
    assert_eq!(run(command.env("CODAT_BASE_URL", emulator.base_url()), &["list"]).status, 0);
}

/// Not a test on its own: `a_large_keyring_entry_is_rejected` runs this function in a child process, because the client
/// of the keyring takes the address of D-Bus from the environment.
#[test]
#[ignore = "writes to the keyring of the user"]
fn store_a_large_entry() {
    let bytes = std::env::var("ENTRY_BYTES").unwrap().parse().unwrap();
    ::keyring::Entry::new("codat-keys", "work@http://127.0.0.1:9").unwrap().set_password(&"k".repeat(bytes)).unwrap();
}

#[test]
fn a_large_keyring_entry_is_rejected() {
    const LIMIT: usize = 64 * 1024;
    for (bytes, status) in [(LIMIT, 0), (LIMIT + 1, 4)] {
        let home = Home::new();
        let keyring = Keyring::start(home.path());
        let stored = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "keyring::store_a_large_entry", "--ignored"])
            .env("DBUS_SESSION_BUS_ADDRESS", &keyring.address)
            .env("ENTRY_BYTES", bytes.to_string())
            .output()
            .unwrap();
        assert!(stored.status.success(), "{stored:?}");
        home.write_config(
            "profile = \"work\"\n[profiles.work]\nbase_url = \"http://127.0.0.1:9\"\nsource = \"keyring\"",
        );
        let ended = in_keyring(&home, &keyring.address, &["header", "--profile", "work"], "");
        assert_eq!((ended.status, ended.stdout.is_empty()), (status, status != 0), "{}", ended.stderr);
        if status != 0 {
            assert!(ended.stderr.starts_with("error: the keyring entry of this profile is larger than 64 KiB\n"));
            assert!(ended.stderr.ends_with("hint: store the key again: codat-keys login --profile work\n"));
        }
    }
}
