//! A server on a raw socket that creates, lists and deletes keys as Codat documents, with faults. It shares no code
//! with the emulator and the core. It records all requests, so that a test can check whether the rotation kept its
//! rules.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use codat_keys::{ApiKey, Client};
use codat_keys_rotate::{MemoryJournal, MemorySink, Rotation, RotationBuilder};
use serde_json::{Value, json};

use crate::raw_server::{RawServer, Reply, json as reply};

/// The value of the old key, which is in the sink.
const OLD: &str = "MadeUpKeyOfBilling00000000000000000000Old";
const MAX_KEYS: usize = 10;
/// Codat forgets an idempotency key after 90 minutes. A rotation stops 5 minutes earlier.
const MAX_AGE: Duration = Duration::from_secs(85 * 60);

/// What goes wrong with a request that changes keys.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    /// The request has no effect, and the connection ends without a response.
    LostRequest,
    /// The request has its effect, and the connection ends without a response.
    LostResponse,
    /// The request has its effect, and the connection stays open without a response.
    NoResponse,
    /// The request has no effect, and the connection stays open without a response.
    Held,
    /// The request has no effect, and the response has this status. Codat repeats the response for the same idempotency
    /// key.
    Failed(u16),
    /// The response is as for [`Failed`](Self::Failed). The request has its effect when this number of further requests
    /// has arrived.
    FailedLate(u16, usize),
    /// The request has its effect, but the response is this body, because a cache or a proxy has mixed up two
    /// responses.
    Mixed(Value),
    /// Another program creates a key just before the request.
    ForeignCreator,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Key {
    pub(crate) id: String,
    pub(crate) name: String,
    value: String,
}

impl Key {
    fn new(id: &str, name: &str, value: &str) -> Self {
        Self { id: id.into(), name: name.into(), value: value.into() }
    }

    fn header(&self) -> String {
        format!("Basic {}", STANDARD.encode(&self.value))
    }

    fn json(&self) -> Value {
        json!({"id": self.id, "name": self.name, "apiKey": self.value})
    }

    fn is_tagged(&self) -> bool {
        self.name.contains('~')
    }
}

/// A request, and the state of the server and the sink when it arrived.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    path: String,
    /// The id of the key that authenticates the request. `None` if the header of the request matches no key.
    caller: Option<String>,
    pub(crate) idempotency_key: Option<String>,
    pub(crate) body: String,
    keys: Vec<Key>,
    /// The id of the key in the sink. `None` if the sink is empty.
    sink: Option<String>,
}

impl Request {
    /// Returns the id of the key that a DELETE names.
    pub(crate) fn target(&self) -> &str {
        self.path.strip_prefix("/apiKeys/").unwrap_or_default()
    }

    fn is_list(&self) -> bool {
        self.method == "GET"
    }
}

struct State {
    keys: Vec<Key>,
    /// The keys before the latest change.
    before: Vec<Key>,
    /// The number of lists after each change that do not show the change.
    stale_lists: usize,
    /// How many of the next lists do not show the latest change.
    stale: usize,
    /// The response for each idempotency key. The server repeats this response, as Codat does.
    responses: HashMap<String, Reply>,
    faults: Vec<(&'static str, Fault)>,
    /// The keys that are created late: each one when this number of requests has arrived.
    late: Vec<(usize, Key)>,
    created: usize,
    requests: Vec<Request>,
    sink: MemorySink,
    /// The key of another Codat client. This key lists only itself.
    other_client: Option<Key>,
}

pub(crate) struct Codat {
    state: Arc<Mutex<State>>,
    pub(crate) client: Client,
    pub(crate) sink: MemorySink,
    pub(crate) store: MemoryJournal,
}

impl Codat {
    /// Starts a server with the old key and this number of keys of other programs. `faults` happen in order, each to the
    /// next request with its method.
    pub(crate) fn new(foreign: usize, faults: &[(&'static str, Fault)]) -> Self {
        let old = ApiKey::parse(OLD).unwrap();
        let sink = MemorySink::new("memory:billing", Some(old.clone()));
        let foreign = (0..foreign).map(foreign_key);
        let keys: Vec<Key> = [Key::new("old", "billing", OLD)].into_iter().chain(foreign).collect();
        let state = Arc::new(Mutex::new(State {
            before: keys.clone(),
            keys,
            stale_lists: 0,
            stale: 0,
            responses: HashMap::new(),
            faults: faults.to_vec(),
            late: Vec::new(),
            created: 0,
            requests: Vec::new(),
            sink: sink.clone(),
            other_client: None,
        }));
        let shared = Arc::clone(&state);
        let server = RawServer::with_handler(move |request| shared.lock().unwrap().respond(request));
        let client = Client::builder().base_url(server.url).api_key(old).build().unwrap();
        Self { state, client, sink, store: MemoryJournal::new() }
    }

    /// After each change, this number of lists does not show the change.
    pub(crate) fn with_stale_lists(self, number: usize) -> Self {
        self.lock().stale_lists = number;
        self
    }

    pub(crate) fn builder(&self) -> RotationBuilder {
        Rotation::builder(&self.client).sink(self.sink.clone()).journal(self.store.clone())
    }

    /// Gives a key of another program the id `unused`. The rotation may delete this key.
    pub(crate) fn name_unused(&self, id: &str) {
        let mut state = self.lock();
        let key = state.keys.iter_mut().find(|key| key.id == id).unwrap();
        key.id = "unused".into();
    }

    /// Deletes a key as another program does.
    pub(crate) fn remove(&self, id: &str) {
        self.lock().keys.retain(|key| key.id != id);
    }

    /// Adds another Codat client with one key, and returns this key.
    pub(crate) fn add_client(&self) -> ApiKey {
        let value = "MadeUpKeyOfAnotherClient0000000000000000";
        self.lock().other_client = Some(Key::new("other", "other", value));
        ApiKey::parse(value).unwrap()
    }

    /// Returns the requests with this method.
    pub(crate) fn requests(&self, method: &str) -> Vec<Request> {
        self.lock().requests.iter().filter(|request| request.method == method).cloned().collect()
    }

    pub(crate) fn ids(&self) -> Vec<String> {
        self.lock().keys.iter().map(|key| key.id.clone()).collect()
    }

    /// Asserts that the new key has replaced the old key in the sink and on the server, which has no further key.
    pub(crate) fn assert_rotated(&self) {
        let state = self.lock();
        assert!(!state.keys.iter().any(|key| key.id == "old"), "{:?}", state.keys);
        let tagged: Vec<&Key> = state.keys.iter().filter(|key| key.is_tagged()).collect();
        assert_eq!(tagged.len(), 1, "{tagged:?}");
        assert_eq!(state.in_sink().as_ref(), Some(&tagged[0].id));
        drop(state);
        self.assert_rules();
    }

    /// Asserts that the old key is in the sink and on the server, and that no new key exists.
    pub(crate) fn assert_rolled_back(&self) {
        let state = self.lock();
        assert!(state.keys.iter().any(|key| key.id == "old") && !state.keys.iter().any(Key::is_tagged));
        assert_eq!(state.in_sink().as_deref(), Some("old"));
        drop(state);
        self.assert_rules();
    }

    /// Asserts what must be true of all requests of a rotation: the invariants of its design, as the server sees them.
    fn assert_rules(&self) {
        let state = self.lock();
        let mut bodies: HashMap<&str, &str> = HashMap::new();
        for (number, request) in state.requests.iter().enumerate() {
            let shown = (number, &request.method, &request.path, &request.caller);
            assert!(request.keys.iter().filter(|key| key.is_tagged()).count() <= 2, "a third new key: {shown:?}");
            let works = |id: &String| request.keys.iter().any(|key| key.id == *id);
            assert!(request.sink.as_ref().is_some_and(works), "the sink has no key that works: {shown:?}");
            match request.method.as_str() {
                "GET" => {}
                "POST" => {
                    let idempotency_key = request.idempotency_key.as_deref().unwrap();
                    let body = bodies.get(idempotency_key).copied();
                    assert!(body.is_none_or(|body| body == request.body), "other bytes: {shown:?}");
                    assert!(body.is_some() || request.keys.len() < MAX_KEYS, "the eleventh key: {shown:?}");
                    assert!(age(idempotency_key) < MAX_AGE, "Codat may have forgotten it: {shown:?}");
                    bodies.insert(idempotency_key, &request.body);
                }
                "DELETE" => {
                    let caller = request.caller.as_deref().expect("a key that works");
                    assert_ne!(caller, request.target(), "a key deletes itself: {shown:?}");
                    assert!(!request.target().starts_with("foreign"), "a key of another program: {shown:?}");
                    if request.target() == "old" {
                        state.assert_confirmed(number);
                    }
                }
                other => panic!("{other}"),
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}

fn foreign_key(number: usize) -> Key {
    Key::new(&format!("foreign-{number}"), "another", &format!("MadeUpKeyOfAnotherProgram{number:015}"))
}

/// Returns the age of an idempotency key. A UUID of version 7 begins with its time in milliseconds.
fn age(idempotency_key: &str) -> Duration {
    let digits: String = idempotency_key.chars().filter(char::is_ascii_hexdigit).take(12).collect();
    let made = Duration::from_millis(u64::from_str_radix(&digits, 16).unwrap());
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().saturating_sub(made)
}

impl State {
    fn respond(&mut self, text: &str) -> Reply {
        let (due, late) = std::mem::take(&mut self.late).into_iter().partition(|(at, _)| *at <= self.requests.len());
        self.late = late;
        due.into_iter().for_each(|(_, key): (usize, Key)| self.add(key));
        if let Some(other) = self.other_client.as_ref().filter(|other| text.contains(&other.header())) {
            return reply(200, &json!({ "results": [other.json()] }).to_string());
        }
        let request = self.received(text);
        self.requests.push(request.clone());
        if request.caller.is_none() {
            return codats(401);
        }
        if request.is_list() {
            return self.list();
        }
        let fault = self.faults.iter().position(|(method, _)| *method == request.method);
        match fault.map(|index| self.faults.remove(index).1) {
            None => self.change(&request),
            Some(Fault::LostRequest) => Reply::Disconnect,
            Some(Fault::Held) => Reply::Hang,
            Some(Fault::LostResponse) => {
                self.change(&request);
                Reply::Disconnect
            }
            Some(Fault::NoResponse) => {
                self.change(&request);
                Reply::Hang
            }
            Some(Fault::Mixed(body)) => {
                self.change(&request);
                reply(201, &body.to_string())
            }
            Some(Fault::ForeignCreator) => {
                let number = self.keys.len();
                self.add(foreign_key(number));
                self.change(&request)
            }
            Some(Fault::Failed(status)) => self.fail(&request, status),
            Some(Fault::FailedLate(status, after)) => {
                let key = self.new_key(&request);
                self.late.push((self.requests.len() + after, key));
                self.fail(&request, status)
            }
        }
    }

    fn received(&self, text: &str) -> Request {
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let mut words = head.split(' ');
        let header = |name: &str| {
            let line = head.lines().find(|line| line.to_lowercase().starts_with(name));
            line.map(|line| line[name.len()..].trim().to_owned())
        };
        let authorization = header("authorization:");
        let caller = self.keys.iter().find(|key| Some(key.header()) == authorization);
        Request {
            method: words.next().unwrap().to_owned(),
            path: words.next().unwrap().to_owned(),
            caller: caller.map(|key| key.id.clone()),
            idempotency_key: header("idempotency-key:"),
            body: body.to_owned(),
            keys: self.keys.clone(),
            sink: self.in_sink(),
        }
    }

    fn in_sink(&self) -> Option<String> {
        let value = self.sink.key()?;
        let key = self.keys.iter().find(|key| key.value == value.expose_secret());
        Some(key.map_or_else(|| "deleted".into(), |key| key.id.clone()))
    }

    fn list(&mut self) -> Reply {
        let keys = if self.stale > 0 { &self.before } else { &self.keys };
        self.stale = self.stale.saturating_sub(1);
        let results: Vec<Value> = keys.iter().map(Key::json).collect();
        reply(200, &json!({ "results": results }).to_string())
    }

    /// Performs a request that changes keys. Repeats the response to an earlier request with the same idempotency key.
    fn change(&mut self, request: &Request) -> Reply {
        if request.method == "DELETE" {
            return self.delete(request.target());
        }
        let idempotency_key = request.idempotency_key.clone().unwrap();
        if let Some(response) = self.responses.get(&idempotency_key) {
            return response.clone();
        }
        if self.keys.len() == MAX_KEYS {
            return reply(409, r#"{"statusCode":400,"error":"Maximum number of API keys reached."}"#);
        }
        let key = self.new_key(request);
        let response = reply(201, &key.json().to_string());
        self.add(key);
        self.responses.insert(idempotency_key, response.clone());
        response
    }

    fn delete(&mut self, id: &str) -> Reply {
        match self.keys.iter().position(|key| key.id == id) {
            None => codats(404),
            Some(_) if self.keys.len() == 1 => codats(409),
            Some(index) => {
                self.before = self.keys.clone();
                self.stale = self.stale_lists;
                self.keys.remove(index);
                reply(204, "")
            }
        }
    }

    /// Returns an error response, which Codat repeats for the same idempotency key.
    fn fail(&mut self, request: &Request, status: u16) -> Reply {
        let number = self.requests.len();
        let body = json!({"statusCode": status, "error": "no", "correlationId": number.to_string()});
        let response = reply(status, &body.to_string());
        if let Some(idempotency_key) = &request.idempotency_key {
            return self.responses.entry(idempotency_key.clone()).or_insert(response).clone();
        }
        response
    }

    fn new_key(&mut self, request: &Request) -> Key {
        self.created += 1;
        let body: Value = serde_json::from_str(&request.body).unwrap();
        let (id, value) = (format!("new-{}", self.created), format!("MadeUpKeyThatIsNew{:022}", self.created));
        Key::new(&id, body["name"].as_str().unwrap(), &value)
    }

    fn add(&mut self, key: Key) {
        self.before = self.keys.clone();
        self.stale = self.stale_lists;
        self.keys.push(key);
    }

    /// Asserts that the request with this number, which deletes the old key, is authenticated with the key in the sink,
    /// and that this key has authenticated a list while it was in the sink.
    fn assert_confirmed(&self, number: usize) {
        let deletion = &self.requests[number];
        assert_eq!(deletion.caller, deletion.sink);
        let confirms =
            |earlier: &Request| earlier.is_list() && earlier.sink == deletion.sink && earlier.caller == deletion.caller;
        assert!(self.requests[..number].iter().any(confirms), "the old key is deleted too early");
    }
}

/// Returns an error response in Codat's format.
fn codats(status: u16) -> Reply {
    reply(status, &json!({"statusCode": status, "error": "no"}).to_string())
}
