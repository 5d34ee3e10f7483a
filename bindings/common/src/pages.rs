//! The options and the cursor of a paginated list.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{self, Arc, PoisonError};

use codat_keys::{Client, Error, Page, Pages, Response, internal};
use serde::de::IgnoredAny;
use tokio::sync::{Mutex, OwnedMutexGuard};

/// A page, and the position of the page after it.
pub type PageAndPosition = (Page<IgnoredAny>, Box<internal::PageCursor>);

/// The cursor of a paginated list, such as the list of companies. It stores which page is requested next.
#[derive(Clone)]
pub struct PageCursor(Arc<Shared>);

struct Shared {
    cursor: Arc<Mutex<internal::PageCursor>>,
    /// The guard that keeps `cursor` locked from [`next_response`](PageCursor::next_response) until the caller has
    /// parsed the page.
    unparsed: sync::Mutex<Option<OwnedMutexGuard<internal::PageCursor>>>,
    /// A copy of the value that the method `total_changed` of `cursor` returns. While a page is requested, `cursor` is
    /// locked. This copy can be read without the lock.
    total_changed: AtomicBool,
}

/// The options of a paginated list.
#[derive(Default)]
pub struct PageOptions {
    /// The number of results of a page.
    pub page_size: Option<u32>,
    /// A query in Codat's query language.
    pub query: Option<String>,
    /// The property that orders the results.
    pub order_by: Option<String>,
    /// The maximum number of pages that are requested at the same time.
    pub concurrency: Option<u32>,
    /// The maximum size of a page in bytes. `None` for the limit of the client.
    pub max_response_bytes: Option<u64>,
}

impl PageCursor {
    /// Creates a cursor. The first page that the cursor requests is the page at `position`.
    pub fn new(position: internal::PageCursor) -> Self {
        let total_changed = AtomicBool::new(position.total_changed());
        let cursor = Arc::new(Mutex::new(position));
        Self(Arc::new(Shared { cursor, unparsed: sync::Mutex::default(), total_changed }))
    }

    /// Returns true if the returned pages are inconsistent: results may be missing or duplicated. This is the case if,
    /// for example, the total number of results has changed. Does not wait for a page that is being requested.
    pub fn total_changed(&self) -> bool {
        self.0.total_changed.load(Ordering::Relaxed)
    }

    /// Requests the next page, and returns its response without parsing it. The caller parses the page and then calls
    /// [`accept`](Self::accept) or [`reject`](Self::reject). Until then, other calls with this cursor wait.
    pub(crate) async fn next_response(&self, client: &Client) -> Result<Option<Response>, Error> {
        let mut cursor = Arc::clone(&self.0.cursor).lock_owned().await;
        let response = cursor.next_response(client).await?;
        if response.is_some() {
            *self.unparsed() = Some(cursor);
        }
        Ok(response)
    }

    /// Moves to the page after the parsed page. `results` is the number of results on the parsed page. `total` is the
    /// total number of results on all pages, as the parsed page reports it. Returns false if the parsed page is
    /// outdated. In this case, the caller drops the parsed page, and requests the same page again.
    pub fn accept(&self, results: u64, total: u64) -> bool {
        self.unparsed().take().is_some_and(|mut cursor| {
            let is_accepted = cursor.accept(results, total);
            self.0.total_changed.store(cursor.total_changed(), Ordering::Relaxed);
            is_accepted
        })
    }

    /// Records that the caller could not parse the page. The next call with this cursor requests the page again.
    pub fn reject(&self) {
        if let Some(mut cursor) = self.unparsed().take() {
            cursor.reject();
        }
    }

    fn unparsed(&self) -> sync::MutexGuard<'_, Option<OwnedMutexGuard<internal::PageCursor>>> {
        self.0.unparsed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Requests the next page. Returns the page, and the position of the page after it.
    pub(crate) async fn next(&self, client: &Client) -> Result<Option<PageAndPosition>, Error> {
        let mut cursor = self.0.cursor.lock().await;
        let page = cursor.next(client).await;
        self.0.total_changed.store(cursor.total_changed(), Ordering::Relaxed);
        Ok(page?.map(|page| (page, Box::new(cursor.at_same_page()))))
    }
}

impl PageOptions {
    /// Applies these options to the paginated list `pages`, and returns the position of its first page.
    pub fn first_page<C>(self, pages: Pages<IgnoredAny, C>) -> internal::PageCursor {
        let Self { page_size, query, order_by, concurrency, max_response_bytes } = self;
        let pages = if let Some(size) = page_size { pages.page_size(size) } else { pages };
        let pages = if let Some(query) = query { pages.query(query) } else { pages };
        let pages = if let Some(order) = order_by { pages.order_by(order) } else { pages };
        let pages = if let Some(number) = concurrency { pages.concurrency(number) } else { pages };
        let pages = if let Some(bytes) = max_response_bytes { pages.max_response_bytes(bytes) } else { pages };
        internal::page_cursor(pages)
    }
}
