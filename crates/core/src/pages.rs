//! Paged resources, page by page.

use serde::Deserialize;
use serde_json::Value;

use crate::client::Client;
use crate::error::Error;
use crate::request::Response;

const DEFAULT_PAGE_SIZE: u32 = 100;

/// The pages of a resource, from the first on: [`Client::pages`].
///
/// ```no_run
/// # async fn example(client: codat_keys::Client) -> Result<(), codat_keys::Error> {
/// let mut pages = client.pages("/companies").page_size(500).query("status=Linked");
/// while let Some(page) = pages.next().await? {
///     for company in page.results {
///         println!("{}", company["name"]);
///     }
/// }
/// # Ok(())
/// # }
/// ```
#[must_use = "nothing is sent until `next` is called"]
#[derive(Debug)]
pub struct Pages<'a> {
    client: &'a Client,
    path: String,
    page_size: u32,
    query: Option<String>,
    order_by: Option<String>,
    next_page: Option<u64>,
    seen: u64,
}

/// One page.
#[non_exhaustive]
#[derive(Clone, Debug)]
pub struct Page {
    /// What the page holds, as JSON.
    pub results: Vec<Value>,
    /// How many there are on all pages together.
    pub total_results: u64,
    /// The answer itself.
    pub response: Response,
}

impl<'a> Pages<'a> {
    pub(crate) fn new(client: &'a Client, path: &str) -> Self {
        let page_size = DEFAULT_PAGE_SIZE;
        Self { client, path: path.to_owned(), page_size, query: None, order_by: None, next_page: Some(1), seen: 0 }
    }

    /// How many results a page holds, at most 5000 (Codat's limit). Default: 100.
    pub fn page_size(mut self, results: u32) -> Self {
        self.page_size = results;
        self
    }

    /// Codat's query language, `status=Linked`; kept on every page. Default: none.
    pub fn query(mut self, query: impl Into<String>) -> Self {
        self.query = Some(query.into());
        self
    }

    /// The order, `name` or `-name`; kept on every page. Default: Codat's.
    pub fn order_by(mut self, order: impl Into<String>) -> Self {
        self.order_by = Some(order.into());
        self
    }

    /// The next page, or `None` after the last one. Retried as [`Client::request`]; after an error the same page is asked
    /// for again.
    ///
    /// # Errors
    /// As [`Client::request`]; `BadResponse` for an answer that is not paged.
    pub async fn next(&mut self) -> Result<Option<Page>, Error> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Answer {
            results: Vec<Value>,
            total_results: u64,
        }
        let Some(number) = self.next_page else { return Ok(None) };
        let mut request = self.client.request(http::Method::GET, &self.path);
        request = request.query("page", number).query("pageSize", self.page_size);
        for (name, value) in [("query", &self.query), ("orderBy", &self.order_by)] {
            if let Some(value) = value {
                request = request.query(name, value);
            }
        }
        let response = request.await?;
        let Answer { results, total_results } = response.json()?;
        self.seen += results.len() as u64;
        // An empty page is the last one, whatever the total says: it may have shrunk meanwhile.
        let is_last = results.is_empty() || self.seen >= total_results;
        self.next_page = if is_last { None } else { Some(number + 1) };
        Ok(Some(Page { results, total_results, response }))
    }
}
