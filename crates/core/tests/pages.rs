//! Pages that are requested at the same time.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex};

use codat_keys::{ApiKey, Client, ErrorKind, Method};
use codat_keys_emulator::Emulator;
use futures_util::TryStreamExt as _;
use serde_json::{Value, json};

use crate::bounded::{LIMIT, within};
use crate::raw_server::{self, RawServer, Reply};

/// A server whose pages have one result each: the number of the page. It records how far each request is ahead of the
/// pages that the test has received.
#[derive(Clone, Default)]
struct Pages {
    requested: Arc<(Mutex<Vec<u64>>, Condvar)>,
    received: Arc<AtomicU64>,
    ahead: Arc<Mutex<Vec<(u64, u64)>>>,
}

impl Pages {
    /// Starts a server. `handler` can wait and can replace the response to the request for a page. It gets the number of
    /// the page and the number of earlier requests for it.
    fn serve(
        &self,
        total: u64,
        handler: impl Fn(&Self, u64, usize) -> Option<Reply> + Send + Sync + 'static,
    ) -> RawServer {
        let pages = self.clone();
        RawServer::with_handler(move |request| {
            let page = page_number(request);
            let earlier = pages.record(page);
            handler(&pages, page, earlier).unwrap_or_else(|| page_of(page, total))
        })
    }

    fn record(&self, page: u64) -> usize {
        self.ahead.lock().unwrap().push((page, page - self.received.load(Ordering::SeqCst)));
        let (requested, changed) = &*self.requested;
        let mut requested = requested.lock().unwrap();
        let earlier = requested.iter().filter(|other| **other == page).count();
        requested.push(page);
        changed.notify_all();
        earlier
    }

    /// Waits until all these pages have been requested.
    fn wait_for(&self, pages: &[u64]) {
        let (requested, changed) = &*self.requested;
        let missing = |requested: &mut Vec<u64>| !pages.iter().all(|page| requested.contains(page));
        let (_requested, waited) = changed.wait_timeout_while(requested.lock().unwrap(), LIMIT, missing).unwrap();
        assert!(!waited.timed_out(), "{pages:?} are not requested together");
    }

    /// Returns the distance of each request for a page to the pages that had been received.
    fn distances(&self, page: u64) -> Vec<u64> {
        let ahead = self.ahead.lock().unwrap();
        ahead.iter().filter(|(number, _)| *number == page).map(|(_, distance)| *distance).collect()
    }

    fn most_ahead(&self) -> u64 {
        self.ahead.lock().unwrap().iter().map(|(_, distance)| *distance).max().unwrap()
    }

    fn requests(&self, page: u64) -> usize {
        self.distances(page).len()
    }
}

fn page_number(request: &str) -> u64 {
    let (_, rest) = request.split_once("page=").unwrap();
    rest.split('&').next().unwrap().parse().unwrap()
}

fn page_of(page: u64, total: u64) -> Reply {
    raw_server::json(200, &json!({"results": [page], "totalResults": total}).to_string())
}

fn client(url: &str, key: &str) -> Client {
    Client::builder().base_url(url).api_key(ApiKey::parse(key).unwrap()).build().unwrap()
}

/// Receives all pages. Returns the results, with `None` for each error.
async fn receive_all(pages: &Pages, server: &RawServer, concurrency: u32) -> Vec<Option<u64>> {
    let mut cursor = client(&server.url, "MadeUpKey").pages::<u64>("/x").page_size(1).concurrency(concurrency);
    let mut results = Vec::new();
    loop {
        match within("the next page", cursor.next()).await {
            Ok(None) => return results,
            Ok(Some(page)) => {
                results.push(Some(page.results[0]));
                pages.received.fetch_add(1, Ordering::SeqCst);
            }
            Err(_) => results.push(None),
        }
    }
}

#[tokio::test]
async fn pages_are_returned_in_order_if_later_ones_arrive_first() {
    let pages = Pages::default();
    let server = pages.serve(20, |pages, page, _| {
        // Page 2 is answered when pages 3, 4 and 5 have been requested, and so on.
        match page % 4 {
            2 if page < 17 => pages.wait_for(&[page + 1, page + 2, page + 3]),
            _ => {}
        }
        None
    });
    assert_eq!(receive_all(&pages, &server, 4).await, (1..=20).map(Some).collect::<Vec<_>>());
    assert_eq!(pages.distances(1), [1], "the first page is requested alone");
    assert_eq!(pages.most_ahead(), 4, "at most four pages are under way or kept");
    assert!((1..=20).all(|page| pages.requests(page) == 1));
}

#[test]
fn the_blocking_iterator_requests_pages_together() {
    let pages = Pages::default();
    let server = pages.serve(9, |pages, page, _| {
        if (2..=5).contains(&page) {
            pages.wait_for(&[2, 3, 4, 5]);
        }
        None
    });
    let key = ApiKey::parse("MadeUpKey").unwrap();
    let client = Client::builder().base_url(&server.url).api_key(key).build_blocking().unwrap();
    let cursor = client.pages::<u64>("/x").page_size(1).concurrency(4).items();
    let results: Vec<u64> =
        cursor.map(Result::unwrap).inspect(|_| _ = pages.received.fetch_add(1, Ordering::SeqCst)).collect();
    assert_eq!(results, (1..=9).collect::<Vec<_>>());
    assert_eq!(pages.most_ahead(), 4);
}

#[tokio::test]
async fn an_error_ends_at_its_page_and_the_iteration_goes_on_from_there() {
    let pages = Pages::default();
    let server = pages.serve(9, |pages, page, earlier| {
        match page {
            // Page 2 is answered after the error of page 3.
            2 => pages.wait_for(&[3, 4]),
            3 if earlier < 2 => return Some(raw_server::json(401, "")),
            _ => {}
        }
        None
    });
    let results = receive_all(&pages, &server, 3).await;
    assert_eq!(results, [Some(1), Some(2), None, None, Some(3), Some(4), Some(5), Some(6), Some(7), Some(8), Some(9)]);
    assert_eq!((pages.requests(3), pages.requests(4)), (3, 1), "page 4 is kept");
}

#[tokio::test]
async fn a_429_halves_the_number_of_pages_for_a_while() {
    const OTHER: u64 = 99;
    const RELEASE: u64 = 100;
    let pages = Pages::default();
    let server = pages.serve(40, |pages, page, earlier| {
        match page {
            2 if earlier == 0 => {
                pages.wait_for(&[3, 4, 5]);
                let head = "HTTP/1.1 429 Slow\r\nretry-after: 0\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
                return Some(Reply::Bytes(head.into()));
            }
            3 => pages.wait_for(&[RELEASE]),
            20 => pages.wait_for(&[21, 22, 23]),
            _ => {}
        }
        None
    });
    let client = client(&server.url, "MadeUpKey");
    let request = async |page: u64| client.request(Method::GET, &format!("/x?page={page}&")).await.unwrap();
    let mut cursor = client.pages::<u64>("/x").page_size(1).concurrency(4);
    for page in 1..=2 {
        assert_eq!(within("a page", cursor.next()).await.unwrap().unwrap().results, [page]);
    }
    assert_eq!(pages.requests(2), 2, "the page is retried");
    let others = async {
        for _ in 0..5 {
            request(OTHER).await;
        }
    };
    tokio::select! {
        page = cursor.next() => panic!("page 3 is held: {page:?}"),
        () = within("other requests", others) => {}
    }
    assert_eq!(pages.requests(6), 0, "pages 3 and 4 are two pages");
    request(RELEASE).await;
    let rest: Vec<u64> = within("all pages", cursor.items().try_collect()).await.unwrap();
    assert_eq!(rest, (3..=40).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_page_with_an_older_total_is_requested_again() {
    let pages = Pages::default();
    let server = pages.serve(5, |pages, page, earlier| {
        match page {
            // A result is added after pages 3 and 4 were answered and before page 2 is.
            2 => pages.wait_for(&[3, 4]),
            1 => return None,
            3 | 4 if earlier == 0 => return None,
            _ => {}
        }
        Some(page_of(page, 6))
    });
    let client = client(&server.url, "MadeUpKey");
    let mut items = client.pages::<u64>("/x").page_size(1).concurrency(3).items();
    let results: Vec<u64> = within("all pages", (&mut items).try_collect()).await.unwrap();
    assert_eq!(results, [1, 2, 3, 4, 5, 6]);
    assert!(items.total_changed());
    assert_eq!(pages.requests(3), 2);
}

#[tokio::test]
async fn a_concurrency_that_is_out_of_range_is_rejected_before_sending() {
    let server = Pages::default().serve(1, |_, _, _| None);
    let client = client(&server.url, "MadeUpKey");
    for concurrency in [0, 65, u32::MAX] {
        let error = client.pages::<Value>("/x").concurrency(concurrency).next().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert_eq!(error.to_string(), "the concurrency is not from 1 to 64");
        assert!(error.hint().ends_with("nothing was sent"));
    }
    assert!(server.requests().is_empty());
    assert!(client.pages::<Value>("/x").concurrency(64).next().await.unwrap().is_some());
}

#[tokio::test]
async fn dropping_the_pages_ends_all_requests() {
    let emulator = Emulator::start().unwrap();
    emulator
        .set_faults(
            r#"{"faults":[{"path":"/companies","skip":1,"count":9,"fault":"delay-before","milliseconds":600000}]}"#,
        )
        .unwrap();
    let client = client(emulator.base_url(), emulator.api_key());
    let mut pages = client.pages::<Value>("/companies").page_size(1).concurrency(3);
    assert!(pages.next().await.unwrap().is_some());
    let journal = async || {
        let journal = client.request(Method::GET, "/_emulator/journal").await.unwrap();
        journal.json::<Value>().unwrap()["requests"].as_array().unwrap().clone()
    };
    let all_arrived = async {
        while journal().await.len() < 4 {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    };
    tokio::select! {
        page = pages.next() => panic!("the response is delayed: {page:?}"),
        () = within("three requests", all_arrived) => {}
    }
    drop(pages);
    within("the end of all requests", async {
        while !journal().await[1..].iter().all(|entry| entry["ended"] == "client-closed") {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    })
    .await;
}
