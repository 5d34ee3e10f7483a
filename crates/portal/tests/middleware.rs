//! Requests of other hosts, origins and sessions, and prefetches.

use codat_keys::Client;
use codat_keys_emulator::Emulator;
use codat_keys_portal::{PATH, Portal, Role};

use crate::support::{Visitor, emulated, host_of, local, send, state};

/// The requests that change something or return a secret, with the fields of their forms.
pub(crate) const CHANGES: [(&str, &[(&str, &str)]); 8] = [
    ("/keys", &[("name", "made")]),
    ("/keys/{id}/revoke", &[("confirm", "doomed")]),
    ("/keys/{id}/key", &[]),
    ("/keys/{id}/header", &[]),
    ("/keys/{id}/created", &[]),
    ("/dismiss", &[("change", "x")]),
    ("/sign-in", &[("role", "Administrator")]),
    ("/sign-out", &[]),
];

#[test]
fn requests_for_another_host_are_misdirected() {
    let emulator = emulated();
    let visitor = Visitor::signed_in(&emulator, Role::Developer);
    let (port, cookie) = (host_of(&emulator).replace("127.0.0.1", ""), &visitor.cookie);
    for host in ["evil.example", "localhost", "127.0.0.2", "127.0.0.1.evil.example", "[::1]"] {
        for path in ["", "/portal.js", "/keys/x/revoke", "/open/x"] {
            let head = format!("Host: {host}{port}\r\nCookie: {cookie}\r\n");
            let response = send(&emulator, "GET", &format!("{PATH}{path}"), &head, "");
            assert_eq!((response.status, response.body.as_str()), (421, ""), "{host} {path}");
        }
    }
    let own = host_of(&emulator);
    for (target, head) in [
        (PATH.to_owned(), format!("Host: {own}\r\nHost: {own}\r\n")),
        (PATH.to_owned(), "Host: \r\n".to_owned()),
        (format!("http://evil.example{PATH}"), format!("Host: {own}\r\n")),
    ] {
        let response = send(&emulator, "GET", &target, &format!("{head}Cookie: {cookie}\r\n"), "");
        assert!(matches!(response.status, 400 | 421) && response.body.is_empty(), "{target} {head}: {}", response.head);
    }
}

#[test]
fn a_change_from_another_origin_is_forbidden() {
    let emulator = emulated();
    let visitor = Visitor::signed_in(&emulator, Role::Developer);
    visitor.post("/keys", &[("name", "doomed")]);
    let (before, own) = (state(&emulator), host_of(&emulator));
    for from in [
        String::new(),
        "Origin: null\r\n".to_owned(),
        "Origin: http://evil.example\r\n".to_owned(),
        format!("Origin: https://{own}\r\n"),
        "Sec-Fetch-Site: same-origin\r\n".to_owned(),
        format!("Origin: http://{own}\r\nSec-Fetch-Site: cross-site\r\n"),
        format!("Origin: http://{own}\r\nSec-Fetch-Site: same-site\r\n"),
        "Origin: null\r\nSec-Fetch-Site: cross-site\r\n".to_owned(),
        "Origin: null\r\nSec-Fetch-Site: same-origin\r\nSec-Fetch-Site: cross-site\r\n".to_owned(),
    ] {
        for (path, fields) in CHANGES {
            let response = visitor.post_from(&from, &path.replace("{id}", &newest(&before)), fields);
            assert_eq!((response.status, response.body.as_str()), (403, ""), "{path} {from}");
        }
    }
    assert_eq!(state(&emulator), before);
}

#[test]
fn a_form_of_another_session_is_forbidden() {
    let emulator = emulated();
    let mut visitor = Visitor::signed_in(&emulator, Role::Developer);
    visitor.post("/keys", &[("name", "doomed")]);
    let before = state(&emulator);
    let other = Visitor::signed_in(&emulator, Role::Developer).form_token;
    for token in [other, String::new(), "x".repeat(64)] {
        visitor.form_token = token;
        for (path, fields) in CHANGES {
            let response = visitor.post(&path.replace("{id}", &newest(&before)), fields);
            assert_eq!(response.status, 403, "{path}");
            assert!(response.body.contains("Nothing was changed: open the page again."), "{path}");
        }
    }
    assert_eq!(state(&emulator), before);
}

#[test]
fn anonymous_visitors_end_no_session() {
    let emulator = emulated();
    let visitor = Visitor::signed_in(&emulator, Role::Developer);
    for _ in 0..300 {
        send(&emulator, "GET", PATH, &format!("Host: {}\r\n", host_of(&emulator)), "");
    }
    assert!(visitor.get("").body.contains("1 of 10 keys"));
}

#[test]
fn a_prefetch_does_not_consume_a_link() {
    let (emulator, links) = local(false);
    let link = links.create();
    let open = |method: &str, head: &str| {
        let path = link.trim_start_matches(emulator.base_url());
        let head = format!("Host: {}\r\n{head}", host_of(&emulator));
        send(&emulator, method, path, &head, "").status
    };
    for (method, head) in [
        ("HEAD", "Accept: text/html\r\n"),
        ("GET", ""),
        ("GET", "Accept: image/avif,image/webp,*/*;q=0.8\r\n"),
        ("GET", "Accept: text/html\r\nSec-Purpose: prefetch;prerender\r\n"),
        ("GET", "Accept: text/html\r\nPurpose: prefetch\r\n"),
        ("GET", "Accept: text/html\r\nX-Purpose: preview\r\n"),
        ("GET", "Accept: text/html\r\nX-Moz: prefetch\r\n"),
        ("GET", "Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: no-cors\r\nSec-Fetch-Dest: image\r\n"),
        ("GET", "Accept: text/html\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: iframe\r\n"),
        ("GET", "Accept: text/html\r\nSec-Fetch-Mode: navigate\r\n"),
    ] {
        assert_eq!(open(method, head), 403, "{method} {head}");
    }
    let navigates = "Sec-Fetch-Site: none\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: document\r\n";
    assert_eq!([open("GET", navigates), open("GET", navigates)], [200, 401]);
}

#[test]
fn a_prefetch_does_not_consume_a_flash_message() {
    let emulator = emulated();
    let visitor = Visitor::signed_in(&emulator, Role::Developer);
    visitor.post("/keys", &[("name", "made")]);
    let get = |method: &str, path: &str, head: &str| {
        let head = format!("Host: {}\r\nCookie: {}\r\n{head}", host_of(&emulator), visitor.cookie);
        send(&emulator, method, &format!("{PATH}{path}"), &head, "")
    };
    let id = newest(&state(&emulator));
    for path in ["", &format!("/keys/{id}/revoke"), "/keys/nothing/revoke"] {
        for (method, head) in [
            ("HEAD", "Accept: text/html\r\n"),
            ("HEAD", "Sec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: document\r\n"),
            ("GET", ""),
            ("GET", "Accept: image/webp,*/*\r\n"),
            ("GET", "Sec-Fetch-Site: same-origin\r\nSec-Fetch-Mode: no-cors\r\nSec-Fetch-Dest: image\r\n"),
            (
                "GET",
                "Sec-Fetch-Site: same-origin\r\nSec-Fetch-Mode: cors\r\nSec-Fetch-Dest: empty\r\nAccept: text/html\r\n",
            ),
            ("GET", "Sec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: document\r\nSec-Purpose: prefetch\r\n"),
            ("GET", "Accept: text/html\r\nPurpose: prefetch\r\n"),
            ("GET", "Accept: text/html\r\nX-Purpose: preview\r\n"),
        ] {
            assert!(!get(method, path, head).body.contains("The key was created"), "{method} {path} {head}");
        }
    }
    let navigates = "Sec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: document\r\n";
    assert!(get("GET", "", navigates).body.contains("The key was created"));
    assert!(!get("GET", "", navigates).body.contains("The key was created"));
}

#[test]
fn the_default_port_is_not_part_of_the_host() {
    let emulator = Emulator::start().expect("an emulator");
    let at_port_80 = Portal::new(([127, 0, 0, 1], 80).into(), || Client::builder().build());
    emulator.mount(PATH, at_port_80.with_sign_in());
    let status = |host: &str| send(&emulator, "GET", PATH, &format!("Host: {host}\r\n"), "").status;
    assert_eq!([status("127.0.0.1"), status(&host_of(&emulator)), status("evil.example")], [200, 421, 421]);
}

#[test]
fn every_response_has_security_headers() {
    let emulator = emulated();
    let visitor = Visitor::signed_in(&emulator, Role::Developer);
    let elsewhere = send(&emulator, "GET", PATH, "Host: evil.example\r\n", "");
    for response in
        [visitor.get(""), visitor.get("/portal.js"), visitor.get("/nothing"), visitor.post("/keys", &[]), elsewhere]
    {
        let policy = response.header("content-security-policy").unwrap_or_default();
        assert!(policy.starts_with("default-src 'none'; ") && policy.contains("frame-ancestors 'none'"), "{policy}");
        assert!(!policy.contains("unsafe") && !policy.contains('*') && !policy.contains("http"), "{policy}");
        for (name, value) in [
            ("cache-control", "no-store"),
            ("referrer-policy", "no-referrer"),
            ("x-content-type-options", "nosniff"),
            ("cross-origin-opener-policy", "same-origin"),
            ("cross-origin-embedder-policy", "require-corp"),
            ("cross-origin-resource-policy", "same-origin"),
        ] {
            assert_eq!(response.header(name), Some(value), "{}", response.head);
        }
    }
}

#[test]
fn the_session_cookie_is_http_only_and_same_site() {
    let emulator = emulated();
    let page = send(&emulator, "GET", PATH, &format!("Host: {}\r\n", host_of(&emulator)), "");
    let cookie = page.header("set-cookie").unwrap_or_default();
    assert_eq!(page.cookie_attributes(), ["HttpOnly", &format!("Path={PATH}"), "SameSite=Strict"]);
    let (name, value) = cookie.split(';').next().and_then(|pair| pair.split_once('=')).unwrap_or_default();
    assert_eq!(name, format!("codat_keys_{}", host_of(&emulator).trim_start_matches("127.0.0.1:")));
    assert_eq!(value.len(), 64, "256 bits");

    let user = Visitor::signed_in(&emulator, Role::Developer);
    assert!(!cookie.contains(&user.cookie), "signing in creates another session");
    let guessed =
        Visitor { cookie: format!("{name}={}", "0".repeat(64)), form_token: String::new(), emulator: &emulator };
    assert!(guessed.get("").body.contains("Who are you?"));
}

/// Returns the id of the newest key.
fn newest(state: &str) -> String {
    let (_, id) = state.rsplit_once("\"id\":\"").expect("a key");
    id.split('"').next().unwrap_or_default().to_owned()
}
