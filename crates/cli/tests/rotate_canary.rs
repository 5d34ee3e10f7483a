//! Rotations with every kind of sink: no output, journal, argument or environment contains a key.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::home::{files, key_file};
use crate::rotate_tools::Tools;
use crate::secret_service::Keyring;
use crate::support::{Ended, run, run_with_input};

/// Every kind of sink, with the commands that some of them need.
const SINKS: [&str; 31] = [
    "--to",
    "file:key",
    "--to",
    "file:header#header",
    "--to",
    "dotenv:.env#KEY",
    "--to",
    "profile:stored",
    "--to",
    "profile:ring",
    "--to",
    "aws-secretsmanager:codat/key",
    "--to",
    "gcp-secret:codat-key",
    "--to",
    "azure-keyvault:kv/codat-key",
    "--to",
    "vault:secret/codat#api_key",
    "--to",
    "k8s:shop/codat#api_key",
    "--to",
    "1password:Shop/Codat#key",
    "--to",
    "github:acme/shop#CODAT_API_KEY",
    "--confirm-command",
    "confirm gh",
    "--to",
    "command:store put",
    "--read-command",
    "store get",
    "--json",
];

/// The sinks, the account, and everything in which no key may occur.
struct Scene {
    tools: Tools,
    keyring: Keyring,
    keys: Vec<String>,
    shown: Vec<String>,
}

impl Scene {
    /// All sinks contain the old key.
    fn new() -> Self {
        let tools = Tools::new();
        let (keyring, old) = (Keyring::start(tools.account.folder.path()), tools.account.read("key"));
        let scene = Self { tools, keyring, keys: vec![old.clone()], shown: Vec::new() };
        fs::write(scene.tools.account.path(".env"), format!("KEY={old}\n")).unwrap();
        fs::write(scene.tools.account.path("header"), format!("Basic {}", STANDARD.encode(&old))).unwrap();
        for (profile, place) in [("stored", "file"), ("ring", "keyring")] {
            let login = ["login", "--profile", profile, "--store", place];
            let ended = run_with_input(&mut scene.program(), &login, &old);
            assert_eq!(ended.status, 0, "{ended:?}");
        }
        scene
    }

    fn program(&self) -> Command {
        let mut command = self.tools.program();
        command.env("DBUS_SESSION_BUS_ADDRESS", &self.keyring.address);
        command
    }

    /// Runs a command with all sinks and these further arguments. Keeps its output, and the arguments and environments of
    /// all processes.
    fn rotate(&mut self, verb: &[&str], further: &[&str]) -> Ended {
        let mut command = self.program();
        let (ended, processes) = processes_during(|| run(command.arg("rotate").args(verb).args(SINKS), further));
        self.shown.push(format!("{verb:?}: {} {}", ended.stdout, ended.stderr));
        self.shown.extend(processes);
        self.keys.push(self.tools.account.value(&self.tools.account.newest()));
        ended
    }

    fn check(&self) {
        let needles = needles(&self.keys);
        let finds = |text: &str| needles.iter().any(|needle| text.contains(needle.as_str()));
        for (name, text) in self.tools.records(".argv").iter().chain(&self.tools.records(".env")) {
            assert!(!finds(text), "{name}");
        }
        for text in &self.shown {
            assert!(!finds(text), "{text}");
        }
        let folder = self.tools.account.folder.path();
        let with_key =
            files(folder).into_iter().filter(|path| finds(&String::from_utf8_lossy(&fs::read(path).unwrap())));
        let with_key = with_key.map(|path| path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned());
        // What the tools store or have got on standard input.
        let with_key: BTreeSet<String> = with_key.filter(|path| !path.starts_with("record/")).collect();
        let expected = [".env", "header", "key"].map(str::to_owned).into_iter();
        let stored = key_file("stored", self.tools.account.emulator.base_url());
        assert_eq!(with_key, expected.chain([stored]).collect(), "all other files, such as the journals, have no key");
    }
}

/// Returns each key, raw and in the forms in which a header can contain it.
fn needles(keys: &[String]) -> Vec<String> {
    let forms = |key: &String| {
        let encoded = [key.clone(), format!("{key}:"), format!(":{key}")].map(|text| STANDARD.encode(text));
        // The last characters depend on what follows the key.
        let encoded = encoded.map(|text| text[4..text.len() - 4].to_owned());
        [key.clone()].into_iter().chain(encoded)
    };
    keys.iter().flat_map(forms).collect()
}

/// Returns the arguments and the environments of all processes that run meanwhile.
fn processes_during<T>(watched: impl FnOnce() -> T) -> (T, BTreeSet<String>) {
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let watcher = scope.spawn(|| {
            let mut seen = BTreeSet::new();
            while !done.load(Ordering::Relaxed) {
                let processes = fs::read_dir("/proc").unwrap().map(|entry| entry.unwrap().path());
                let texts =
                    processes.flat_map(|process| ["cmdline", "environ"].map(|file| fs::read(process.join(file))));
                seen.extend(texts.flatten().map(|bytes| String::from_utf8_lossy(&bytes).replace('\0', " ")));
                thread::sleep(Duration::from_millis(1));
            }
            seen
        });
        let result = watched();
        done.store(true, Ordering::Relaxed);
        (result, watcher.join().unwrap())
    })
}

#[test]
fn no_key_is_shown_or_stored_while_a_rotation_delivers_to_every_kind_of_sink() {
    let mut scene = Scene::new();
    let plan = scene.rotate(&[], &["--dry-run"]);
    assert_eq!(plan.status, 0, "{plan:?}");
    let sinks = serde_json::from_str::<Value>(&plan.stdout).unwrap()["plan"]["sinks"].as_array().unwrap().len();
    assert_eq!(sinks, 13);

    let rotated = scene.rotate(&[], &[]);
    assert_eq!(rotated.status, 0, "{rotated:?}");
    assert_eq!(rotated.stdout.matches(r#""event":"confirmed""#).count(), sinks, "{rotated:?}");
    let new = scene.keys.last().unwrap().clone();
    for tool in ["aws", "gcloud", "az", "vault", "op", "gh", "store"] {
        assert_eq!(scene.tools.account.read(&format!("record/{tool}.value")), new, "{tool}");
    }
    scene.rotate(&["status"], &[]);
    let finished = scene.rotate(&["finish"], &[]);
    assert_eq!(finished.status, 0, "{finished:?}");

    let again = scene.rotate(&[], &[]);
    assert_eq!(again.status, 0, "{again:?}");
    let aborted = scene.rotate(&["abort"], &[]);
    assert_eq!(aborted.status, 0, "{aborted:?}");
    assert_eq!(scene.tools.account.read("key"), new);
    scene.check();
}

/// The last tool prints the key that it gets.
#[test]
fn no_key_is_shown_or_stored_by_a_rotation_that_is_rolled_back() {
    let mut scene = Scene::new();
    let failed = scene.rotate(&[], &["--to", "command:fail it", "--read-command", "true"]);
    assert_eq!(failed.status, 1, "{failed:?}");
    // What the other sinks got: the new key, and the old one again.
    let delivered = scene.tools.records(".stdin").into_iter().filter(|(name, _)| name.starts_with("store."));
    scene.keys.extend(delivered.map(|(_, key)| key));
    assert_eq!(scene.keys.iter().collect::<BTreeSet<_>>().len(), 2);
    scene.rotate(&["status"], &[]);
    scene.check();
}
