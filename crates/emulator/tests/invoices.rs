//! Pagination of the invoices of a company.

use std::time::{Duration, Instant};

use codat_keys_emulator::Emulator;
use serde_json::{Value, json};

use crate::support::{send, set_state, text};

const PATH: &str = "/companies/c0da7000-0000-4000-8000-000000000001/data/invoices";

fn results(page: &Value) -> &Vec<Value> {
    page["results"].as_array().unwrap()
}

#[test]
fn a_page_of_3_000_invoices_is_6_megabytes() {
    let emulator = Emulator::builder().invoices(500_000).start().unwrap();
    let response = send(&emulator, "GET", &format!("{PATH}?page=100&pageSize=3000"), None);
    assert!((5_500_000..6_500_000).contains(&response.body.len()), "{}", response.body.len());
    let page = response.json();
    assert_eq!((results(&page).len(), &page["totalResults"]), (3000, &json!(500_000)));
    let last = results(&page).last().unwrap();
    assert_eq!((text(&last["invoiceNumber"]), text(&last["currency"])), ("INV-0300000", "GBP"));
    let lines = last["lineItems"].as_array().unwrap();
    let total: f64 = lines.iter().map(|line| line["totalAmount"].as_f64().unwrap()).sum();
    assert!((total - last["totalAmount"].as_f64().unwrap()).abs() < 0.001, "{last}");
}

#[test]
fn the_same_invoice_is_generated_each_time() {
    let (one, other) = (Emulator::start().unwrap(), Emulator::start().unwrap());
    let pages = [one, other].map(|emulator| send(&emulator, "GET", &format!("{PATH}?page=3&pageSize=7"), None).json());
    assert_eq!(pages[0], pages[1]);
    let next = format!("{PATH}?page=4&pageSize=7");
    assert_eq!(text(&pages[0]["_links"]["next"]["href"]), next);
}

#[test]
fn invoices_are_filtered_and_sorted() {
    let emulator = Emulator::builder().invoices(9).start().unwrap();
    let page = send(&emulator, "GET", &format!("{PATH}?query=status%3DPaid&orderBy=-id"), None).json();
    let numbers: Vec<&str> = results(&page).iter().map(|invoice| text(&invoice["invoiceNumber"])).collect();
    assert_eq!(numbers, ["INV-0000009", "INV-0000006", "INV-0000003"]);
    let unknown = send(&emulator, "GET", &format!("{PATH}?orderBy=name"), None);
    assert_eq!(unknown.error(), "Error parsing query - Could not resolve property name on Invoice");
}

#[test]
fn a_query_has_a_limited_number_of_clauses() {
    let emulator = Emulator::builder().invoices(9).start().unwrap();
    let with_clauses = |emulator: &Emulator, number: usize| {
        let query = vec!["status!%3Dz"; number].join("%26%26");
        send(emulator, "GET", &format!("{PATH}?pageSize=1&query={query}"), None)
    };
    assert_eq!(with_clauses(&emulator, 20).json()["totalResults"], 9);
    for number in [21, 1000] {
        let refused = with_clauses(&emulator, number);
        let error = "Error parsing query - The emulator accepts at most 20 clauses.";
        assert_eq!((refused.status, refused.error().as_str()), (400, error));
    }
    // 20 clauses over 1,000,000 invoices would occupy the emulator for seconds.
    set_state(&emulator, &json!({"invoices": 1_000_000}));
    for number in [2, 20] {
        let refused = with_clauses(&emulator, number);
        let error = "Error parsing query - The emulator accepts at most 1 clauses for a list of 1000000 results.";
        assert_eq!((refused.status, refused.error().as_str()), (400, error));
    }
    assert_eq!(with_clauses(&emulator, 1).json()["totalResults"], 1_000_000);
}

#[test]
fn a_million_invoices_are_sorted_in_little_time() {
    let emulator = Emulator::builder().invoices(1_000_000).start().unwrap();
    let first = |order: &str| {
        let page = send(&emulator, "GET", &format!("{PATH}?pageSize=1&orderBy={order}"), None).json();
        text(&results(&page)[0]["invoiceNumber"]).to_owned()
    };
    let started = Instant::now();
    let numbers = ["issueDate", "-issueDate", "status", "-status", "-id"].map(first);
    assert_eq!(numbers, ["INV-0000001", "INV-1000000", "INV-0000003", "INV-1000000", "INV-1000000"]);
    // Sorting by the texts of the properties takes about ten times as long, without optimization more than a minute.
    assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
}

#[test]
fn the_number_of_invoices_can_change_between_pages() {
    let emulator = Emulator::start().unwrap();
    let total = || send(&emulator, "GET", &format!("{PATH}?pageSize=1"), None).json()["totalResults"].clone();
    assert_eq!(total(), 1000);
    assert_eq!(set_state(&emulator, &json!({"invoices": 7})).json()["invoices"], 7);
    assert_eq!(total(), 7);
    assert_eq!(set_state(&emulator, &json!({"invoices": 1_000_001})).error(), "`invoices` is at most 1000000");
    assert_eq!(total(), 7);
}

#[test]
fn an_unknown_company_has_no_invoices() {
    let emulator = Emulator::start().unwrap();
    let id = |number| format!("c0da7000-0000-4000-8000-{number:012}");
    for company in [&id(6), &id(0), "1", "x", "", "c0da7000-0000-4000-8000-1"] {
        let response = send(&emulator, "GET", &format!("/companies/{company}/data/invoices"), None);
        assert_eq!((response.status, response.error().as_str()), (404, "Company not found"), "{company}");
    }
    assert_eq!(send(&emulator, "GET", &format!("/companies/{}/data/invoices", id(5)), None).status, 200);
    assert_eq!(send(&emulator, "POST", PATH, None).status, 405);
    assert_eq!(send(&emulator, "GET", &format!("{PATH}/1"), None).status, 404);
}
