//! Iteration over the results of all pages, one result at a time.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::vec;

use futures_core::Stream;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::Pages;
use crate::error::Error;
use crate::handle::Handle;

/// The results of all pages, one at a time. Returned by [`Pages::items`]. By default, the next page is requested only
/// after the last result of the current page was returned.
///
/// `Items` is a [`Stream`] of results. After an error, the stream yields `None` once. The next poll requests the failed
/// page again.
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
/// let mut companies = client.pages::<Company>("/companies").page_size(2).items();
/// while let Some(company) = companies.next().await? {
///     println!("{}", company.name);
/// }
///
/// let companies: Vec<Company> = client.pages("/companies").items().try_collect().await?; // as a stream
/// assert_eq!(companies.len(), 5);
/// # Ok(())
/// # }
/// ```
#[must_use = "nothing is sent until a result is requested"]
pub struct Items<T = Value, C = Handle> {
    pub(crate) pages: Pages<T, C>,
    /// The remaining results of the current page.
    pub(crate) page: vec::IntoIter<T>,
}

impl<T, C> Items<T, C> {
    pub(super) fn new(pages: Pages<T, C>) -> Self {
        Self { pages, page: Vec::new().into_iter() }
    }

    /// Returns true if the pages are inconsistent: results may be missing or duplicated. This is the case if, for
    /// example, the total number of results has changed since the first page. See [`Pages::total_changed`].
    pub fn total_changed(&self) -> bool {
        self.pages.total_changed()
    }
}

impl<T: DeserializeOwned> Items<T> {
    /// Returns the next result, or `None` after the last one. After an error, the next call of this method requests the
    /// failed page again.
    ///
    /// # Errors
    /// As [`Pages::next`].
    pub async fn next(&mut self) -> Result<Option<T>, Error> {
        loop {
            if let Some(result) = self.page.next() {
                return Ok(Some(result));
            }
            let Some(page) = self.pages.next().await? else { return Ok(None) };
            self.page = page.results.into_iter();
        }
    }
}

impl<T: DeserializeOwned> Stream for Items<T> {
    type Item = Result<T, Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            if let Some(result) = self.page.next() {
                return Poll::Ready(Some(Ok(result)));
            }
            match ready!(Pin::new(&mut self.pages).poll_next(context)) {
                Some(Ok(page)) => self.page = page.results.into_iter(),
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => return Poll::Ready(None),
            }
        }
    }
}

/// `Items` never pins the results, so `T` does not need to be `Unpin`.
impl<T, C> Unpin for Items<T, C> {}

impl<T, C: fmt::Debug> fmt::Debug for Items<T, C> {
    /// Omits the results, which may contain keys.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Items").field("pages", &self.pages).finish_non_exhaustive()
    }
}
