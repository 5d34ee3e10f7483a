//! A raw-socket server with the object operations of S3, Google Cloud Storage and Azure that a journal needs: list in
//! pages, get, and put if absent. It shares no code with the client, and can lose responses. The server of moto is not
//! used: moto 5.2.5 checks `If-None-Match` and stores the object in two steps, and its server handles requests at the
//! same time, so that two conditional requests can both succeed. `python/tests/test_rotation_bucket.py` uses moto's S3
//! behind a server that handles one request at a time.

use std::collections::BTreeMap;
use std::iter::repeat_n;
use std::sync::{Arc, Barrier, Mutex, MutexGuard};

use serde_json::Value;
use url::form_urlencoded;

use crate::raw_server::{RawServer, Reply};

/// The only bucket.
pub(crate) const BUCKET: &str = "journals";

/// The number of objects on a page of a list.
const PAGE: usize = 4;

/// What happens to a request.
#[derive(Clone, Copy)]
pub(crate) enum Fault {
    /// The object is stored, and the connection is closed without a response.
    StoreAndDisconnect,
    /// The object is stored, and the response is a server error.
    StoreAndFail,
    /// The object is stored, and there is no response.
    StoreAndHang,
    /// Nothing is stored, and there is no response.
    Hang,
    /// Nothing is stored. The response has this status and this code.
    Status(u16, &'static str),
}

#[derive(Default)]
struct State {
    objects: BTreeMap<String, String>,
    puts: usize,
    /// The faults of requests that put an object, by their numbers from 1.
    faults: BTreeMap<usize, Fault>,
    /// The fault of all requests.
    fault: Option<Fault>,
    /// Each of the first lists waits for the others.
    lists: Vec<Arc<Barrier>>,
}

#[derive(Clone)]
pub(crate) struct StorageServer {
    pub(crate) server: RawServer,
    state: Arc<Mutex<State>>,
}

impl StorageServer {
    pub(crate) fn start() -> Self {
        let state = Arc::new(Mutex::new(State::default()));
        let of_handler = Arc::clone(&state);
        Self { server: RawServer::with_handler(move |request| respond(request, &of_handler)), state }
    }

    /// Returns the objects by key.
    pub(crate) fn objects(&self) -> BTreeMap<String, String> {
        self.state().objects.clone()
    }

    /// Returns the number of requests that put an object.
    pub(crate) fn puts(&self) -> usize {
        self.state().puts
    }

    /// Sets the fault of a request that puts an object, by its number from 1.
    pub(crate) fn set_fault_of_put(&self, number: usize, fault: Fault) {
        self.state().faults.insert(number, fault);
    }

    /// Sets the fault of all requests.
    pub(crate) fn set_fault(&self, fault: Fault) {
        self.state().fault = Some(fault);
    }

    /// Makes the next `count` lists wait for each other.
    pub(crate) fn join_lists(&self, count: usize) {
        self.state().lists = repeat_n(Arc::new(Barrier::new(count)), count).collect();
    }

    pub(crate) fn clear(&self) {
        self.state().objects.clear();
    }

    /// Ends the lease of the latest entry.
    pub(crate) fn expire(&self) {
        let mut state = self.state();
        let Some(entry) = state.objects.values_mut().last() else { return };
        let mut document: Value = serde_json::from_str(entry).unwrap();
        document["expires"] = "2000-01-01T00:00:00Z".into();
        *entry = document.to_string();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}

fn respond(request: &str, state: &Mutex<State>) -> Reply {
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    let mut words = head.split(' ');
    let (method, target) = (words.next().unwrap(), words.next().unwrap());
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    // The client for Google encodes the slashes and the dots of a key.
    let path = form_urlencoded::parse(path.as_bytes()).next().unwrap().0;
    let (bucket, key) = path[1..].split_once('/').unwrap_or((&path[1..], ""));
    let fault = state.lock().unwrap().fault;
    if let Some(fault) = fault {
        return broken(fault);
    }
    if bucket != BUCKET {
        return error(404, if query.contains("comp=list") { "ContainerNotFound" } else { "NoSuchBucket" });
    }
    match (method, key) {
        ("GET", "") => {
            let barrier = state.lock().unwrap().lists.pop();
            let listed = list(query, &state.lock().unwrap().objects);
            if let Some(barrier) = barrier {
                barrier.wait();
            }
            listed
        }
        ("GET", key) => match state.lock().unwrap().objects.get(key) {
            Some(object) => reply(200, object),
            None => error(404, if head.contains("x-ms-version") { "BlobNotFound" } else { "NoSuchKey" }),
        },
        ("PUT", key) => put(head, key, body, &mut state.lock().unwrap()),
        other => panic!("{other:?}"),
    }
}

fn put(head: &str, key: &str, body: &str, state: &mut State) -> Reply {
    let head = head.to_ascii_lowercase();
    let is_conditional = head.contains("\r\nif-none-match: *") || head.contains("\r\nx-goog-if-generation-match: 0");
    assert!(is_conditional, "{head}");
    state.puts += 1;
    let fault = state.faults.get(&state.puts).copied();
    let is_stored = match fault {
        None | Some(Fault::StoreAndDisconnect | Fault::StoreAndFail | Fault::StoreAndHang) => {
            let is_new = !state.objects.contains_key(key);
            if is_new {
                state.objects.insert(key.to_owned(), body.to_owned());
            }
            is_new
        }
        Some(Fault::Hang | Fault::Status(..)) => false,
    };
    match fault {
        Some(fault) => broken(fault),
        None if is_stored => reply(201, ""),
        // Azurite responds with this status, and the other services with 412.
        None if head.contains("\r\nx-ms-version") => error(409, "BlobAlreadyExists"),
        None => error(412, "PreconditionFailed"),
    }
}

/// Returns a page of the objects with a prefix.
fn list(query: &str, objects: &BTreeMap<String, String>) -> Reply {
    let parameters: BTreeMap<_, _> = form_urlencoded::parse(query.as_bytes()).collect();
    let (is_azure, prefix) = (parameters.contains_key("comp"), &parameters["prefix"]);
    let after = parameters.get("continuation-token").or(parameters.get("marker"));
    let found = objects.iter().filter(|(key, _)| key.starts_with(&**prefix));
    let mut rest = found.filter(|(key, _)| after.is_none_or(|after| key.as_str() > &**after)).peekable();
    let page: Vec<_> = rest.by_ref().take(PAGE).collect();
    let next = rest.peek().and(page.last()).map(|(key, _)| key.as_str());
    let items = page.iter().map(|(key, object)| match is_azure {
        true => format!(
            "<Blob><Name>{key}</Name><Properties><Last-Modified>Sat, 28 Nov 2026 10:00:00 GMT</Last-Modified>\
             <Content-Length>{}</Content-Length><Content-Type>text/plain</Content-Type></Properties></Blob>",
            object.len()
        ),
        false => format!(
            "<Contents><Key>{key}</Key><LastModified>2026-11-28T10:00:00.000Z</LastModified><Size>{}</Size></Contents>",
            object.len()
        ),
    });
    let items: String = items.collect();
    reply(
        200,
        &match (is_azure, next) {
            (true, next) => {
                let next = next.unwrap_or_default();
                format!(
                    "<EnumerationResults><Blobs>{items}</Blobs><NextMarker>{next}</NextMarker></EnumerationResults>"
                )
            }
            (false, None) => format!("<ListBucketResult>{items}</ListBucketResult>"),
            (false, Some(next)) => format!(
                "<ListBucketResult>{items}<NextContinuationToken>{next}</NextContinuationToken></ListBucketResult>"
            ),
        },
    )
}

fn broken(fault: Fault) -> Reply {
    match fault {
        Fault::StoreAndDisconnect => Reply::Disconnect,
        Fault::StoreAndFail => error(500, "InternalError"),
        Fault::StoreAndHang | Fault::Hang => Reply::Hang,
        Fault::Status(status, code) => error(status, code),
    }
}

/// A server repeats parts of the request in its errors. The last line is what a client must not print.
fn error(status: u16, code: &str) -> Reply {
    reply(
        status,
        &format!("<?xml version=\"1.0\"?>\n<Error><Code>{code}</Code><Message>echoed-headers</Message></Error>"),
    )
}

fn reply(status: u16, body: &str) -> Reply {
    Reply::Bytes(
        format!(
            "HTTP/1.1 {status} Status\r\netag: \"tag\"\r\nlast-modified: Sat, 28 Nov 2026 10:00:00 GMT\r\n\
             content-type: text/plain\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        )
        .into_bytes(),
    )
}
