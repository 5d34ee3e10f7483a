//! The options and the cursor of a paginated list.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use codat_keys::{Client, Error, Page, Pages, internal};
use serde::de::IgnoredAny;
use tokio::sync::Mutex;

/// The cursor of a paginated list, such as the list of companies. It stores which page is requested next.
#[derive(Clone)]
pub struct PageCursor(Arc<Shared>);

struct Shared {
    cursor: Mutex<internal::PageCursor>,
    /// A copy of the value `total_changed` of `cursor`. While a page is requested, `cursor` is locked, but this copy
    /// can be read.
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
    /// Returns a cursor that starts at the first page of `pages`.
    pub fn new<C>(pages: Pages<IgnoredAny, C>, options: PageOptions) -> Self {
        let PageOptions { page_size, query, order_by, concurrency, max_response_bytes } = options;
        let pages = if let Some(size) = page_size { pages.page_size(size) } else { pages };
        let pages = if let Some(query) = query { pages.query(query) } else { pages };
        let pages = if let Some(order) = order_by { pages.order_by(order) } else { pages };
        let pages = if let Some(number) = concurrency { pages.concurrency(number) } else { pages };
        let pages = if let Some(bytes) = max_response_bytes { pages.max_response_bytes(bytes) } else { pages };
        let cursor = Mutex::new(internal::page_cursor(pages));
        Self(Arc::new(Shared { cursor, total_changed: AtomicBool::new(false) }))
    }

    /// Returns true if two consecutive pages reported different total numbers of results. Does not wait for a page that
    /// is being requested.
    pub fn total_changed(&self) -> bool {
        self.0.total_changed.load(Ordering::Relaxed)
    }

    pub(crate) async fn next(&self, client: &Client) -> Result<Option<Page<IgnoredAny>>, Error> {
        let mut cursor = self.0.cursor.lock().await;
        let page = cursor.next(client).await;
        self.0.total_changed.store(cursor.total_changed(), Ordering::Relaxed);
        page
    }
}
