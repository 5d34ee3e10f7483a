//! Paginated lists of generated results: pagination, filtering and sorting.

use axum::http::StatusCode;
use jiff::Timestamp;
use serde::{Serialize, Serializer};

use crate::wire::{ApiError, ApiResponse};

const DEFAULT_PAGE_SIZE: usize = 100;
const MAX_PAGE_SIZE: usize = 5000;
const MAX_CLAUSES: usize = 20;
/// The maximum number of comparisons for one request: the number of clauses in the query, multiplied by the number of
/// results. The limit exists because all other requests wait during the comparisons.
const MAX_COMPARISONS: usize = 1_000_000;
/// The Unix time of 2026-01-01T00:00:00Z.
const FIRST_DATE: i64 = 1_767_225_600;

/// A list of results. The results are numbered from 1 to `total`. Each response generates only the results of its page.
pub(crate) struct List<'a, T> {
    pub(crate) path: &'a str,
    /// The name of the type of the results. Codat's error messages contain this name.
    pub(crate) type_name: &'static str,
    pub(crate) total: u32,
    /// The properties that clients can use in the query parameters `query` and `orderBy`.
    pub(crate) properties: &'static [Property],
    pub(crate) generate: fn(u32) -> T,
}

/// A property of the results. The argument of the functions `value` and `position` identifies a result: it is the
/// number of the result in the [`List`].
#[derive(Clone, Copy)]
pub(crate) struct Property {
    pub(crate) name: &'static str,
    pub(crate) value: fn(u32) -> String,
    /// Returns a sort key: a number that has the same order as the values. Results with the same sort key are in the
    /// order of their numbers. Sorting by this number is much faster than sorting by the value.
    pub(crate) position: fn(u32) -> u32,
}

impl Property {
    /// Creates a property whose values have the same order as the numbers of the results.
    pub(crate) const fn in_order(name: &'static str, value: fn(u32) -> String) -> Property {
        Property { name, value, position: |number| number }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Page<'a, T: Serialize> {
    #[serde(serialize_with = "generated")]
    results: (&'a [u32], fn(u32) -> T),
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

impl<T: Serialize> List<'_, T> {
    /// Returns the page that the query of a request selects.
    pub(crate) fn page(&self, query: Option<&str>) -> Result<ApiResponse, ApiError> {
        let parameters = Parameters::parse(query.unwrap_or_default());
        let page = parameters.number("page", 1, i32::MAX as usize)?;
        let page_size = parameters.number("pageSize", DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE)?;
        let mut numbers: Vec<u32> = (1..=self.total).collect();
        if let Some(query) = parameters.get("query") {
            self.check_clauses(query.split("&&").count())?;
            let clauses = query.split("&&").map(|text| self.clause(text)).collect::<Result<Vec<_>, _>>()?;
            numbers.retain(|number| clauses.iter().all(|clause| clause.matches(*number)));
        }
        if let Some(order) = parameters.get("orderBy") {
            self.sort(&mut numbers, order)?;
        }
        let total = numbers.len();
        let start = (page - 1).saturating_mul(page_size).min(total);
        let end = start.saturating_add(page_size).min(total);
        let page = Page {
            results: (&numbers[start..end], self.generate),
            page_number: page,
            page_size,
            total_results: total,
            links: parameters.links(self.path, page, page_size, end < total),
        };
        Ok(ApiResponse::json(StatusCode::OK, &page))
    }

    fn property(&self, name: &str) -> Result<Property, ApiError> {
        let found = self.properties.iter().find(|property| property.name == name);
        let unknown = || malformed(&format!("Could not resolve property {name} on {}", self.type_name));
        found.copied().ok_or_else(unknown)
    }

    /// Returns an error if a query has too many clauses for this list.
    fn check_clauses(&self, clauses: usize) -> Result<(), ApiError> {
        if clauses > MAX_CLAUSES {
            return Err(malformed(&format!("The emulator accepts at most {MAX_CLAUSES} clauses.")));
        }
        let max = MAX_COMPARISONS / (self.total as usize).max(1);
        if clauses > max {
            let what = format!("The emulator accepts at most {max} clauses for a list of {} results.", self.total);
            return Err(malformed(&what));
        }
        Ok(())
    }

    fn clause<'t>(&self, text: &'t str) -> Result<Clause<'t>, ApiError> {
        let operator = ["!=", "=", "~"].into_iter().find(|operator| text.contains(operator));
        let operator = operator.ok_or_else(|| malformed("Malformed query."))?;
        let (name, value) = text.split_once(operator).ok_or_else(|| malformed("Malformed query."))?;
        Ok(Clause { property: self.property(name.trim())?, operator, value: value.trim().to_lowercase() })
    }

    /// Sorts results by the property whose name is in `order`. If `order` begins with `-`, the order is descending.
    fn sort(&self, numbers: &mut [u32], order: &str) -> Result<(), ApiError> {
        let name = order.trim_start_matches('-');
        let property = self.property(name)?;
        numbers.sort_by_key(|number| (property.position)(*number));
        if name != order {
            numbers.reverse();
        }
        Ok(())
    }
}

/// Returns the date of the result with the given number, in the format of Codat. The date of a result is one second
/// after the date of the previous result.
pub(crate) fn date(number: u32) -> String {
    let date = Timestamp::from_second(FIRST_DATE + i64::from(number)).unwrap_or_default();
    format!("{date:.0}")
}

fn generated<T: Serialize, S: Serializer>(results: &(&[u32], fn(u32) -> T), serializer: S) -> Result<S::Ok, S::Error> {
    let (numbers, generate) = results;
    serializer.collect_seq(numbers.iter().map(|number| generate(*number)))
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

impl Clause<'_> {
    fn matches(&self, number: u32) -> bool {
        let actual = (self.property.value)(number).to_lowercase();
        match self.operator {
            "=" => actual == self.value,
            "!=" => actual != self.value,
            _ => actual.contains(&self.value),
        }
    }
}

struct Parameters(Vec<(String, String)>);

impl Parameters {
    fn parse(query: &str) -> Parameters {
        Parameters(form_urlencoded::parse(query.as_bytes()).into_owned().collect())
    }

    /// Returns the first non-empty value of the query parameter `name`. Returns `None` if there is no such value.
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

    fn links(&self, path: &str, page: usize, page_size: usize, more: bool) -> Links {
        let to = |page| Link { href: self.href(path, Some((page, page_size))) };
        Links {
            current: to(page),
            this: Link { href: self.href(path, None) },
            next: more.then(|| to(page + 1)),
            previous: (page > 1).then(|| to(page - 1)),
        }
    }

    /// Returns the relative URL of the page with the given number and size, or of the whole list if `page` is `None`.
    /// The URL contains all query parameters of the request except `page` and `pageSize`.
    fn href(&self, path: &str, page: Option<(usize, usize)>) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        if let Some((page, page_size)) = page {
            query.append_pair("page", &page.to_string()).append_pair("pageSize", &page_size.to_string());
        }
        query.extend_pairs(self.0.iter().filter(|(name, _)| name != "page" && name != "pageSize"));
        let query = query.finish();
        if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Checks that the sort keys from [`Property::position`] have the same order as the values of the property.
    pub(crate) fn check_positions(property: Property) {
        let numbers = [1, 2, 3, 9, 10, 9_999, 10_000, 10_001, 99_999, 100_000, 100_001, 999_999, 1_000_000];
        for (one, other) in numbers.iter().flat_map(|one| numbers.map(|other| (*one, other))) {
            let values = (property.value)(one).cmp(&(property.value)(other));
            let positions = (property.position)(one).cmp(&(property.position)(other));
            assert_eq!(
                positions.then(one.cmp(&other)),
                values.then(one.cmp(&other)),
                "{}: {one}, {other}",
                property.name
            );
        }
    }
}
