//! Property tests of pagination on the emulator: random totals, page sizes, concurrency and faults.

use codat_keys::blocking;
use codat_keys::internal::page_cursor;
use codat_keys::{ApiKey, Client, Method};
use codat_keys_emulator::Emulator;
use proptest::prelude::*;
use serde::Deserialize;
use serde_json::json;

use crate::bounded::within;

const PATH: &str = "/companies/c0da7000-0000-4000-8000-000000000001/data/invoices";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Invoice {
    invoice_number: String,
}

/// A list, the way in which it is read, and faults.
#[derive(Clone, Debug)]
struct Case {
    total: u32,
    page_size: u32,
    concurrency: u32,
    retry: bool,
    faults: Vec<serde_json::Value>,
}

fn fault() -> impl Strategy<Value = serde_json::Value> {
    let kind = prop_oneof![
        Just(json!({"fault": "drop-before"})),
        Just(json!({"fault": "drop-after"})),
        Just(json!({"fault": "truncated"})),
        Just(json!({"fault": "garbage"})),
        Just(json!({"fault": "delay-after", "milliseconds": 20})),
        Just(json!({"fault": "status", "status": 429, "retryAfter": "0"})),
        Just(json!({"fault": "status", "status": 503})),
        Just(json!({"fault": "status", "status": 500, "from": "gateway"})),
    ];
    (kind, 0..20, 1..4).prop_map(|(mut fault, skip, count)| {
        fault["path"] = json!(PATH);
        fault["skip"] = json!(skip);
        fault["count"] = json!(count);
        fault
    })
}

prop_compose! {
    fn case()(
        total in 0_u32..80,
        page_size in 1_u32..12,
        concurrency in 1_u32..9,
        retry in prop::bool::weighted(0.3),
        faults in prop::collection::vec(fault(), 0..6),
    ) -> Case {
        Case { total, page_size, concurrency, retry, faults }
    }
}

impl Case {
    fn start(&self) -> (Emulator, codat_keys::ClientBuilder) {
        let emulator = Emulator::builder().invoices(self.total).faults(json!({"faults": self.faults}).to_string());
        let emulator = emulator.start().unwrap();
        let key = ApiKey::parse(emulator.api_key()).unwrap();
        let builder = Client::builder().base_url(emulator.base_url()).api_key(key).retry(self.retry);
        (emulator, builder)
    }
}

fn invoice_numbers(invoices: &[Invoice]) -> Vec<u32> {
    invoices.iter().map(|invoice| invoice.invoice_number.trim_start_matches("INV-").parse().unwrap()).collect()
}

async fn set_total(client: &Client, total: u32) {
    client.request(Method::PUT, "/_emulator/state").json(&json!({"invoices": total})).await.unwrap();
}

/// Reads all pages, and continues after each error. After page `n`, sets the total to the `n`th of `changes`.
async fn read(case: &Case, changes: &[u32], order: &str) -> (Vec<u32>, bool) {
    let (_emulator, builder) = case.start();
    let client = builder.build().unwrap();
    let mut pages =
        client.pages::<Invoice>(PATH).page_size(case.page_size).concurrency(case.concurrency).order_by(order);
    let (mut numbers, mut errors, mut changes) = (Vec::new(), 0, changes.iter());
    loop {
        match within("a page", pages.next()).await {
            Ok(None) => return (numbers, pages.total_changed()),
            Ok(Some(page)) => {
                numbers.extend(invoice_numbers(&page.results));
                if let Some(total) = changes.next() {
                    set_total(&client, *total).await;
                }
            }
            Err(error) => {
                errors += 1;
                assert!(errors < 100, "{error:?}");
            }
        }
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn each_result_is_returned_once_and_in_order_despite_faults(case in case()) {
        let (numbers, total_changed) = runtime().block_on(read(&case, &[], "id"));
        prop_assert_eq!(numbers, (1..=case.total).collect::<Vec<_>>());
        prop_assert!(!total_changed);
    }

    #[test]
    fn results_that_are_added_or_removed_at_the_end_move_no_others(
        case in case(),
        changes in prop::collection::vec(0_u32..80, 0..6),
    ) {
        let (numbers, total_changed) = runtime().block_on(read(&case, &changes, "id"));
        prop_assert_eq!(&numbers, &(1..=numbers.len() as u32).collect::<Vec<_>>());
        let least = changes.iter().copied().chain([case.total]).min().unwrap_or_default();
        prop_assert!(numbers.len() as u32 >= least && (total_changed || numbers.len() as u32 == case.total));
    }

    #[test]
    fn results_that_are_added_at_the_beginning_are_reported(case in case(), added in 1_u32..9, page in 0_usize..4) {
        let mut changes = vec![case.total; page];
        changes.push(case.total + added);
        let (numbers, total_changed) = runtime().block_on(read(&case, &changes, "-id"));
        prop_assert!(total_changed || numbers == (1..=case.total).rev().collect::<Vec<_>>());
    }

    #[test]
    fn the_blocking_iterator_and_the_cursor_return_each_result_once(case in case()) {
        let expected: Vec<u32> = (1..=case.total).collect();
        let (_emulator, builder) = case.start();
        let client = builder.build_blocking().unwrap();
        prop_assert_eq!(&read_blocking(&client, &case), &expected);

        let (_emulator, builder) = case.start();
        let client = builder.build_blocking().unwrap();
        let pages = client.pages::<serde::de::IgnoredAny>(PATH).page_size(case.page_size).concurrency(case.concurrency);
        let mut cursor = page_cursor(pages);
        let (mut results, mut errors) = (0, 0);
        loop {
            match client.run(async |client| cursor.next(client).await) {
                Ok(None) => break,
                Ok(Some(page)) => results += page.results.len(),
                Err(_) => errors += 1,
            }
            prop_assert!(errors < 100);
        }
        prop_assert_eq!(results, expected.len());
    }
}

/// Reads all results with the blocking client, and continues after each error.
fn read_blocking(client: &blocking::Client, case: &Case) -> Vec<u32> {
    let mut items = client.pages::<Invoice>(PATH).page_size(case.page_size).concurrency(case.concurrency).items();
    let (mut invoices, mut ends) = (Vec::new(), 0);
    loop {
        match items.next() {
            Some(Ok(invoice)) => invoices.push(invoice),
            Some(Err(_)) => ends = 0,
            // After an error, the iterator returns `None` once.
            None if ends == 0 => ends = 1,
            None => return invoice_numbers(&invoices),
        }
    }
}
