//! The companies of the emulated account.

use serde::Serialize;

use crate::lists::{List, Property, date};

/// A company in a response. The fields `lastSync` and `description` are absent, because the emulator has no values for
/// them. The official TypeScript SDK rejects null in these fields.
#[derive(Serialize)]
pub(crate) struct Company {
    id: String,
    name: String,
    redirect: String,
    created: String,
}

/// The properties that clients can use in the query parameters `query` and `orderBy`.
const PROPERTIES: &[Property] = &[
    Property::in_order("id", id),
    Property { name: "name", value: name, position: position_of_name },
    Property::in_order("created", date),
];

/// Returns the list of companies. Companies do not depend on the seed.
pub(crate) fn list(companies: u32) -> List<'static, Company> {
    List {
        path: "/companies",
        type_name: "Company",
        total: companies,
        properties: PROPERTIES,
        generate: |number| Company {
            id: id(number),
            name: name(number),
            redirect: format!("https://link.codat.io/company/{}", id(number)),
            created: date(number),
        },
    }
}

/// Returns true if one of the companies has this id.
pub(crate) fn exists(companies: u32, company_id: &str) -> bool {
    let number = company_id.rsplit('-').next().and_then(|digits| digits.parse().ok());
    number.is_some_and(|number| (1..=companies).contains(&number) && id(number) == company_id)
}

fn id(number: u32) -> String {
    format!("c0da7000-0000-4000-8000-{number:012}")
}

/// Returns the name of the company `number`. Leading zeros give the names the same order as the numbers, up to 99,999.
fn name(number: u32) -> String {
    format!("Example Company {number:05}")
}

/// Returns a sort key for the name of the company `number`. Names are sorted as texts, so `100000` is between `10000`
/// and `10001`.
fn position_of_name(number: u32) -> u32 {
    match number {
        ..=99_999 => number * 100,
        100_000..=999_999 => number * 10,
        _ => number,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn companies_are_sorted_by_the_values_of_a_property() {
        list(1).properties.iter().copied().for_each(crate::lists::tests::check_positions);
    }
}
