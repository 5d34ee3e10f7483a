//! A page in front of an emulator, and a client that shares no code with either.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use codat_keys::{ApiKey, Client};
use codat_keys_emulator::Emulator;
use codat_keys_portal::{Links, PATH, Portal, Role};

use crate::bounded::wait_until;

/// The emulator's page, which one signs in to.
pub(crate) fn emulated() -> Emulator {
    let emulator = Emulator::builder().seed(7).start().expect("an emulator");
    let host = host_of(&emulator);
    let (base_url, key) = (emulator.base_url().to_owned(), emulator.key_provider());
    let client = move || {
        let key = ApiKey::verbatim(&key().unwrap_or_default())?;
        Client::builder().base_url(&base_url).api_key(key).retry(false).build()
    };
    emulator.mount(PATH, Portal::new(host.parse().expect("an address"), client).behind_sign_in());
    emulator
}

/// A page like that of `codat-keys portal`, served by the emulator all the same, and its links.
pub(crate) fn local(read_only: bool) -> (Emulator, Links) {
    let emulator = Emulator::builder().seed(7).start().expect("an emulator");
    let key = ApiKey::parse(emulator.api_key()).expect("a key");
    let client = Client::builder().base_url(emulator.base_url()).api_key(key).build().expect("a client");
    let portal = Portal::new(host_of(&emulator).parse().expect("an address"), move || Ok(client.clone()));
    let (router, links) = portal.read_only(read_only).behind_links();
    emulator.mount(PATH, router);
    (emulator, links)
}

pub(crate) fn host_of(emulator: &Emulator) -> String {
    emulator.base_url().trim_start_matches("http://").to_owned()
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().filter_map(|line| line.split_once(": ")).find(|(is, _)| *is == name).map(|(_, value)| value)
    }

    /// What the page's forms and its script send as `token`.
    pub(crate) fn form_token(&self) -> String {
        let marks = ["data-token=\"", "name=\"token\" value=\""];
        let (_, rest) = marks.iter().find_map(|mark| self.body.split_once(mark)).expect("a token");
        rest.split('"').next().unwrap_or_default().to_owned()
    }

    fn cookie(&self) -> String {
        let cookie = self.header("set-cookie").expect("a cookie");
        cookie.split(';').next().unwrap_or_default().to_owned()
    }
}

/// Sends one request, its headers as they are written.
pub(crate) fn send(emulator: &Emulator, method: &str, path: &str, headers: &str, body: &str) -> Answer {
    let mut socket = TcpStream::connect(host_of(emulator)).expect("a connection");
    socket.set_read_timeout(Some(Duration::from_secs(20))).expect("a time-out");
    let length = body.len();
    let media_type =
        if path.starts_with("/_emulator/") { "application/json" } else { "application/x-www-form-urlencoded" };
    let request = format!(
        "{method} {path} HTTP/1.1\r\n{headers}Connection: close\r\nContent-Type: {media_type}\r\n\
         Content-Length: {length}\r\n\r\n{body}"
    );
    socket.write_all(request.as_bytes()).expect("a request");
    let mut answer = Vec::new();
    socket.read_to_end(&mut answer).expect("an answer");
    let answer = String::from_utf8(answer).expect("text");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    Answer { status, head: head.replace('\r', ""), body: body.to_owned() }
}

/// A browser with a session.
pub(crate) struct Visitor<'a> {
    pub(crate) emulator: &'a Emulator,
    pub(crate) cookie: String,
    pub(crate) form_token: String,
}

impl<'a> Visitor<'a> {
    pub(crate) fn signed_in(emulator: &'a Emulator, role: Role) -> Self {
        let page = send(emulator, "GET", PATH, &format!("Host: {}\r\n", host_of(emulator)), "");
        let mut visitor = Self { emulator, cookie: page.cookie(), form_token: page.form_token() };
        let answer = visitor.post("/sign-in", &[("role", role.name())]);
        assert_eq!(answer.status, 303);
        visitor.cookie = answer.cookie();
        visitor.form_token = visitor.get("").form_token();
        visitor
    }

    pub(crate) fn with_link(emulator: &'a Emulator, links: &Links) -> Self {
        let link = links.make();
        let path = link.trim_start_matches(emulator.base_url());
        let head = format!("Host: {}\r\nAccept: text/html\r\n", host_of(emulator));
        let answer = send(emulator, "GET", path, &head, "");
        assert_eq!(answer.status, 200);
        let mut visitor = Self { emulator, cookie: answer.cookie(), form_token: String::new() };
        visitor.form_token = visitor.get("").form_token();
        visitor
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        send(self.emulator, "GET", &format!("{PATH}{path}"), &self.head(), "")
    }

    /// As a form of the page.
    pub(crate) fn post(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let from_here = "Origin: null\r\nSec-Fetch-Site: same-origin\r\n";
        self.post_from(from_here, path, fields)
    }

    /// With other headers that say where it comes from.
    pub(crate) fn post_from(&self, from: &str, path: &str, fields: &[(&str, &str)]) -> Answer {
        let rest: String = fields.iter().map(|(name, value)| format!("&{name}={value}")).collect();
        let body = format!("token={}{rest}", self.form_token);
        send(self.emulator, "POST", &format!("{PATH}{path}"), &format!("{}{from}", self.head()), &body)
    }

    /// Sends a form, and returns without the answer once Codat has received the call.
    pub(crate) fn give_up(&self, path: &str, fields: &[(&str, &str)]) {
        let rest: String = fields.iter().map(|(name, value)| format!("&{name}={value}")).collect();
        let (body, head) = (format!("token={}{rest}", self.form_token), self.head());
        let mut socket = TcpStream::connect(host_of(self.emulator)).expect("a connection");
        let request = format!(
            "POST {PATH}{path} HTTP/1.1\r\n{head}Origin: null\r\nSec-Fetch-Site: same-origin\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        socket.write_all(request.as_bytes()).expect("a request");
        let is_asked = || {
            send(self.emulator, "GET", "/_emulator/journal", &format!("Host: {}\r\n", host_of(self.emulator)), "")
                .body
                .contains("\"POST\"")
        };
        wait_until("Codat is asked", is_asked);
    }

    fn head(&self) -> String {
        format!("Host: {}\r\nCookie: {}\r\nAccept: text/html\r\n", host_of(self.emulator), self.cookie)
    }
}

/// The emulator's keys, as its controls tell them.
pub(crate) fn state(emulator: &Emulator) -> String {
    let state = controlled(emulator, "GET", "");
    state.split(",\"companies\"").next().unwrap_or_default().to_owned()
}

pub(crate) fn set_state(emulator: &Emulator, json: &str) {
    controlled(emulator, "PUT", json);
}

fn controlled(emulator: &Emulator, method: &str, json: &str) -> String {
    let answer = send(emulator, method, "/_emulator/state", &format!("Host: {}\r\n", host_of(emulator)), json);
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.body
}
