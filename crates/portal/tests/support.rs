//! The page with an emulator, and an HTTP client that shares no code with them.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use codat_keys::{ApiKey, Client};
use codat_keys_emulator::Emulator;
use codat_keys_portal::{Links, PATH, Portal, Role};

use crate::bounded::wait_until;

/// Starts an emulator and its page with sign-in.
pub(crate) fn emulated() -> Emulator {
    let emulator = Emulator::builder().seed(7).start().expect("an emulator");
    let host = host_of(&emulator);
    let (base_url, key) = (emulator.base_url().to_owned(), emulator.key_provider());
    let client = move || {
        let key = ApiKey::verbatim(&key().unwrap_or_default())?;
        Client::builder().base_url(&base_url).api_key(key).retry(false).build()
    };
    emulator.mount(PATH, Portal::new(host.parse().expect("an address"), client).with_sign_in());
    emulator
}

/// Starts an emulator and a page with links, as `codat-keys portal` does. The emulator serves the page.
pub(crate) fn local(read_only: bool) -> (Emulator, Links) {
    let emulator = Emulator::builder().seed(7).start().expect("an emulator");
    let key = ApiKey::parse(emulator.api_key()).expect("a key");
    let client = Client::builder().base_url(emulator.base_url()).api_key(key).build().expect("a client");
    let portal = Portal::new(host_of(&emulator).parse().expect("an address"), move || Ok(client.clone()));
    let (router, links) = portal.read_only(read_only).with_links();
    emulator.mount(PATH, router);
    (emulator, links)
}

pub(crate) fn host_of(emulator: &Emulator) -> String {
    emulator.base_url().trim_start_matches("http://").to_owned()
}

pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Response {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().filter_map(|line| line.split_once(": ")).find(|(is, _)| *is == name).map(|(_, value)| value)
    }

    /// Returns the form token in a page.
    pub(crate) fn form_token(&self) -> String {
        let marks = ["data-token=\"", "name=\"token\" value=\""];
        let (_, rest) = marks.iter().find_map(|mark| self.body.split_once(mark)).expect("a token");
        rest.split('"').next().unwrap_or_default().to_owned()
    }

    /// Returns the attributes of the cookie, sorted.
    pub(crate) fn cookie_attributes(&self) -> Vec<&str> {
        let mut attributes: Vec<_> = self.header("set-cookie").expect("a cookie").split("; ").skip(1).collect();
        attributes.sort_unstable();
        attributes
    }

    fn cookie(&self) -> String {
        let cookie = self.header("set-cookie").expect("a cookie");
        cookie.split(';').next().unwrap_or_default().to_owned()
    }
}

/// Sends a request with the given header lines.
pub(crate) fn send(emulator: &Emulator, method: &str, path: &str, headers: &str, body: &str) -> Response {
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
    let mut response = Vec::new();
    socket.read_to_end(&mut response).expect("an response");
    let response = String::from_utf8(response).expect("text");
    let (head, body) = response.split_once("\r\n\r\n").expect("a head");
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    Response { status, head: head.replace('\r', ""), body: body.to_owned() }
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
        let response = visitor.post("/sign-in", &[("role", role.name())]);
        assert_eq!(response.status, 303);
        visitor.cookie = response.cookie();
        visitor.form_token = visitor.get("").form_token();
        visitor
    }

    pub(crate) fn with_link(emulator: &'a Emulator, links: &Links) -> Self {
        let link = links.create();
        let path = link.trim_start_matches(emulator.base_url());
        let head = format!("Host: {}\r\nAccept: text/html\r\n", host_of(emulator));
        let response = send(emulator, "GET", path, &head, "");
        assert_eq!(response.status, 200);
        let mut visitor = Self { emulator, cookie: response.cookie(), form_token: String::new() };
        visitor.form_token = visitor.get("").form_token();
        visitor
    }

    pub(crate) fn get(&self, path: &str) -> Response {
        send(self.emulator, "GET", &format!("{PATH}{path}"), &self.head(), "")
    }

    /// Submits a form as the page does.
    pub(crate) fn post(&self, path: &str, fields: &[(&str, &str)]) -> Response {
        let same_origin = "Origin: null\r\nSec-Fetch-Site: same-origin\r\n";
        self.post_from(same_origin, path, fields)
    }

    /// Submits a form with other origin headers.
    pub(crate) fn post_from(&self, from: &str, path: &str, fields: &[(&str, &str)]) -> Response {
        let rest: String = fields.iter().map(|(name, value)| format!("&{name}={value}")).collect();
        let body = format!("token={}{rest}", self.form_token);
        send(self.emulator, "POST", &format!("{PATH}{path}"), &format!("{}{from}", self.head()), &body)
    }

    /// Submits a form, and disconnects when the emulator has received the resulting request.
    pub(crate) fn submit_and_disconnect(&self, path: &str, fields: &[(&str, &str)]) {
        let rest: String = fields.iter().map(|(name, value)| format!("&{name}={value}")).collect();
        let (body, head) = (format!("token={}{rest}", self.form_token), self.head());
        let mut socket = TcpStream::connect(host_of(self.emulator)).expect("a connection");
        let request = format!(
            "POST {PATH}{path} HTTP/1.1\r\n{head}Origin: null\r\nSec-Fetch-Site: same-origin\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        socket.write_all(request.as_bytes()).expect("a request");
        let is_received = || {
            send(self.emulator, "GET", "/_emulator/journal", &format!("Host: {}\r\n", host_of(self.emulator)), "")
                .body
                .contains("\"POST\"")
        };
        wait_until("Codat has received the request", is_received);
    }

    fn head(&self) -> String {
        format!("Host: {}\r\nCookie: {}\r\nAccept: text/html\r\n", host_of(self.emulator), self.cookie)
    }
}

/// Returns the emulator's keys as JSON.
pub(crate) fn state(emulator: &Emulator) -> String {
    let state = control(emulator, "GET", "");
    state.split(",\"companies\"").next().unwrap_or_default().to_owned()
}

pub(crate) fn set_state(emulator: &Emulator, json: &str) {
    control(emulator, "PUT", json);
}

fn control(emulator: &Emulator, method: &str, json: &str) -> String {
    let response = send(emulator, method, "/_emulator/state", &format!("Host: {}\r\n", host_of(emulator)), json);
    assert_eq!(response.status, 200, "{}", response.body);
    response.body
}
