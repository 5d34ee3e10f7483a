//! Rotations of a key that the keyring stores: the sink `profile:NAME`.

use std::os::unix::net::UnixListener;
use std::process::Stdio;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::bounded::wait_until;
use crate::home::files;
use crate::rotate::Account;
use crate::secret_service::Keyring;
use crate::support::{Ended, run_with_input, start};

/// An account whose key the profile `work` has in the keyring.
struct Scene {
    account: Account,
    keyring: Keyring,
}

impl Scene {
    fn new() -> Self {
        let account = Account::new();
        let keyring = Keyring::start(account.folder.path());
        let scene = Self { account, keyring };
        let (old, file) = (scene.account.read("key"), scene.account.path("key"));
        let login = scene.run_at(&scene.keyring.address, &["login", "--profile", "work", "--store", "keyring"], &old);
        assert_eq!(login.status, 0, "{login:?}");
        std::fs::remove_file(file).unwrap();
        scene
    }

    fn run_at(&self, keyring: &str, arguments: &[&str], input: &str) -> Ended {
        let mut command = self.account.program();
        command.env_remove("CODAT_API_KEY_FILE").env("DBUS_SESSION_BUS_ADDRESS", keyring);
        run_with_input(&mut command, arguments, input)
    }

    fn rotate(&self, arguments: &[&str]) -> Ended {
        self.run_at(&self.keyring.address, &[&["rotate"], arguments, &["--profile", "work"]].concat(), "")
    }

    /// Returns the key in the keyring, as the profile provides it.
    fn stored(&self) -> String {
        let shown = ["exec", "--profile", "work", "--", "printenv", "CODAT_API_KEY"];
        self.run_at(&self.keyring.address, &shown, "").stdout.trim_end().to_owned()
    }

    /// Asserts that the keyring has the only entry, and that no file contains this key.
    fn assert_in_keyring_only(&self, key: &str) {
        let entry = ("codat-keys".to_owned(), format!("work@{}", self.account.emulator.base_url()));
        assert_eq!(self.keyring.entries(), [entry]);
        for path in files(self.account.folder.path()) {
            let bytes = std::fs::read(&path).unwrap();
            assert!(!String::from_utf8_lossy(&bytes).contains(key), "{}", path.display());
        }
    }
}

#[test]
fn a_key_in_the_keyring_is_rotated_twice() {
    let scene = Scene::new();
    for _ in 0..2 {
        let before = scene.stored();
        let ended = scene.rotate(&["--to", "profile:work", "--grace", "0"]);
        assert_eq!(ended.status, 0, "{ended:?}");
        let new = scene.account.value(&scene.account.newest());
        assert_eq!((scene.stored(), scene.account.keys().len()), (new.clone(), 2));
        assert_ne!(before, new);
        scene.assert_in_keyring_only(&new);
    }
}

#[test]
fn an_aborted_rotation_restores_the_key_in_the_keyring() {
    let scene = Scene::new();
    let old = scene.stored();
    assert_eq!(scene.rotate(&["--to", "profile:work"]).status, 0);
    assert_ne!(scene.stored(), old);
    let aborted = scene.rotate(&["abort"]);
    assert_eq!(aborted.status, 0, "{aborted:?}");
    assert_eq!((scene.stored(), scene.account.keys().len()), (old.clone(), 2));
    scene.assert_in_keyring_only(&old);
}

#[test]
fn a_missing_keyring_stops_a_rotation_which_is_finished_later() {
    let scene = Scene::new();
    let (old, keys) = (scene.stored(), scene.account.keys());
    let without = |arguments: &[&str]| {
        let mut command = scene.account.program();
        // A key from elsewhere, so that the keyring is missing as a sink.
        command.env_remove("CODAT_API_KEY_FILE").env("CODAT_API_KEY", &old);
        run_with_input(command.arg("rotate"), &[arguments, &["--lock", "work"]].concat(), "")
    };
    let refused = without(&["--to", "profile:work"]);
    assert!(refused.status == 1 && refused.stderr.contains("there is no keyring here"), "{refused:?}");
    assert_eq!(scene.account.keys(), keys);

    assert_eq!(scene.rotate(&["--to", "profile:work"]).status, 0);
    let unfinished = without(&["finish"]);
    assert_eq!(unfinished.status, 11, "{unfinished:?}");
    assert_eq!(scene.account.keys().len(), 3, "the old key is not deleted");
    let finished = scene.rotate(&["finish"]);
    assert_eq!(finished.status, 0, "{finished:?}");
    assert_eq!((scene.stored(), scene.account.keys().len()), (scene.account.value(&scene.account.newest()), 2));
}

/// A signal that arrives just before a request to the keyring is no failure of the sink.
#[test]
fn a_signal_before_the_keyring_is_asked_ends_the_rotation() {
    let scene = Scene::new();
    let keys = scene.account.keys();
    let _silent = UnixListener::bind(scene.account.path("silent")).unwrap();
    let mut command = scene.account.program();
    command.env("DBUS_SESSION_BUS_ADDRESS", format!("unix:path={}", scene.account.path("silent").display()));
    command.env_remove("CODAT_API_KEY_FILE").env("CODAT_API_KEY", scene.stored());
    command.args(["rotate", "--to", "profile:work"]).stdout(Stdio::null()).stderr(Stdio::piped());
    scene.account.emulator.clear_journal();
    let rotation = start(&mut command);
    wait_until("it lists the keys", || !scene.account.emulator.journal().is_empty());
    kill_process(Pid::from_child(&rotation), Signal::TERM).unwrap();
    let ended = rotation.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(143), "{ended:?}");
    assert_eq!(scene.account.keys(), keys);
}

#[test]
fn a_signal_ends_a_rotation_that_waits_for_a_silent_keyring() {
    let scene = Scene::new();
    let keys = scene.account.keys();
    // The server accepts connections, and sends nothing.
    let silent = UnixListener::bind(scene.account.path("silent")).unwrap();
    silent.set_nonblocking(true).unwrap();
    let mut command = scene.account.program();
    command.env("DBUS_SESSION_BUS_ADDRESS", format!("unix:path={}", scene.account.path("silent").display()));
    command.env_remove("CODAT_API_KEY_FILE").env("CODAT_API_KEY", scene.stored());
    command.args(["rotate", "--to", "profile:work"]).stdout(Stdio::null()).stderr(Stdio::piped());
    let rotation = start(&mut command);
    let mut connection = None;
    wait_until("it asks the keyring", || {
        connection = silent.accept().ok();
        connection.is_some()
    });
    let begun = Instant::now();
    kill_process(Pid::from_child(&rotation), Signal::TERM).unwrap();
    let ended = rotation.wait_with_output().unwrap();
    drop(connection);
    assert_eq!(ended.status.code(), Some(143), "{ended:?}");
    // The keyring may take 30 s.
    assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
    assert_eq!(scene.account.keys(), keys);
}
