//! The pages of a paginated list of results.

mod cursor;
mod items;
mod schedule;
#[cfg(test)]
mod schedule_tests;

use std::fmt;
use std::future::poll_fn;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::error::Error;
use crate::handle::Handle;
use crate::response::Response;

pub(crate) use cursor::Next;
pub use cursor::{Page, PageCursor, parse_page};
pub use items::Items;

/// The pages of a paginated list of results. Returned by [`Client::pages`](crate::Client::pages).
///
/// `Pages` is a [`Stream`] of pages. After an error, the stream yields `None` once. The next poll requests the failed
/// page again. The method [`next`](Self::next) returns one page, and needs no import of a stream trait.
/// [`items`](Self::items) returns the results one at a time.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), codat_keys::Error> {
/// # let emulator = codat_keys_emulator::Emulator::start().unwrap();
/// # let (base_url, key) = (emulator.base_url(), codat_keys::ApiKey::parse(emulator.api_key())?);
/// # let client = codat_keys::Client::builder().base_url(base_url).api_key(key).build()?;
/// use futures_util::TryStreamExt;
///
/// #[derive(serde::Deserialize)]
/// struct Company {
///     name: String,
/// }
///
/// let mut pages = client.pages::<Company>("/companies").page_size(2).query("name~Example").order_by("-name");
/// let mut names = Vec::new();
/// while let Some(page) = pages.next().await? {
///     names.extend(page.results.into_iter().map(|company| company.name));
/// }
/// assert_eq!(names.len(), 5);
///
/// // As a stream, with results as JSON:
/// let pages: Vec<_> = client.pages::<serde_json::Value>("/companies").page_size(2).try_collect().await?;
/// assert_eq!(pages.len(), 3);
/// # Ok(())
/// # }
/// ```
#[must_use = "nothing is sent until a page is requested"]
pub struct Pages<T = Value, C = Handle> {
    pub(crate) client: C,
    pub(crate) cursor: PageCursor,
    /// Whether the previous item of the stream or iterator was an error. The next item is then `None`.
    pub(crate) has_failed: bool,
    under_way: FuturesUnordered<PageRequest>,
    results: PhantomData<fn() -> T>,
}

/// A request for a page. The future resolves to the number of the page and the response.
type PageRequest = Pin<Box<dyn Future<Output = (u64, Result<Response, Error>)> + Send>>;

impl<T, C> Pages<T, C> {
    pub(crate) fn new(client: C, path: &str) -> Self {
        let (cursor, under_way) = (PageCursor::new(path), FuturesUnordered::new());
        Self { client, cursor, has_failed: false, under_way, results: PhantomData }
    }

    /// Sets the number of results on a page, from 1 to 5000 (Codat's limit). Default: 100.
    pub fn page_size(mut self, results: u32) -> Self {
        self.cursor.page_size = results;
        self
    }

    /// Sets the maximum number of pages that are requested at the same time, from 1 to 64. Default: 1.
    ///
    /// The first page is requested alone, because its response contains the total number of results. Then up to `pages`
    /// pages are requested at the same time. The pages are returned in order. At most `pages` pages are in memory,
    /// including the page that was returned last. Dropping the `Pages` value cancels all requests.
    ///
    /// Each page is retried separately. If a page fails, the pages before it are returned first, and then the error. A
    /// later call of [`next`](Self::next) requests the failed page again.
    ///
    /// If Codat responds with 429 to the request for a page, the maximum is halved. Each later page without a 429
    /// raises the maximum by one, up to `pages`. Codat accepts 10 concurrent requests for each company.
    ///
    /// Requests make progress only while a page is awaited. The blocking iterator requests up to `pages` pages together
    /// and waits for all of them. No request is under way while the program uses a page of the blocking iterator.
    pub fn concurrency(mut self, pages: u32) -> Self {
        self.cursor.schedule.set_concurrency(pages);
        self
    }

    /// Sets a filter in Codat's query language, such as `status=Linked`. The filter applies to every page. Default: no
    /// filter.
    pub fn query(self, query: impl Into<String>) -> Self {
        self.param("query", query.into())
    }

    /// Sets the order of the results, such as `name` or `-name`. The order applies to every page. Default: Codat's
    /// order.
    pub fn order_by(self, order: impl Into<String>) -> Self {
        self.param("orderBy", order.into())
    }

    /// Adds a query parameter to the URL of every page. The name and the value are percent-encoded.
    pub fn param(mut self, name: impl Into<String>, value: impl ToString) -> Self {
        self.cursor.parameters.push((name.into(), value.to_string()));
        self
    }

    /// Sets the maximum size of a page in bytes. See [`Request::max_response_bytes`](crate::Request::max_response_bytes).
    pub fn max_response_bytes(mut self, bytes: u64) -> Self {
        self.cursor.max_response_bytes = Some(bytes);
        self
    }

    /// Returns true if the pages are inconsistent: results may be missing or duplicated. This is the case if
    /// - the total number of results has changed since the first page: two consecutive pages reported different totals;
    /// - a page has more results than the page before it, or a page other than the last one has fewer;
    /// - the pages together have more or fewer results than the total that the last page reports.
    ///
    /// Codat numbers pages by the position of their results and keeps no snapshot. When results are added or removed
    /// during the iteration, the results after them move. A result can then be on two pages or on none. If the order
    /// puts new results at the end, added results move no other results. For companies, `created` is such an order.
    /// Changes that leave the total the same are not detected.
    ///
    /// With a [`concurrency`](Self::concurrency) of more than 1, a page can be older than the page before it. If the
    /// two pages report different totals, the second page and all pages after it are requested again.
    pub fn total_changed(&self) -> bool {
        self.cursor.total_changed()
    }

    /// Returns the results of all pages, one at a time.
    pub fn items(self) -> Items<T, C> {
        Items::new(self)
    }
}

/// Returns the position of `pages`. Drops the client of `pages`.
pub fn page_cursor<T, C>(pages: Pages<T, C>) -> PageCursor {
    pages.cursor
}

impl<T: DeserializeOwned> Pages<T> {
    /// Requests and returns the next page, or `None` after the last page. The rules for retries are those of
    /// [`Client::request`](crate::Client::request). After an error, the next call of this method requests the failed
    /// page again.
    ///
    /// If the future is dropped before it completes, the request is not cancelled. The next call of this method waits
    /// for the response.
    ///
    /// # Errors
    /// As [`Client::request`](crate::Client::request). Also `InvalidInput`, with nothing sent, if the page size is out
    /// of range, or if a parameter is named `page` or `pageSize`. `BadResponse` if the response is not a page of `T`,
    /// or if its total number of results is negative, fractional or above 2^53 - 1.
    pub async fn next(&mut self) -> Result<Option<Page<T>>, Error> {
        self.has_failed = false;
        poll_fn(|context| self.poll_page(context)).await
    }

    fn poll_page(&mut self, context: &mut Context<'_>) -> Poll<Result<Option<Page<T>>, Error>> {
        loop {
            while let Some((number, request)) = self.cursor.start()? {
                let client = self.client.clone();
                self.under_way.push(Box::pin(async move { (number, request.perform(&client).await) }));
            }
            while let Poll::Ready(Some((number, response))) = self.under_way.poll_next_unpin(context) {
                self.cursor.receive(number, response);
            }
            match self.cursor.take()? {
                Next::Page(page) => return Poll::Ready(Ok(Some(page))),
                Next::Missing => return Poll::Pending,
                Next::Outdated => self.under_way.clear(),
                Next::End => {
                    // Pages after the last one are under way if the total became smaller.
                    self.under_way.clear();
                    return Poll::Ready(Ok(None));
                }
            }
        }
    }
}

impl<T: DeserializeOwned> Stream for Pages<T> {
    type Item = Result<Page<T>, Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if std::mem::take(&mut self.has_failed) {
            return Poll::Ready(None);
        }
        let page = ready!(self.poll_page(context));
        self.has_failed = page.is_err();
        Poll::Ready(page.transpose())
    }
}

impl<T, C: fmt::Debug> fmt::Debug for Pages<T, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pages").field("client", &self.client).field("cursor", &self.cursor).finish_non_exhaustive()
    }
}
