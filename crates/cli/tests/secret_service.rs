//! A keyring for tests: a D-Bus server on a socket in a folder, with an in-memory Secret Service.

use std::collections::HashMap;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread;

use zbus::blocking::Connection;
use zbus::blocking::connection::Builder;
use zbus::zvariant::{OwnedObjectPath, OwnedValue, Value};
use zbus::{ObjectServer, interface};

const COLLECTION: &str = "/org/freedesktop/secrets/collection/test";

/// The session, the parameters, the encrypted value and the content type.
type Secret = (OwnedObjectPath, Vec<u8>, Vec<u8>, String);

pub(crate) struct Keyring {
    pub(crate) address: String,
    kept: Kept,
}

type Kept = Arc<Mutex<Vec<Option<Entry>>>>;

struct Entry {
    attributes: HashMap<String, String>,
    secret: Secret,
}

impl Keyring {
    pub(crate) fn start(folder: &Path) -> Self {
        let path = folder.join("bus");
        let listener = UnixListener::bind(&path).unwrap();
        let kept = Kept::default();
        let shared = Arc::clone(&kept);
        thread::spawn(move || {
            // Keeps the connections open until their clients close them.
            let mut connections: Vec<Connection> = Vec::new();
            for stream in listener.incoming() {
                let builder =
                    Builder::async_io_unix_stream(stream.unwrap()).server(zbus::Guid::generate()).unwrap().p2p();
                let builder = builder.serve_at("/org/freedesktop/DBus", Bus).unwrap();
                let builder = builder.serve_at("/org/freedesktop/secrets", Service(Arc::clone(&shared))).unwrap();
                let mut builder = builder.serve_at(COLLECTION, Collection(Arc::clone(&shared))).unwrap();
                for number in 0..shared.lock().unwrap().len() {
                    builder = builder.serve_at(path_of(number), Item(number, Arc::clone(&shared))).unwrap();
                }
                // A client can disconnect during the handshake.
                connections.extend(builder.build());
            }
        });
        Self { address: format!("unix:path={}", path.display()), kept }
    }

    /// Returns the service and the user of each entry.
    pub(crate) fn entries(&self) -> Vec<(String, String)> {
        let kept = self.kept.lock().unwrap();
        let name = |entry: &Entry| (entry.attributes["service"].clone(), entry.attributes["username"].clone());
        kept.iter().flatten().map(name).collect()
    }
}

fn path_of(number: usize) -> OwnedObjectPath {
    OwnedObjectPath::try_from(format!("{COLLECTION}/{number}")).unwrap()
}

fn nothing() -> OwnedObjectPath {
    OwnedObjectPath::try_from("/").unwrap()
}

/// The methods of the bus itself.
struct Bus;

#[interface(name = "org.freedesktop.DBus")]
impl Bus {
    fn hello(&self) -> &'static str {
        ":1.1"
    }

    fn add_match(&self, _rule: &str) {}

    fn remove_match(&self, _rule: &str) {}
}

struct Service(Kept);

#[interface(name = "org.freedesktop.Secret.Service")]
impl Service {
    /// With the public key 1, all sessions have the same shared key, so the service can return an encrypted value
    /// unchanged.
    fn open_session(&self, algorithm: &str, _input: Value<'_>) -> (OwnedValue, OwnedObjectPath) {
        assert_eq!(algorithm, "dh-ietf1024-sha256-aes128-cbc-pkcs7");
        (Value::from(vec![1_u8]).try_into().unwrap(), OwnedObjectPath::try_from("/session").unwrap())
    }

    fn search_items(&self, attributes: HashMap<String, String>) -> (Vec<OwnedObjectPath>, Vec<OwnedObjectPath>) {
        let kept = self.0.lock().unwrap();
        let is_one = |entry: &Entry| attributes.iter().all(|(name, value)| entry.attributes.get(name) == Some(value));
        let found = kept.iter().enumerate().filter(|(_, entry)| entry.as_ref().is_some_and(is_one));
        (found.map(|(number, _)| path_of(number)).collect(), Vec::new())
    }

    fn read_alias(&self, _name: &str) -> OwnedObjectPath {
        OwnedObjectPath::try_from(COLLECTION).unwrap()
    }
}

struct Collection(Kept);

#[interface(name = "org.freedesktop.Secret.Collection")]
impl Collection {
    async fn create_item(
        &self,
        mut properties: HashMap<String, OwnedValue>,
        secret: Secret,
        _replace: bool,
        #[zbus(object_server)] server: &ObjectServer,
    ) -> (OwnedObjectPath, OwnedObjectPath) {
        let attributes = properties.remove("org.freedesktop.Secret.Item.Attributes").unwrap().try_into().unwrap();
        let number = {
            let mut kept = self.0.lock().unwrap();
            kept.push(Some(Entry { attributes, secret }));
            kept.len() - 1
        };
        server.at(path_of(number), Item(number, Arc::clone(&self.0))).await.unwrap();
        (path_of(number), nothing())
    }

    #[zbus(property)]
    fn locked(&self) -> bool {
        false
    }
}

struct Item(usize, Kept);

#[interface(name = "org.freedesktop.Secret.Item")]
impl Item {
    fn get_secret(&self, _session: OwnedObjectPath) -> (Secret,) {
        (self.1.lock().unwrap()[self.0].as_ref().unwrap().secret.clone(),)
    }

    fn set_secret(&self, secret: Secret) {
        self.1.lock().unwrap()[self.0].as_mut().unwrap().secret = secret;
    }

    fn delete(&self) -> OwnedObjectPath {
        self.1.lock().unwrap()[self.0] = None;
        nothing()
    }

    #[zbus(property)]
    fn locked(&self) -> bool {
        false
    }
}
