//! A server in front of the emulator that changes one behaviour, for the tests of `emulator verify`.

use std::collections::{HashMap, HashSet};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::{Mutex, MutexGuard};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use codat_keys_emulator::Emulator;
use serde_json::{Value, json};

use crate::raw_server::{RawServer, Reply};

/// Returns the response to a request. Most changes forward the request to the emulator.
pub(crate) type Change = Box<dyn Fn(&mut Exchange<'_>) -> Response + Send + Sync>;

#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) authorization: String,
    pub(crate) idempotency_key: Option<String>,
    pub(crate) body: String,
}

impl Request {
    fn parse(text: &str) -> Self {
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let header = |name: &str| {
            let lines = head.lines().filter_map(|line| line.split_once(": "));
            lines.filter(|(of, _)| of.eq_ignore_ascii_case(name)).map(|(_, value)| value.to_owned()).next()
        };
        let mut words = head.split(' ').map(str::to_owned);
        Self {
            method: words.next().unwrap(),
            path: words.next().unwrap(),
            authorization: header("authorization").unwrap_or_default(),
            idempotency_key: header("idempotency-key"),
            body: body.to_owned(),
        }
    }

    /// Whether the body names a key, and the name is not too long.
    pub(crate) fn is_valid_name(&self) -> bool {
        let name =
            serde_json::from_str::<Value>(&self.body).ok().and_then(|body| Some(body["name"].as_str()?.to_owned()));
        name.is_some_and(|name| name.encode_utf16().count() <= 50)
    }

    pub(crate) fn is(&self, method: &str, path: &str) -> bool {
        self.method == method && self.path.starts_with(path)
    }
}

/// The status of a [`Response`] that is not sent: the server closes the connection.
pub(crate) const NO_RESPONSE: u16 = 0;

#[derive(Clone, Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Response {
    fn parse(text: &str) -> Self {
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let headers = head.lines().filter_map(|line| line.split_once(": "));
        let own = |name: &str| ["content-length", "connection", "transfer-encoding"].contains(&name);
        let headers = headers.map(|(name, value)| (name.to_lowercase(), value.to_owned()));
        Self {
            status: head.split(' ').nth(1).unwrap().parse().unwrap(),
            headers: headers.filter(|(name, _)| !own(name)).collect(),
            body: body.to_owned(),
        }
    }

    fn reply(&self, is_head: bool) -> Reply {
        if self.status == NO_RESPONSE {
            return Reply::Disconnect;
        }
        let mut text = format!("HTTP/1.1 {} Status\r\nconnection: close\r\n", self.status);
        for (name, value) in &self.headers {
            text += &format!("{name}: {value}\r\n");
        }
        if self.status != 204 {
            text += &format!("content-length: {}\r\n", self.body.len());
        }
        text += "\r\n";
        Reply::Bytes((if is_head { text } else { text + &self.body }).into_bytes())
    }

    /// Changes the JSON in the body.
    pub(crate) fn edit(&mut self, edit: impl FnOnce(&mut Value)) {
        if let Ok(mut body) = serde_json::from_str(&self.body) {
            edit(&mut body);
            self.body = body.to_string();
        }
    }

    pub(crate) fn set_header(&mut self, name: &str, value: &str) {
        self.headers.retain(|(of, _)| of != name);
        self.headers.push((name.to_owned(), value.to_owned()));
    }

    pub(crate) fn error(&mut self, status: u16) {
        self.status = status;
        let error = json!({
            "statusCode": status, "service": "PublicApi", "error": "Another response.", "correlationId": unique(),
            "validation": null, "canBeRetried": "Unknown", "detailedErrorCode": 0,
        });
        self.body = error.to_string();
    }
}

/// What the server remembers between requests.
#[derive(Default)]
pub(crate) struct Memory {
    /// The `Authorization` headers of the created keys.
    created: HashSet<String>,
    /// The first response to each idempotency key.
    responses: HashMap<String, Response>,
    has_conflict: bool,
}

pub(crate) struct Exchange<'a> {
    pub(crate) request: Request,
    emulator: String,
    memory: MutexGuard<'a, Memory>,
}

impl Exchange<'_> {
    pub(crate) fn forward(&mut self) -> Response {
        let response = self.send(&self.request);
        if response.status == 201 {
            let key: Value = serde_json::from_str(&response.body).unwrap();
            self.memory.created.insert(format!("Basic {}", STANDARD.encode(key["apiKey"].as_str().unwrap())));
        }
        response
    }

    /// Sends a GET request with the headers of the request.
    pub(crate) fn get(&self, path: &str) -> Response {
        let (method, path) = ("GET".into(), path.to_owned());
        self.send(&Request { method, path, idempotency_key: None, body: String::new(), ..self.request.clone() })
    }

    fn send(&self, request: &Request) -> Response {
        let Request { method, path, authorization, idempotency_key, body } = request;
        let mut text = format!(
            "{method} {path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\nauthorization: {authorization}\r\n",
            self.emulator
        );
        if let Some(key) = idempotency_key {
            text += &format!("idempotency-key: {key}\r\n");
        }
        text += &format!("content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        let mut connection = TcpStream::connect(&self.emulator).unwrap();
        connection.write_all(text.as_bytes()).unwrap();
        let mut response = String::new();
        connection.read_to_string(&mut response).unwrap();
        Response::parse(&response)
    }

    fn is_from_created_key(&self) -> bool {
        self.memory.created.contains(&self.request.authorization)
    }

    /// Forwards the request, and sends another error instead of a response with the status `status`.
    fn forward_or(&mut self, is_changed: bool, status: u16) -> Response {
        let mut response = self.forward();
        if is_changed {
            response.error(status);
        }
        response
    }

    /// Forwards the request, and changes the JSON in the response if it has one of these statuses.
    fn edited(&mut self, statuses: std::ops::Range<u16>, edit: impl FnOnce(&mut Value)) -> Response {
        let mut response = self.forward();
        if statuses.contains(&response.status) {
            response.edit(edit);
        }
        response
    }
}

/// Starts a server in front of an emulator.
pub(crate) fn proxy(emulator: &Emulator, change: Change) -> RawServer {
    let emulator = emulator.base_url().strip_prefix("http://").unwrap().to_owned();
    let memory = Mutex::new(Memory::default());
    RawServer::with_handler(move |request| {
        let request = Request::parse(request);
        let is_head = request.method == "HEAD";
        let memory = memory.lock().unwrap();
        change(&mut Exchange { request, emulator: emulator.clone(), memory }).reply(is_head)
    })
}

/// Returns the key in an `Authorization` header.
pub(crate) fn key_of(authorization: &str) -> String {
    let encoded = authorization.split(' ').next_back().unwrap_or_default();
    STANDARD.decode(encoded).ok().and_then(|key| String::from_utf8(key).ok()).unwrap_or_default()
}

/// Returns the key in the `Authorization` header of a request.
pub(crate) fn key_in(request: &str) -> Option<String> {
    Some(key_of(&Request::parse(request).authorization)).filter(|key| !key.is_empty())
}

/// Returns 32 hexadecimal digits that differ in each call.
fn unique() -> String {
    uuid::Uuid::now_v7().simple().to_string()
}

/// Returns the change that makes the API differ in a row.
pub(crate) fn change(row: &str) -> Change {
    authentication(row)
        .or_else(|| keys(row))
        .or_else(|| bad_requests(row))
        .or_else(|| idempotency(row))
        .or_else(|| pages(row))
        .or_else(|| responses(row))
        .unwrap_or_else(|| panic!("no server differs in the row {row}: add one to tests/verify_proxy.rs"))
}

fn authentication(row: &str) -> Option<Change> {
    Some(match row {
        "authorization" => Box::new(|exchange| {
            let key = key_of(&exchange.request.authorization);
            if let Some(key) = key.strip_suffix(':') {
                exchange.request.authorization = format!("Basic {}", STANDARD.encode(key));
            }
            exchange.forward()
        }),
        "authorization-scheme" => Box::new(|exchange| {
            let is_lower = exchange.request.authorization.starts_with("basic ");
            exchange.forward_or(is_lower, 401)
        }),
        "wrong-key" => Box::new(|exchange| {
            let mut response = exchange.forward();
            if response.status == 401 {
                response.error(403);
            }
            response
        }),
        "authentication-first" => Box::new(|exchange| {
            let is_unknown = exchange.request.path.starts_with("/codat-keys-verify");
            exchange.forward_or(is_unknown, 404)
        }),
        "profile" => Box::new(|exchange| {
            exchange.edited(200..300, |body| drop(body.as_object_mut().unwrap().remove("redirectUrl")))
        }),
        "profile-key" => Box::new(|exchange| match exchange.request.is("GET", "/profile") {
            true => exchange.edited(200..300, |body| drop(body.as_object_mut().unwrap().remove("apiKey"))),
            false => exchange.forward(),
        }),
        _ => return None,
    })
}

fn keys(row: &str) -> Option<Change> {
    Some(match row {
        "new-key" => {
            let refused = Mutex::new(0);
            Box::new(move |exchange| {
                let mut refused = refused.lock().unwrap();
                let is_refused = exchange.is_from_created_key() && *refused < 2;
                *refused += u32::from(is_refused);
                exchange.forward_or(is_refused, 401)
            })
        }
        "deleted-key" => Box::new(|exchange| {
            let is_created = exchange.is_from_created_key();
            let mut response = exchange.forward();
            if response.status == 401 && is_created {
                response.error(403);
            }
            response
        }),
        "list" => Box::new(|exchange| match exchange.request.is("GET", "/apiKeys") {
            true => exchange.edited(200..300, |body| body["pageNumber"] = json!(1)),
            false => exchange.forward(),
        }),
        "list-order" => Box::new(|exchange| match exchange.request.is("GET", "/apiKeys") {
            true => exchange.edited(200..300, |body| body["results"].as_array_mut().unwrap().reverse()),
            false => exchange.forward(),
        }),
        "create" => Box::new(|exchange| {
            let mut response = exchange.forward();
            if response.status == 201 {
                response.status = 200;
            }
            response
        }),
        "key-form" => Box::new(|exchange| {
            let key = key_of(&exchange.request.authorization);
            if let Some(key) = key.strip_suffix("-new") {
                exchange.request.authorization = format!("Basic {}", STANDARD.encode(key));
            }
            exchange
                .edited(201..202, |body| body["apiKey"] = json!(format!("{}-new", body["apiKey"].as_str().unwrap())))
        }),
        "key-id" => Box::new(|exchange| {
            exchange.request.path = exchange.request.path.replace("/apiKeys/k", "/apiKeys/");
            let mut response = exchange.forward();
            response.body = response.body.replace(r#""id":""#, r#""id":"k"#);
            response
        }),
        "created-date" => Box::new(|exchange| {
            exchange.edited(201..202, |body| {
                body["createdDate"] = json!(body["createdDate"].as_str().unwrap().replace('Z', ""));
            })
        }),
        "duplicate-names" => Box::new(|exchange| {
            let is_post = exchange.request.method == "POST";
            let is_second = is_post && exchange.request.is_valid_name() && !exchange.memory.created.is_empty();
            let key = exchange.request.idempotency_key.clone();
            let is_second = is_second && !exchange.memory.responses.contains_key(&key.clone().unwrap_or_default());
            if is_second {
                let mut response = exchange.get("/apiKeys");
                response.error(400);
                return response;
            }
            let response = exchange.forward();
            if let Some(key) = key.filter(|_| response.status == 201) {
                exchange.memory.responses.insert(key, response.clone());
            }
            response
        }),
        "delete" => Box::new(|exchange| {
            let mut response = exchange.forward();
            if response.status == 204 {
                (response.status, response.body) = (200, "{}".into());
            }
            response
        }),
        "delete-unknown" => Box::new(|exchange| {
            let is_delete = exchange.request.method == "DELETE";
            let mut response = exchange.forward();
            if is_delete && response.status == 404 {
                (response.status, response.body) = (204, String::new());
            }
            response
        }),
        "delete-self" => Box::new(|exchange| {
            if exchange.request.method == "DELETE" && exchange.is_from_created_key() {
                let mut response = exchange.get("/apiKeys");
                response.error(403);
                return response;
            }
            exchange.forward()
        }),
        _ => return None,
    })
}

fn bad_requests(row: &str) -> Option<Change> {
    Some(match row {
        "name-length" => Box::new(|exchange| {
            exchange.request.body = exchange.request.body.replace("xx", "x");
            exchange.forward()
        }),
        "name-units" => Box::new(|exchange| {
            exchange.request.body = exchange.request.body.replace('\u{1f511}', "k");
            exchange.forward()
        }),
        "create-body" => Box::new(|exchange| {
            if exchange.request.body.starts_with('"') {
                exchange.request.body = "{}".into();
            }
            exchange.forward()
        }),
        "idempotency-correlation-id" => {
            Box::new(|exchange| exchange.edited(400..401, |body| body["correlationId"] = json!(unique())))
        }
        "idempotency-form" => Box::new(|exchange| {
            exchange.request.idempotency_key.take_if(|key| key.starts_with("codat-keys-verify"));
            exchange.forward()
        }),
        _ => return None,
    })
}

fn idempotency(row: &str) -> Option<Change> {
    Some(match row {
        "idempotency" => Box::new(|exchange| exchange.edited(200..202, |body| body["extra"] = json!(unique()))),
        "idempotency-create" => Box::new(|exchange| {
            if exchange.request.is_valid_name() {
                exchange.request.idempotency_key = None;
            }
            exchange.forward()
        }),
        "idempotency-methods" => Box::new(|exchange| {
            let is_get = exchange.request.method == "GET" && exchange.request.idempotency_key.is_some();
            exchange.forward_or(is_get, 422)
        }),
        "idempotency-body" => Box::new(|exchange| {
            let mut response = exchange.forward();
            if response.status == 422 {
                response.error(409);
            }
            response
        }),
        "idempotency-body-bytes" => Box::new(|exchange| {
            exchange.request.body = exchange.request.body.replace("\": \"", "\":\"");
            exchange.forward()
        }),
        "idempotency-first-stays" => Box::new(|exchange| {
            let mut response = exchange.forward();
            exchange.memory.has_conflict |= response.status == 422;
            if exchange.memory.has_conflict && response.status == 201 {
                response.error(422);
            }
            response
        }),
        "idempotency-authentication" => Box::new(|exchange| {
            let response = exchange.forward();
            let Some(key) = exchange.request.idempotency_key.clone() else { return response };
            match response.status {
                201 => drop(exchange.memory.responses.insert(key, response.clone())),
                401 => return exchange.memory.responses.get(&key).cloned().unwrap_or(response),
                _ => {}
            }
            response
        }),
        "idempotency-client" => Box::new(|exchange| {
            let is_other = exchange.request.method == "POST" && exchange.is_from_created_key();
            if is_other {
                exchange.request.idempotency_key = Some(unique());
            }
            exchange.forward()
        }),
        _ => return None,
    })
}

fn pages(row: &str) -> Option<Change> {
    let replace = |from: &'static str, to: &'static str| -> Change {
        Box::new(move |exchange| {
            exchange.request.path = exchange.request.path.replace(from, to);
            exchange.forward()
        })
    };
    Some(match row {
        "paging" => Box::new(|exchange| {
            exchange.edited(200..300, |body| drop(body.as_object_mut().unwrap().remove("totalResults")))
        }),
        "page-size" => replace("pageSize=5001", "pageSize=5000"),
        "paging-errors" => replace("page=0", "page=1"),
        "page-beyond" => Box::new(|exchange| {
            let is_beyond = exchange.request.path.contains("page=1000000");
            exchange.forward_or(is_beyond, 404)
        }),
        "links" => Box::new(|exchange| {
            exchange.edited(200..300, |body| {
                if body["_links"].is_object() {
                    body["_links"]["self"]["href"] = json!("/companies");
                }
            })
        }),
        "query" => replace("query=codat-keys-verify", "page=1"),
        "order-by" => replace("orderBy=codatKeysVerify", "page=1"),
        _ => return None,
    })
}

fn responses(row: &str) -> Option<Change> {
    let edit_errors = |edit: fn(&mut Value)| -> Change { Box::new(move |exchange| exchange.edited(400..500, edit)) };
    let set = |name: &'static str, value: &'static str| -> Change {
        Box::new(move |exchange| {
            let mut response = exchange.forward();
            response.set_header(name, value);
            response
        })
    };
    let without = |name: &'static str| -> Change {
        Box::new(move |exchange| {
            let mut response = exchange.forward();
            response.headers.retain(|(of, _)| of != name);
            response
        })
    };
    Some(match row {
        "error-body" => edit_errors(|body| drop(body.as_object_mut().unwrap().remove("service"))),
        "error-validation" => edit_errors(|body| body["validation"] = json!({ "errors": [] })),
        "error-retry" => edit_errors(|body| body["canBeRetried"] = json!("False")),
        "correlation-id" => edit_errors(|body| body["correlationId"] = json!("0".repeat(32))),
        "unknown-path" => Box::new(|exchange| {
            let mut response = exchange.forward();
            if exchange.request.path == "/codat-keys-verify" && response.status == 404 {
                response.body = String::new();
            }
            response
        }),
        "other-method" => Box::new(|exchange| {
            let is_put = exchange.request.method == "PUT";
            let mut response = exchange.forward();
            if is_put && response.status == 405 {
                response.error(404);
            }
            response
        }),
        "allow" => without("allow"),
        "head" => Box::new(|exchange| {
            let mut response = exchange.forward();
            if exchange.request.method == "HEAD" {
                response.status = 200;
            }
            response
        }),
        "quota" => set("x-rate-limit-limit", "1234"),
        "quota-count" => set("x-rate-limit-remaining", "900"),
        "rate-limit-headers" => without("x-rate-limit-limit"),
        "rate-limit-reset" => set("x-rate-limit-reset", "3600"),
        _ => return None,
    })
}
