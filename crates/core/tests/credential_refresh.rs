//! A client whose API key is replaced while it runs. The client reads the new key, and no request fails.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use codat_keys::{ApiKey, ApiKeyDetails, Client, ErrorKind, How, KeyName, Method};
use codat_keys_emulator::Emulator;

#[cfg(unix)]
use crate::bounded::{LIMIT, within};

/// An emulator, a key file, and a second client that replaces the API key in the file.
struct Scene {
    emulator: Emulator,
    admin: Client,
    folder: tempfile::TempDir,
    current: ApiKeyDetails,
}

impl Scene {
    async fn new() -> Self {
        let (emulator, folder) = (Emulator::start().unwrap(), tempfile::tempdir().unwrap());
        let key = ApiKey::parse(emulator.api_key()).unwrap();
        let admin = Client::builder().base_url(emulator.base_url()).api_key(key).build().unwrap();
        let current = admin.keys().create(name()).await.unwrap().key;
        let scene = Self { emulator, admin, folder, current };
        scene.write();
        scene
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("key")
    }

    fn write(&self) {
        replace(&self.file(), self.current.api_key.expose_secret());
    }

    /// Creates a new key, writes it to the file, and deletes the old key. In this order, the file always contains a
    /// valid key.
    async fn rotate(&mut self) {
        let new = self.admin.keys().create(name()).await.unwrap().key;
        let old = std::mem::replace(&mut self.current, new);
        self.write();
        self.admin.keys().delete(&old.id).await.unwrap();
    }

    fn client(&self) -> Client {
        Client::builder().base_url(self.emulator.base_url()).api_key_file(self.file()).build().unwrap()
    }
}

fn name() -> KeyName {
    KeyName::parse("followed").unwrap()
}

/// Replaces a file atomically. Only the owner can read the file.
pub(crate) fn replace(file: &Path, text: &str) {
    let new = file.with_extension("new");
    fs::write(&new, text).unwrap();
    set_mode(&new, 0o600);
    fs::rename(new, file).unwrap();
}

pub(crate) fn set_mode(file: &Path, mode: u32) {
    #[cfg(unix)]
    fs::set_permissions(file, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
}

#[tokio::test]
async fn a_rejected_key_is_read_again_from_a_replaced_file() {
    let mut scene = Scene::new().await;
    let client = scene.client();
    assert_eq!(client.keys().list().await.unwrap().len(), 2);
    for _ in 0..3 {
        scene.rotate().await;
        assert_eq!(client.whoami().await.unwrap(), scene.current);
    }
}

/// Sends `calls` requests, 64 at a time. `made` counts the requests.
async fn call(client: &Client, calls: usize, made: Arc<AtomicUsize>) {
    let caller = |client: Client, made: Arc<AtomicUsize>| async move {
        while made.fetch_add(1, Ordering::Relaxed) < calls {
            client.request(Method::GET, "/profile").await.expect("no call fails");
        }
    };
    let callers: Vec<_> = (0..64).map(|_| tokio::spawn(caller(client.clone(), Arc::clone(&made)))).collect();
    for caller in callers {
        caller.await.unwrap();
    }
}

#[tokio::test]
async fn ten_thousand_calls_succeed_while_the_key_is_replaced_ten_times() {
    let mut scene = Scene::new().await;
    let (client, made) = (scene.client(), Arc::new(AtomicUsize::new(0)));
    let all = tokio::spawn({
        let (client, made) = (client.clone(), Arc::clone(&made));
        async move { call(&client, 10_000, made).await }
    });
    for number in 1..=10 {
        // Ends the wait also if a request fails, because no further requests are sent then.
        while made.load(Ordering::Relaxed) < number * 900 && !all.is_finished() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        scene.rotate().await;
    }
    all.await.unwrap();
    assert_eq!(client.whoami().await.unwrap(), scene.current);
}

#[cfg(unix)]
#[tokio::test]
async fn a_kubernetes_update_is_detected_without_a_rejection() {
    let scene = Scene::new().await;
    let mount = Mount::new(scene.folder.path(), scene.current.api_key.expose_secret());
    let client = Client::builder().base_url(scene.emulator.base_url()).api_key_file(mount.file()).build().unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let load = tokio::spawn({
        let (client, stop) = (client.clone(), Arc::clone(&stop));
        async move {
            while !stop.load(Ordering::Relaxed) {
                call(&client, 640, Arc::default()).await;
            }
        }
    });
    let is_called = async {
        while client.rate_limit().is_none() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    within("a call is answered", is_called).await;
    let new = scene.admin.keys().create(name()).await.unwrap().key;
    mount.swap(new.api_key.expose_secret());
    let swapped = Instant::now();
    while !client.uses(&new) {
        assert!(swapped.elapsed() < LIMIT, "the old key is still in use");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    eprintln!("the new key was in use after {:?}", swapped.elapsed());
    scene.admin.keys().delete(&scene.current.id).await.unwrap();
    stop.store(true, Ordering::Relaxed);
    load.await.unwrap();
}

/// A folder like a Kubernetes secret volume: each version of the secret has a folder, and links point to the current
/// version.
#[cfg(unix)]
struct Mount(PathBuf);

#[cfg(unix)]
impl Mount {
    fn new(folder: &Path, key: &str) -> Self {
        let mount = Self(folder.join("mounted"));
        fs::create_dir(&mount.0).unwrap();
        mount.swap(key);
        std::os::unix::fs::symlink("..data/key", mount.file()).unwrap();
        mount
    }

    fn file(&self) -> PathBuf {
        self.0.join("key")
    }

    fn swap(&self, key: &str) {
        let version = format!("..{}", uuid::Uuid::new_v4());
        fs::create_dir(self.0.join(&version)).unwrap();
        fs::write(self.0.join(&version).join("key"), key).unwrap();
        set_mode(&self.0.join(&version).join("key"), 0o644);
        std::os::unix::fs::symlink(&version, self.0.join("..data_tmp")).unwrap();
        let old = fs::read_link(self.0.join("..data"));
        fs::rename(self.0.join("..data_tmp"), self.0.join("..data")).unwrap();
        if let Ok(old) = old {
            fs::remove_dir_all(self.0.join(old)).unwrap();
        }
    }
}

#[test]
fn blocking_threads_share_a_refreshed_key() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut scene = runtime.block_on(Scene::new());
    let client = Client::builder().base_url(scene.emulator.base_url()).api_key_file(scene.file());
    let client = client.build_blocking().unwrap();
    for _ in 0..3 {
        let at_once = || drop((0..10).map(|_| client.keys().list().send().unwrap()).collect::<Vec<_>>());
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(at_once);
            }
            runtime.block_on(scene.rotate());
        });
        assert_eq!(client.whoami().send().unwrap(), scene.current);
        assert!(client.uses(&scene.current));
    }
}

/// A request that creates a key is repeated with the new API key. The idempotency key stays the same, so only one key
/// is created.
#[tokio::test]
async fn every_operation_refreshes_the_key() {
    let mut scene = Scene::new().await;
    let client = scene.client();
    scene.rotate().await;
    let made = client.keys().create(KeyName::parse("made").unwrap()).await.unwrap();
    assert_eq!(made.how, How::Created);
    scene.rotate().await;
    client.keys().delete(&made.key.id).await.unwrap();
    scene.rotate().await;
    assert_eq!(client.pages::<serde_json::Value>("/companies").next().await.unwrap().unwrap().total_results, 5);
    scene.rotate().await;
    let create = client.request(Method::POST, "/apiKeys").json(&serde_json::json!({ "name": "made" }));
    let made: serde_json::Value = create.await.unwrap().json().unwrap();
    assert!(!made["id"].is_null());
    assert_eq!(scene.admin.keys().find("made").await.unwrap().len(), 1);
}

#[tokio::test]
async fn client_methods_use_the_current_key() {
    let mut scene = Scene::new().await;
    let client = scene.client();
    let old = scene.current.clone();
    scene.rotate().await;
    assert!(client.uses(&old) && client.reload_key().await.unwrap() && !client.reload_key().await.unwrap());
    assert!(client.uses(&scene.current) && !client.uses(&old));
    let (url, new) = (client.base_url(), scene.current.api_key.expose_secret());
    assert_eq!(client.authorization_for(url).unwrap().api_key(), &scene.current.api_key);
    assert_eq!(client.redact(&format!("<{new}>")), "<****>");
    assert!(format!("{client:?}").contains(&scene.current.api_key.masked()));
    assert_eq!(client.keys().delete(&scene.current.id).await.unwrap_err().kind(), ErrorKind::KeyInUse);
}
