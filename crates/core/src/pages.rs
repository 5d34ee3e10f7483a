//! The iterator over the pages of a paginated resource.

use std::fmt;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::{Number, Value};

use crate::domain::mask_credentials;
use crate::error::{Error, ErrorKind};
use crate::handle::Handle;
use crate::request::Request;
use crate::response::Response;

const DEFAULT_PAGE_SIZE: u32 = 100;
const LARGEST_PAGE_SIZE: u32 = 5000;

/// The pages of a paginated resource, starting with the first one. Returned by [`Client::pages`](crate::Client::pages).
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), codat_keys::Error> {
/// # let emulator = codat_keys_emulator::Emulator::start().unwrap();
/// # let (base_url, key) = (emulator.base_url(), codat_keys::ApiKey::parse(emulator.api_key())?);
/// # let client = codat_keys::Client::builder().base_url(base_url).api_key(key).build()?;
/// let mut pages = client.pages("/companies").page_size(2).query("name~Example").order_by("-name");
/// let mut names = Vec::new();
/// while let Some(page) = pages.next().await? {
///     names.extend(page.results.into_iter().map(|company| company["name"].to_string()));
/// }
/// assert_eq!(names.len(), 5);
/// # Ok(())
/// # }
/// ```
#[must_use = "nothing is sent until `next` is called"]
#[derive(Debug)]
pub struct Pages<'a, C = Handle> {
    pub(crate) client: &'a C,
    pub(crate) cursor: PageCursor,
}

/// The position in a paginated resource. The position does not borrow a client, because bindings cannot hold a borrowed
/// client.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), codat_keys::Error> {
/// # let emulator = codat_keys_emulator::Emulator::start().unwrap();
/// # let (base_url, key) = (emulator.base_url(), codat_keys::ApiKey::parse(emulator.api_key())?);
/// # let client = codat_keys::Client::builder().base_url(base_url).api_key(key).build()?;
/// let mut cursor = client.pages("/companies").page_size(2).into_cursor();
/// let first = cursor.next(&client).await?.expect("there is always a first page");
/// assert_eq!(first.results.len(), 2);
/// # Ok(())
/// # }
/// ```
pub struct PageCursor {
    path: String,
    page_size: u32,
    parameters: Vec<(String, String)>,
    next_page: Option<u64>,
    seen: u64,
}

/// One page of a paginated resource.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), codat_keys::Error> {
/// # let emulator = codat_keys_emulator::Emulator::start().unwrap();
/// # let (base_url, key) = (emulator.base_url(), codat_keys::ApiKey::parse(emulator.api_key())?);
/// # let client = codat_keys::Client::builder().base_url(base_url).api_key(key).build()?;
/// let first = client.pages("/companies").page_size(2).next().await?.expect("there is always a first page");
/// assert_eq!((first.results.len(), first.total_results), (2, 5));
/// assert_eq!(first.response.status(), codat_keys::StatusCode::OK);
/// # Ok(())
/// # }
/// ```
#[non_exhaustive]
#[derive(Clone)]
pub struct Page {
    /// The results on this page, as JSON.
    pub results: Vec<Value>,
    /// The number of results on all pages together.
    pub total_results: u64,
    /// The response that contains the page.
    pub response: Response,
}

impl<'a, C> Pages<'a, C> {
    /// Returns the position in the resource, without the client.
    #[doc(hidden)]
    pub fn into_cursor(self) -> PageCursor {
        self.cursor
    }

    pub(crate) fn new(client: &'a C, path: &str) -> Self {
        let (path, page_size, parameters) = (path.to_owned(), DEFAULT_PAGE_SIZE, Vec::new());
        Self { client, cursor: PageCursor { path, page_size, parameters, next_page: Some(1), seen: 0 } }
    }

    /// Sets the number of results on a page, from 1 to 5000 (Codat's limit). Default: 100.
    pub fn page_size(mut self, results: u32) -> Self {
        self.cursor.page_size = results;
        self
    }

    /// Sets a filter in Codat's query language, such as `status=Linked`. The filter applies to every page. Default: no
    /// filter.
    pub fn query(self, query: impl Into<String>) -> Self {
        self.parameter("query", query)
    }

    /// Sets the order of the results, such as `name` or `-name`. The order applies to every page. Default: Codat's
    /// order.
    pub fn order_by(self, order: impl Into<String>) -> Self {
        self.parameter("orderBy", order)
    }

    /// Adds any other query parameter to the request for every page.
    pub fn parameter(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.cursor.parameters.push((name.into(), value.into()));
        self
    }
}

impl Pages<'_> {
    /// Requests and returns the next page, or `None` after the last one. Retries work as for
    /// [`Client::request`](crate::Client::request). After an error, calling `next` again requests the same page.
    ///
    /// # Errors
    /// As [`Client::request`](crate::Client::request). Also `InvalidInput`, with nothing sent, for a page size out of
    /// range, or a parameter `page` or `pageSize`. `BadResponse` for a response that is not a page.
    pub async fn next(&mut self) -> Result<Option<Page>, Error> {
        self.cursor.next_page(self.client).await
    }
}

impl PageCursor {
    /// Ends the iteration. Iterators use this method to end after an error.
    pub(crate) fn end(&mut self) {
        self.next_page = None;
    }

    pub(crate) async fn next_page(&mut self, client: &Handle) -> Result<Option<Page>, Error> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Answer {
            results: Vec<Value>,
            #[serde(deserialize_with = "count")]
            total_results: u64,
        }
        let Some(number) = self.next_page else { return Ok(None) };
        self.check()?;
        let mut request = Request::new(client, http::Method::GET, &self.path);
        request = request.query("page", number).query("pageSize", self.page_size);
        for (name, value) in &self.parameters {
            request = request.query(name, value);
        }
        let response = request.await?;
        let Answer { results, total_results } = response.json()?;
        self.seen += results.len() as u64;
        // An empty page is the last page, even if fewer results than the total have been received: results may have
        // been deleted since an earlier page.
        let is_last = results.is_empty() || self.seen >= total_results;
        self.next_page = if is_last { None } else { Some(number + 1) };
        Ok(Some(Page { results, total_results, response }))
    }

    fn check(&self) -> Result<(), Error> {
        let refuse =
            |what: &'static str, hint: &'static str| Err(Error::new(ErrorKind::InvalidInput, what).with_hint(hint));
        if !(1..=LARGEST_PAGE_SIZE).contains(&self.page_size) {
            return refuse("the page size is not from 1 to 5000", "choose one in this range; nothing was sent");
        }
        let query = self.path.split_once('?').map_or("", |(_, query)| query);
        let in_path = url::form_urlencoded::parse(query.as_bytes()).map(|(name, _)| name);
        let given = self.parameters.iter().map(|(name, _)| name.as_str().into());
        let counts = |name: &str| ["page", "pageSize"].iter().any(|own| own.eq_ignore_ascii_case(name));
        if in_path.chain(given).any(|name: std::borrow::Cow<'_, str>| counts(&name)) {
            return refuse(
                "`page` or `pageSize` is among the parameters",
                "leave them out: the pages are counted here",
            );
        }
        Ok(())
    }
}

/// Deserializes a count. A count greater than `u64::MAX` becomes `u64::MAX`.
fn count<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let number = Number::deserialize(deserializer)?;
    let float = number.as_f64().filter(|float| *float >= 0.0 && float.fract() == 0.0);
    number.as_u64().or(float.map(|float| float as u64)).ok_or_else(|| D::Error::custom("no count"))
}

impl fmt::Debug for PageCursor {
    /// Omits the parameters, which may contain secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.split('?').next().unwrap_or_default();
        f.debug_struct("PageCursor")
            .field("path", &mask_credentials(path))
            .field("next_page", &self.next_page)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Page {
    /// Omits the results, which may contain keys.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Page")
            .field("results", &self.results.len())
            .field("total_results", &self.total_results)
            .finish_non_exhaustive()
    }
}
