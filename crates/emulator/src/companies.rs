//! `GET /companies`: pagination, filtering and sorting of generated companies.

use axum::http::StatusCode;
use serde::Serialize;

use crate::wire::{ApiError, ApiResponse};

const DEFAULT_PAGE_SIZE: usize = 100;
const MAX_PAGE_SIZE: usize = 5000;

/// A company in a response. The fields `lastSync` and `description` are absent. They could only be null, and the
/// official TypeScript SDK rejects null in these fields.
#[derive(Serialize)]
struct Company {
    id: String,
    name: String,
    redirect: String,
    created: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Page<'a> {
    results: &'a [Company],
    page_number: usize,
    page_size: usize,
    total_results: usize,
    #[serde(rename = "_links")]
    links: Links,
}

#[derive(Serialize)]
struct Links {
    current: Link,
    #[serde(rename = "self")]
    this: Link,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<Link>,
    #[serde(skip_serializing_if = "Option::is_none")]
    previous: Option<Link>,
}

#[derive(Serialize)]
struct Link {
    href: String,
}

pub(crate) fn list(companies: u32, query: Option<&str>) -> Result<ApiResponse, ApiError> {
    let parameters = Parameters::parse(query.unwrap_or_default());
    let page = parameters.number("page", 1, i32::MAX as usize)?;
    let page_size = parameters.number("pageSize", DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE)?;
    let mut companies: Vec<Company> = (1..=companies).map(Company::new).collect();
    if let Some(query) = parameters.get("query") {
        let clauses = query.split("&&").map(Clause::parse).collect::<Result<Vec<_>, _>>()?;
        companies.retain(|company| clauses.iter().all(|clause| clause.matches(company)));
    }
    if let Some(order) = parameters.get("orderBy") {
        sort(&mut companies, order)?;
    }
    let total = companies.len();
    let start = (page - 1).saturating_mul(page_size).min(total);
    let end = start.saturating_add(page_size).min(total);
    let page = Page {
        results: &companies[start..end],
        page_number: page,
        page_size,
        total_results: total,
        links: parameters.links(page, page_size, end < total),
    };
    Ok(ApiResponse::json(StatusCode::OK, &page))
}

impl Company {
    /// Creates the company with the given number. Companies do not depend on the seed. Their names contain the number
    /// with leading zeros, so that sorting by name gives the order of the numbers.
    fn new(number: u32) -> Company {
        let id = format!("c0da7000-0000-4000-8000-{number:012}");
        Company {
            name: format!("Example Company {number:05}"),
            redirect: format!("https://link.codat.io/company/{id}"),
            created: format!("2026-01-01T{:02}:{:02}:{:02}Z", number / 3600, number / 60 % 60, number % 60),
            id,
        }
    }
}

type Property = fn(&Company) -> &str;

fn property(name: &str) -> Result<Property, ApiError> {
    match name {
        "id" => Ok(|company| &company.id),
        "name" => Ok(|company| &company.name),
        "created" => Ok(|company| &company.created),
        _ => Err(malformed(&format!("Could not resolve property {name} on Company"))),
    }
}

fn malformed(reason: &str) -> ApiError {
    ApiError::bad_request(format!("Error parsing query - {reason}"))
}

/// A comparison in Codat's query language, such as `name ~ example`. The operators are `=`, `!=` and `~` ("contains").
struct Clause<'a> {
    property: Property,
    operator: &'a str,
    value: String,
}

impl<'a> Clause<'a> {
    fn parse(text: &'a str) -> Result<Clause<'a>, ApiError> {
        let operator = ["!=", "=", "~"].into_iter().find(|operator| text.contains(operator));
        let operator = operator.ok_or_else(|| malformed("Malformed query."))?;
        let (name, value) = text.split_once(operator).ok_or_else(|| malformed("Malformed query."))?;
        Ok(Clause { property: property(name.trim())?, operator, value: value.trim().to_lowercase() })
    }

    fn matches(&self, company: &Company) -> bool {
        let actual = (self.property)(company).to_lowercase();
        match self.operator {
            "=" => actual == self.value,
            "!=" => actual != self.value,
            _ => actual.contains(&self.value),
        }
    }
}

/// Sorts companies by the property that `order` names. A leading `-` sorts in descending order.
fn sort(companies: &mut [Company], order: &str) -> Result<(), ApiError> {
    let name = order.trim_start_matches('-');
    let property = property(name)?;
    companies.sort_by(|one, other| property(one).cmp(property(other)));
    if name != order {
        companies.reverse();
    }
    Ok(())
}

struct Parameters(Vec<(String, String)>);

impl Parameters {
    fn parse(query: &str) -> Parameters {
        Parameters(form_urlencoded::parse(query.as_bytes()).into_owned().collect())
    }

    /// Returns the first value of the query parameter `name`. Returns `None` if the value is empty.
    fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(given, value)| given == name && !value.is_empty()).map(|(_, value)| value.as_str())
    }

    /// Returns the value of the numeric query parameter `name`. Returns `default` if the parameter is absent. An empty
    /// value is an error.
    fn number(&self, name: &str, default: usize, max: usize) -> Result<usize, ApiError> {
        let Some((_, value)) = self.0.iter().find(|(given, _)| given == name) else { return Ok(default) };
        match value.parse() {
            Ok(number) if (1..=max).contains(&number) => Ok(number),
            _ => Err(ApiError::bad_request(format!("`{name}` must be a whole number from 1 to {max}."))),
        }
    }

    fn links(&self, page: usize, page_size: usize, more: bool) -> Links {
        let to = |page| Link { href: self.href(Some((page, page_size))) };
        Links {
            current: to(page),
            this: Link { href: self.href(None) },
            next: more.then(|| to(page + 1)),
            previous: (page > 1).then(|| to(page - 1)),
        }
    }

    /// Returns the relative URL of the page with the given number and size, or of the whole list if `page` is `None`.
    /// The URL contains the other query parameters of the request.
    fn href(&self, page: Option<(usize, usize)>) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        if let Some((page, page_size)) = page {
            query.append_pair("page", &page.to_string()).append_pair("pageSize", &page_size.to_string());
        }
        query.extend_pairs(self.0.iter().filter(|(name, _)| name != "page" && name != "pageSize"));
        let query = query.finish();
        if query.is_empty() { "/companies".to_owned() } else { format!("/companies?{query}") }
    }
}
