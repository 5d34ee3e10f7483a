//! Pagination of companies.

use std::collections::HashSet;

use codat_keys_emulator::Emulator;
use serde_json::{Value, json};

use crate::support::{send, set_state, text};

fn names(page: &Value) -> Vec<&str> {
    page["results"].as_array().unwrap().iter().map(|company| text(&company["name"])).collect()
}

/// Returns the names on all pages, from the first page to the last.
fn paginate(emulator: &Emulator, first: &str) -> Vec<String> {
    let mut all = Vec::new();
    let mut href = Some(first.to_owned());
    while let Some(target) = href {
        let page = send(emulator, "GET", &target, None).json();
        all.extend(names(&page).into_iter().map(str::to_owned));
        href = page["_links"]["next"]["href"].as_str().map(str::to_owned);
    }
    all
}

#[test]
fn there_are_five_companies_by_default() {
    let emulator = Emulator::start().unwrap();
    let page = send(&emulator, "GET", "/companies", None).json();
    assert_eq!(page["results"].as_array().unwrap().len(), 5);
    assert_eq!((&page["pageNumber"], &page["pageSize"], &page["totalResults"]), (&json!(1), &json!(100), &json!(5)));
    assert_eq!(
        page["_links"],
        json!({"current": {"href": "/companies?page=1&pageSize=100"}, "self": {"href": "/companies"}})
    );
    for company in page["results"].as_array().unwrap() {
        assert!(["id", "name", "redirect"].iter().all(|member| company[member].is_string()));
        assert!(company.as_object().unwrap().values().all(|member| !member.is_null()));
    }
}

#[test]
fn pagination_returns_each_company_once() {
    let emulator = Emulator::start().unwrap();
    for (companies, page_size) in [(5, 2), (6, 2), (1, 1), (0, 3), (5, 5), (7, 5000)] {
        set_state(&emulator, &json!({ "companies": companies }));
        let all = paginate(&emulator, &format!("/companies?pageSize={page_size}"));
        assert_eq!(all.len(), companies, "{page_size}");
        assert_eq!(all.iter().collect::<HashSet<_>>().len(), companies);
    }
}

#[test]
fn links_keep_the_filter_and_the_order() {
    let emulator = Emulator::start().unwrap();
    let first = "/companies?query=name%20!=%20example+company+00003+%26%26%20id~c0da&orderBy=-name&pageSize=3";
    let all = paginate(&emulator, first);
    let expected = ["00005", "00004", "00002", "00001"].map(|number| format!("Example Company {number}"));
    assert_eq!(all, expected);
    let page = send(&emulator, "GET", &format!("{first}&page=2"), None).json();
    assert_eq!(page["totalResults"], 4);
    for link in ["current", "self", "previous"] {
        let href = text(&page["_links"][link]["href"]);
        assert!(href.starts_with("/companies?") && href.contains("query=") && href.contains("orderBy=-name"), "{href}");
    }
    assert_eq!(page["_links"].get("next"), None);
}

#[test]
fn a_page_after_the_last_one_is_empty() {
    let emulator = Emulator::start().unwrap();
    let page = send(&emulator, "GET", "/companies?page=2147483647&pageSize=5000", None).json();
    assert_eq!((&page["results"], &page["totalResults"]), (&json!([]), &json!(5)));
}

#[test]
fn invalid_parameters_are_rejected() {
    let emulator = Emulator::start().unwrap();
    for query in [
        "page=0",
        "page=-1",
        "page=one",
        "page=",
        "page=1.5",
        "page=2147483648",
        "page=99999999999999999999",
        "pageSize=0",
        "pageSize=5001",
        "pageSize=many",
        "query=name",
        "query=colour=red",
        "query=name=a%26%26",
        "orderBy=colour",
    ] {
        assert_eq!(send(&emulator, "GET", &format!("/companies?{query}"), None).status, 400, "{query}");
    }
    let malformed = send(&emulator, "GET", "/companies?query=name", None);
    assert_eq!(malformed.error(), "Error parsing query - Malformed query.");
    assert_eq!(send(&emulator, "GET", "/companies?page=1&pageSize=5000&query=&orderBy=", None).status, 200);
}

#[test]
fn a_large_number_of_companies_has_valid_dates() {
    let emulator = Emulator::builder().companies(100_000).start().unwrap();
    let page = send(&emulator, "GET", "/companies?page=1000", None).json();
    let last = &page["results"].as_array().unwrap()[99];
    assert_eq!((text(&last["name"]), text(&last["created"])), ("Example Company 100000", "2026-01-02T03:46:40Z"));
    assert_eq!(page["totalResults"], 100_000);
}
