//! The position in a paginated list of results.

use std::borrow::Cow;
use std::fmt;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use http::Method;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Number, Value};

use super::schedule::{MAX_CONCURRENCY, Schedule};
use crate::domain::mask_credentials;
use crate::error::{Error, ErrorKind};
use crate::handle::Handle;
use crate::request::RequestOptions;
use crate::response::Response;
use crate::wire::{Object, unreadable};

const DEFAULT_PAGE_SIZE: u32 = 100;
const LARGEST_PAGE_SIZE: u32 = 5000;
/// The maximum total number of results: 2^53 - 1, which is `Number.MAX_SAFE_INTEGER` in JavaScript. All languages of
/// this SDK have the same maximum.
const MAX_TOTAL: u64 = (1 << 53) - 1;

/// One page of a paginated list of results.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), codat_keys::Error> {
/// # let emulator = codat_keys_emulator::Emulator::start().unwrap();
/// # let (base_url, key) = (emulator.base_url(), codat_keys::ApiKey::parse(emulator.api_key())?);
/// # let client = codat_keys::Client::builder().base_url(base_url).api_key(key).build()?;
/// use codat_keys::Page;
///
/// let mut pages = client.pages("/companies").page_size(2);
/// let first: Page = pages.next().await?.expect("there is always a first page");
/// assert_eq!((first.results.len(), first.total_results), (2, 5));
/// assert_eq!(first.response.status(), codat_keys::StatusCode::OK);
/// # Ok(())
/// # }
/// ```
#[non_exhaustive]
#[derive(Clone)]
pub struct Page<T = Value> {
    /// The results on this page.
    pub results: Vec<T>,
    /// The number of results on all pages, as the response reports it.
    pub total_results: u64,
    /// The response that contains the page.
    pub response: Response,
}

/// The position in a paginated list of results. A cursor contains no client. The bindings for other languages pass a
/// client to the cursor for each page.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), codat_keys::Error> {
/// # let emulator = codat_keys_emulator::Emulator::start().unwrap();
/// # let (base_url, key) = (emulator.base_url(), codat_keys::ApiKey::parse(emulator.api_key())?);
/// # let client = codat_keys::Client::builder().base_url(base_url).api_key(key).build()?;
/// use codat_keys::internal::page_cursor;
///
/// let mut cursor = page_cursor(client.pages::<serde_json::Value>("/companies").page_size(2));
/// let first = cursor.next(&client).await?.expect("there is always a first page");
/// assert_eq!(first.results.len(), 2);
/// # Ok(())
/// # }
/// ```
pub struct PageCursor {
    pub(super) path: String,
    pub(super) page_size: u32,
    pub(super) parameters: Vec<(String, String)>,
    pub(super) max_response_bytes: Option<u64>,
    pub(super) schedule: Schedule<Response, Error>,
}

/// What [`PageCursor::take`] returns.
#[expect(clippy::large_enum_variant, reason = "the caller matches the value at once")]
pub(crate) enum Next<T> {
    Page(Page<T>),
    /// The next page has not arrived.
    Missing,
    /// The next page has arrived, but is outdated. The caller must drop all requests under way, and then request this
    /// page and the pages after it again.
    Outdated,
    /// There is no further page.
    End,
}

impl PageCursor {
    pub(super) fn new(path: &str) -> Self {
        let (path, page_size, parameters) = (path.to_owned(), DEFAULT_PAGE_SIZE, Vec::new());
        Self { path, page_size, parameters, max_response_bytes: None, schedule: Schedule::new(1) }
    }

    /// Returns a new cursor at the same page. The new cursor requests pages again that `self` has received but not
    /// returned.
    #[must_use]
    pub fn at_same_page(&self) -> Self {
        let Self { path, page_size, parameters, max_response_bytes, schedule } = self;
        Self {
            path: path.clone(),
            page_size: *page_size,
            parameters: parameters.clone(),
            max_response_bytes: *max_response_bytes,
            schedule: schedule.at_same_page(),
        }
    }

    /// Returns the number of the next page. The first page has the number 1.
    pub fn next_page(&self) -> u64 {
        self.schedule.next_page()
    }

    /// Returns true if the returned pages are inconsistent: results may be missing or duplicated. See
    /// [`Pages::total_changed`].
    ///
    /// [`Pages::total_changed`]: super::Pages::total_changed
    pub fn total_changed(&self) -> bool {
        self.schedule.total_changed()
    }

    /// Requests the next page and, up to the concurrency limit, the pages after it. Waits for all responses, so no
    /// request is under way when this function returns. A later function call can therefore use another async runtime.
    pub(crate) async fn request_pages(&mut self, client: &Handle) -> Result<(), Error> {
        // Requests of an earlier call were dropped if that call was dropped.
        self.schedule.abandon();
        let mut under_way = FuturesUnordered::new();
        while let Some((number, request)) = self.start()? {
            under_way.push(async move { (number, request.perform(client).await) });
        }
        while let Some((number, response)) = under_way.next().await {
            self.receive(number, response);
        }
        Ok(())
    }

    /// Returns the number of the next page to request, and the request for this page. Returns `None` if no page can be
    /// requested now.
    pub(super) fn start(&mut self) -> Result<Option<(u64, RequestOptions)>, Error> {
        let Some(number) = self.schedule.start() else { return Ok(None) };
        if let Err(error) = self.check() {
            self.schedule.abandon();
            return Err(error);
        }
        let mut query = vec![("page".into(), number.to_string()), ("pageSize".into(), self.page_size.to_string())];
        query.extend_from_slice(&self.parameters);
        let mut request = RequestOptions::new(Method::GET, &self.path, query);
        request.max_response_bytes = self.max_response_bytes;
        Ok(Some((number, request)))
    }

    pub(super) fn receive(&mut self, number: u64, response: Result<Response, Error>) {
        let rate_limited = match &response {
            Ok(response) => response.0.was_rate_limited,
            Err(error) => error.kind() == ErrorKind::RateLimited,
        };
        self.schedule.receive(number, response, rate_limited);
    }

    /// Parses the next page, and moves to the page after it. An error leaves the position unchanged.
    pub(crate) fn take<T: DeserializeOwned>(&mut self) -> Result<Next<T>, Error> {
        let Some(response) = self.take_response()? else {
            return Ok(if self.schedule.is_finished() { Next::End } else { Next::Missing });
        };
        let page = parse_page(response).inspect_err(|_| self.reject())?;
        Ok(match self.accept(page.results.len() as u64, page.total_results) {
            true => Next::Page(page),
            false => Next::Outdated,
        })
    }

    /// Returns the response with the next page, if it has arrived. The caller parses the response, and then calls
    /// [`accept`](Self::accept) or [`reject`](Self::reject).
    pub(crate) fn take_response(&mut self) -> Result<Option<Response>, Error> {
        self.schedule.take().transpose().inspect_err(|_| self.reject())
    }

    /// Returns true after the last page.
    pub(crate) fn is_finished(&self) -> bool {
        self.schedule.is_finished()
    }

    /// Records that the next page was received. `results` is the number of results on this page. `total` is the number
    /// of results on all pages, as this page reports it. Returns true if the page is accepted: the cursor then moves to
    /// the following page. Returns false if the page is outdated and must be requested again.
    #[must_use]
    pub fn accept(&mut self, results: u64, total: u64) -> bool {
        self.schedule.accept(results, total)
    }

    /// Records that the next page could not be parsed. The page is then requested again.
    pub fn reject(&mut self) {
        self.schedule.fail();
    }

    fn check(&self) -> Result<(), Error> {
        let refuse =
            |what: &'static str, hint: &'static str| Err(Error::new(ErrorKind::InvalidInput, what).with_hint(hint));
        if !(1..=LARGEST_PAGE_SIZE).contains(&self.page_size) {
            return refuse("the page size is not from 1 to 5000", "choose one in this range; nothing was sent");
        }
        if !(1..=MAX_CONCURRENCY).contains(&self.schedule.concurrency()) {
            return refuse("the concurrency is not from 1 to 64", "choose one in this range; nothing was sent");
        }
        let query = self.path.split_once('?').map_or("", |(_, query)| query);
        let in_path = url::form_urlencoded::parse(query.as_bytes()).map(|(name, _)| name);
        let given = self.parameters.iter().map(|(name, _)| name.as_str().into());
        let counts = |name: &str| ["page", "pageSize"].iter().any(|own| own.eq_ignore_ascii_case(name));
        if in_path.chain(given).any(|name: Cow<'_, str>| counts(&name)) {
            return refuse(
                "`page` or `pageSize` is among the parameters",
                "leave them out: the pages are counted here",
            );
        }
        Ok(())
    }
}

/// Parses the response with a page.
///
/// # Errors
/// `BadResponse` if the response is not a page of `T`.
pub fn parse_page<T: DeserializeOwned>(response: Response) -> Result<Page<T>, Error> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Body<T> {
        results: Vec<T>,
        total_results: Number,
    }
    let Object(Body { results, total_results }) = response.json()?;
    let total_results = count(&total_results).ok_or_else(|| {
        unreadable(&response.0, &format!("its `totalResults` is not a whole number from 0 to {MAX_TOTAL}"))
    })?;
    Ok(Page { results, total_results, response })
}

/// Converts a JSON number to a number of results. Accepts a whole number with a decimal point or an exponent, such as
/// `2.0`.
fn count(number: &Number) -> Option<u64> {
    let whole = number.as_f64().filter(|float| *float >= 0.0 && float.fract() == 0.0).map(|float| float as u64);
    number.as_u64().or(whole).filter(|count| *count <= MAX_TOTAL)
}

impl fmt::Debug for PageCursor {
    /// Omits the query parameters, which may contain secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.split('?').next().unwrap_or_default();
        f.debug_struct("PageCursor")
            .field("path", &mask_credentials(path))
            .field("next_page", &self.schedule.next_page())
            .finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for Page<T> {
    /// Omits the results, which may contain keys.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Page")
            .field("results", &self.results.len())
            .field("total_results", &self.total_results)
            .finish_non_exhaustive()
    }
}
