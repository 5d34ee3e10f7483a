//! Rotations whose journal is in a bucket, against a raw-socket server of objects.

use std::fs;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::bounded::wait_until;
use crate::rotate::Account;
use crate::storage_server::{BUCKET, Fault, StorageServer};
use crate::support::{Ended, Running, run, start};

/// The credentials of the bucket. No output contains them.
const SECRETS: [&str; 2] = ["canary/of+the+secret+access+key", "canary-of-the-session-token"];

const S3: &str = "s3://journals/rotations";

/// An account, and a server with the bucket.
struct Scene {
    account: Account,
    storage: StorageServer,
}

impl Scene {
    fn new() -> Self {
        Self { account: Account::new(), storage: StorageServer::start() }
    }

    /// Returns the program with the credentials of the bucket, and without a folder for journals.
    fn program(&self) -> Command {
        let mut command = self.account.program();
        for (name, _) in std::env::vars_os() {
            if ["AWS_", "AZURE_", "GOOGLE_"].iter().any(|prefix| name.to_string_lossy().starts_with(prefix)) {
                command.env_remove(name);
            }
        }
        let url = &self.storage.server.url;
        command.env("XDG_STATE_HOME", "/dev/null").env("AWS_ENDPOINT_URL", url).env("AWS_ALLOW_HTTP", "true");
        command.env("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE").env("AWS_REGION", "eu-west-2");
        command.env("AWS_SECRET_ACCESS_KEY", SECRETS[0]).env("AWS_SESSION_TOKEN", SECRETS[1]);
        command
    }

    fn rotate(&self, arguments: &[&str]) -> Ended {
        let ended = run(self.program().arg("rotate").args(arguments), &["--journal", S3]);
        check_output(&ended);
        ended
    }

    /// Starts a rotation that deletes the old key.
    fn start(&self) -> Running {
        let mut command = self.program();
        command.args(["rotate", "--to", "file:key", "--grace", "0", "--journal", S3]);
        start(command.stdout(Stdio::piped()).stderr(Stdio::piped()))
    }

    /// Resumes the rotation as another machine does, or starts it if there is none.
    fn complete(&self, context: &str) {
        self.storage.expire();
        let mut ended = self.rotate(&["resume"]);
        if ended.status == 7 {
            ended = self.rotate(&["--to", "file:key", "--grace", "0"]);
        }
        assert_eq!(ended.status, 0, "{context}: {ended:?}");
        self.check_replaced(context);
    }

    /// Checks that the key was replaced exactly once.
    fn check_replaced(&self, context: &str) {
        let keys = self.account.keys();
        assert_eq!(keys.len(), 2, "{context}: {keys:?}");
        let (newest, name) = keys.last().unwrap();
        assert!(*newest != self.account.old && name.as_ref().unwrap().starts_with("billing~"), "{context}: {keys:?}");
        assert_eq!(self.account.read("key"), self.account.value(newest), "{context}");
    }

    /// Checks that the key in the file works.
    fn check_key(&self, context: &str) {
        let ended = run(&mut self.program(), &["whoami"]);
        assert_eq!(ended.status, 0, "{context}: {ended:?}");
    }
}

fn check_output(ended: &Ended) {
    for secret in SECRETS.iter().chain(&["echoed-headers"]) {
        assert!(!ended.stdout.contains(secret) && !ended.stderr.contains(secret), "{ended:?}");
    }
}

fn kill(running: Running) {
    let pid = Pid::from_raw(running.id().cast_signed()).unwrap();
    let _ = kill_process(pid, Signal::KILL);
    running.wait_with_output().unwrap();
}

#[test]
fn a_rotation_starts_and_finishes_in_two_processes_and_the_bucket_gets_no_key() {
    let scene = Scene::new();
    let old = scene.account.read("key");
    let started = scene.rotate(&["--to", "file:key"]);
    assert_eq!(started.status, 0, "{started:?}");
    assert!(
        started.stdout.ends_with("go on with: codat-keys rotate finish --journal s3://journals/rotations\n"),
        "{started:?}"
    );
    let status = scene.rotate(&["status"]);
    assert!(status.status == 0 && status.stdout.contains("(state: grace)"), "{status:?}");
    let finished = scene.rotate(&["finish"]);
    assert_eq!(finished.status, 0, "{finished:?}");
    scene.check_replaced("finish");

    let objects = scene.storage.objects();
    let names: Vec<String> = (1..=objects.len()).map(|seq| format!("rotations/default/{seq:08}.json")).collect();
    assert_eq!(objects.keys().collect::<Vec<_>>(), names.iter().collect::<Vec<_>>());
    assert!(objects.len() > 4, "the server has several pages");
    let requests = scene.storage.server.requests().join("\n");
    for key in [old, scene.account.read("key")] {
        let encoded = [key.clone(), format!("{key}:"), format!(":{key}")].map(|text| STANDARD.encode(text));
        let encoded = encoded.iter().map(|text| &text[4..text.len() - 4]);
        assert!(encoded.chain([&*key]).all(|needle| !requests.contains(needle)));
    }
    assert!(!requests.contains(SECRETS[0]) && requests.contains("AWS4-HMAC-SHA256 Credential=AKIAEXAMPLE/"));
}

#[test]
fn the_buckets_of_google_and_azure_work_as_well() {
    let scene = Scene::new();
    let url = scene.storage.server.url.clone();
    let account = serde_json::json!({
        "private_key": "", "private_key_id": "", "client_email": "", "gcs_base_url": url, "disable_oauth": true,
    });
    for scheme in ["gs", "az"] {
        let place = format!("{scheme}://{BUCKET}/a/b");
        let rotate = |arguments: &[&str]| {
            let mut command = scene.program();
            command.env("GOOGLE_SERVICE_ACCOUNT_KEY", account.to_string()).env("GOOGLE_ALLOW_HTTP", "true");
            command.env("AZURE_STORAGE_ACCOUNT_NAME", "account").env("AZURE_STORAGE_ACCOUNT_KEY", "a2V5");
            command.env("AZURE_STORAGE_ENDPOINT", &url).env("AZURE_ALLOW_HTTP", "true");
            run(command.arg("rotate").args(arguments), &["--journal", &place])
        };
        scene.storage.clear();
        let puts = scene.storage.puts();
        scene.storage.set_fault_of_put(puts + 2, Fault::StoreAndFail);
        for arguments in [&["--to", "file:key"][..], &["finish"]] {
            let ended = rotate(arguments);
            assert_eq!(ended.status, 0, "{place} {arguments:?}: {ended:?}");
        }
        scene.check_replaced(&place);
        assert!(scene.storage.objects().keys().all(|key| key.starts_with("a/b/default/0000")));
        let missing = run(scene.program().args(["rotate", "status", "--journal"]), &[&format!("{scheme}://other")]);
        assert_eq!(missing.status, 1, "{missing:?}");
    }
}

#[test]
fn a_file_of_options_names_a_bucket_and_a_lost_journal_is_rebuilt() {
    let scene = Scene::new();
    fs::write(scene.account.path("rotate.toml"), format!("to = [\"file:key\"]\njournal = \"{S3}\"\nlock = \"shop\"\n"))
        .unwrap();
    let rotate = |arguments: &[&str]| run(scene.program().arg("rotate").args(arguments), &["--from", "rotate.toml"]);
    let started = rotate(&[]);
    assert_eq!(started.status, 0, "{started:?}");
    assert!(scene.storage.objects().keys().all(|key| key.starts_with("rotations/shop/")), "{started:?}");
    scene.storage.clear();
    assert_eq!(rotate(&["finish"]).status, 7);
    let recovered = rotate(&["recover", "billing"]);
    assert_eq!(recovered.status, 0, "{recovered:?}");
    let finished = rotate(&["finish"]);
    assert_eq!(finished.status, 0, "{finished:?}");
    scene.check_replaced("recover");
}

/// After a lost response, the entry of this process exists when the request is repeated.
#[test]
fn a_lost_response_to_an_entry_does_not_end_the_rotation() {
    for fault in [
        Fault::StoreAndDisconnect,
        Fault::StoreAndFail,
        Fault::Status(503, "SlowDown"),
        Fault::Status(409, "ConditionalRequestConflict"),
    ] {
        let scene = Scene::new();
        for put in (1..40).step_by(2) {
            scene.storage.set_fault_of_put(put, fault);
        }
        let ended = scene.rotate(&["--to", "file:key", "--grace", "0"]);
        assert_eq!(ended.status, 0, "{ended:?}");
        scene.check_replaced("a fault of every second request");
        assert!(scene.storage.puts() > scene.storage.objects().len());
    }
}

#[test]
fn a_conflict_without_an_entry_is_an_error() {
    let scene = Scene::new();
    let keys = scene.account.keys();
    for put in 1..20 {
        scene.storage.set_fault_of_put(put, Fault::Status(409, "ConditionalRequestConflict"));
    }
    let ended = scene.rotate(&["--to", "file:key"]);
    assert!(
        ended.status == 1 && ended.stderr.contains("the server reports a conflict with another request"),
        "{ended:?}"
    );
    assert_eq!((scene.account.keys(), scene.storage.objects().len(), scene.storage.puts()), (keys, 0, 3));
}

#[test]
fn one_of_two_rotations_that_start_at_once_wins() {
    let scene = Scene::new();
    scene.storage.join_lists(2);
    let started = [scene.start(), scene.start()];
    let ended = started.map(|running| running.wait_with_output().unwrap());
    let mut outputs: Vec<_> =
        ended.iter().map(|output| (output.status.code().unwrap(), String::from_utf8_lossy(&output.stderr))).collect();
    outputs.sort();
    assert_eq!((outputs[0].0, outputs[1].0), (0, 10), "{outputs:?}");
    assert!(outputs[1].1.contains("another process has continued the rotation"), "{outputs:?}");
    scene.check_replaced("two at once");
}

#[test]
fn another_machine_resumes_a_rotation_after_its_lease() {
    let scene = Scene::new();
    let mut command = scene.program();
    command.args(["rotate", "--to", "file:key", "--grace", "1h", "--journal", S3]);
    let lost = start(command.stdout(Stdio::piped()).stderr(Stdio::piped()));
    let is_in_grace = |entry: &String| serde_json::from_str::<Value>(entry).unwrap()["rotation"]["state"] == "grace";
    wait_until("the rotation waits", || scene.storage.objects().values().last().is_some_and(is_in_grace));
    kill(lost);
    let busy = scene.rotate(&["finish"]);
    assert!(busy.status == 10 && busy.stderr.contains("runs the rotation until"), "a bucket has no lock: {busy:?}");
    let status = scene.rotate(&["status"]);
    assert!(status.stdout.contains("runs the rotation until"), "{status:?}");
    scene.storage.expire();
    let finished = scene.rotate(&["finish"]);
    assert_eq!(finished.status, 0, "{finished:?}");
    scene.check_replaced("finish");
}

/// An entry that is being written when the signal arrives is completed first.
#[test]
fn a_signal_ends_the_lease() {
    let scene = Scene::new();
    scene.storage.set_fault_of_put(6, Fault::StoreAndHang);
    let mut command = scene.program();
    command.args(["rotate", "--to", "file:key", "--grace", "0", "--journal", S3, "--timeout", "3"]);
    let running = start(command.stdout(Stdio::piped()).stderr(Stdio::piped()));
    wait_until("the rotation writes an entry", || scene.storage.puts() == 6);
    kill_process(Pid::from_raw(running.id().cast_signed()).unwrap(), Signal::INT).unwrap();
    let output = running.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{output:?}");
    let resumed = scene.rotate(&["resume"]);
    assert_eq!(resumed.status, 0, "{resumed:?}");
    scene.check_replaced("resume");
}

/// Each run is killed at another entry, before or after the bucket has it.
#[test]
fn a_rotation_that_is_killed_at_any_entry_is_completed() {
    for (name, fault) in [("stored", Fault::StoreAndHang), ("not stored", Fault::Hang)] {
        let runs = (1..=16).map(|put| thread::spawn(move || is_completed_after_a_kill(put, name, fault)));
        let killed: Vec<bool> = runs.collect::<Vec<_>>().into_iter().map(|run| run.join().unwrap()).collect();
        // A rotation has fewer entries.
        assert!(killed[..10].iter().all(|killed| *killed) && !killed[15], "{killed:?}");
    }
}

/// Kills a rotation while it writes the entry with this number. Returns false if the rotation has fewer entries.
fn is_completed_after_a_kill(put: usize, name: &str, fault: Fault) -> bool {
    let (scene, context) = (Scene::new(), format!("entry {put} is {name}"));
    scene.storage.set_fault_of_put(put, fault);
    let mut running = scene.start();
    let mut has_ended = || running.try_wait().unwrap().is_some();
    wait_until("the rotation hangs or ends", || scene.storage.puts() == put || has_ended());
    let is_killed = !has_ended();
    kill(running);
    scene.check_key(&context);
    match is_killed {
        true => scene.complete(&context),
        false => scene.check_replaced(&context),
    }
    is_killed
}

#[test]
fn a_rotation_that_is_killed_at_random_moments_is_completed() {
    for number in 0..8 {
        let scene = Scene::new();
        let random = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().subsec_nanos();
        let delay = Duration::from_millis(u64::from(random / 1000 % 300));
        let context = format!("run {number}, killed after {delay:?}");
        let running = scene.start();
        // The result is the same at every moment.
        thread::sleep(delay);
        kill(running);
        scene.check_key(&context);
        if scene.account.keys().iter().any(|(id, _)| *id == scene.account.old) {
            scene.complete(&context);
        } else {
            scene.storage.expire();
            let ended = scene.rotate(&["resume"]);
            assert!([0, 7].contains(&ended.status), "{context}: {ended:?}");
            scene.check_replaced(&context);
        }
    }
}

#[test]
fn a_bucket_that_cannot_be_used_is_one_error_before_a_key_is_made() {
    type Change = fn(&mut Command, &StorageServer);
    let cases: [(&str, Change); 9] = [
        ("no connection to http://127.0.0.1:1: ", |command, _| {
            command.env("AWS_ENDPOINT_URL", "http://127.0.0.1:1");
        }),
        ("responded with 403 AccessDenied: check the credentials", |_, storage| {
            storage.set_fault(Fault::Status(403, "AccessDenied"));
        }),
        ("responded with 301 PermanentRedirect: check the region", |_, storage| {
            storage.set_fault(Fault::Status(301, "PermanentRedirect"));
        }),
        ("responded with 404 NoSuchBucket: check the name", |_, storage| {
            storage.set_fault(Fault::Status(404, "NoSuchBucket"));
        }),
        ("responded with 503 SlowDown", |_, storage| storage.set_fault(Fault::Status(503, "SlowDown"))),
        ("the server did not respond within ", |_, storage| storage.set_fault(Fault::Hang)),
        ("there are no credentials (set them in the environment, or use a machine with a role)", |command, _| {
            command.env_remove("AWS_ACCESS_KEY_ID").env_remove("AWS_SECRET_ACCESS_KEY").env_remove("AWS_SESSION_TOKEN");
            command.env("AWS_METADATA_ENDPOINT", "http://127.0.0.1:1");
        }),
        ("the variables AWS_* cannot be used", |command, _| {
            command.env_remove("AWS_ACCESS_KEY_ID");
        }),
        ("has no TLS: set AWS_ALLOW_HTTP=true", |command, _| {
            command.env_remove("AWS_ALLOW_HTTP");
        }),
    ];
    for (text, change) in cases {
        let scene = Scene::new();
        let keys = scene.account.keys();
        for arguments in [&["--to", "file:key"][..], &["status"]] {
            let mut command = scene.program();
            change(&mut command, &scene.storage);
            let started = Instant::now();
            let ended = run(command.arg("rotate").args(arguments), &["--journal", S3, "--timeout", "3"]);
            assert!(started.elapsed() < Duration::from_secs(20), "{text}: {ended:?}");
            assert_eq!(ended.status, 1, "{text}: {ended:?}");
            assert!(ended.stderr.contains(text) && ended.stderr.matches("error:").count() == 1, "{text}: {ended:?}");
            check_output(&ended);
        }
        assert_eq!((scene.account.keys(), scene.storage.objects().len()), (keys, 0), "{text}");
    }
}

#[test]
fn a_url_with_a_password_a_key_or_another_scheme_is_an_error() {
    let scene = Scene::new();
    let key = scene.account.read("key");
    let with_key = format!("s3://journals/{}", key.replace(['/', '+', '='], "-"));
    for (url, text) in [
        ("s3://me:pass-word@journals/a", "the URL of the journal has a user name, a password or a query"),
        ("s3://journals/a?token=pass-word", "the URL of the journal has a user name, a password or a query"),
        ("az://journals@account/a", "the URL of the journal has a user name, a password or a query"),
        ("https://journals.example/a", "the URL of the journal is not valid"),
        ("s3://journals/../a", "the URL of the journal is not valid"),
        (&with_key, "the URL of the journal contains an API key"),
    ] {
        let ended = run(scene.program().args(["rotate", "--to", "file:key", "--journal"]), &[url]);
        assert!(ended.status == 2 && ended.stderr.contains(text), "{url}: {ended:?}");
        assert!(!ended.stderr.contains("pass-word"), "{ended:?}");
    }
    assert!(scene.storage.server.requests().is_empty());
}
