//! The companies of the emulated account.

use serde::Serialize;

use crate::lists::{List, date};

/// A company in a response. The fields `lastSync` and `description` are absent, because the emulator could only send
/// null in them. The official TypeScript SDK rejects null in these fields.
#[derive(Serialize)]
pub(crate) struct Company {
    id: String,
    name: String,
    redirect: String,
    created: String,
}

/// Returns the list of companies. Companies do not depend on the seed.
pub(crate) fn list(companies: u32) -> List<'static, Company> {
    List {
        path: "/companies",
        type_name: "Company",
        total: companies,
        properties: &[("id", id), ("name", name), ("created", date)],
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

/// Returns the name of a company. The name contains the number with leading zeros, so that sorting by name gives the
/// order of the numbers.
fn name(number: u32) -> String {
    format!("Example Company {number:05}")
}
