//! The emulated account and the rules for its keys. This module uses no clock, no files and no HTTP.

use std::collections::HashSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::generator::Generator;
use crate::json::{Object, object, objects};
use crate::quota::Quota;
use crate::wire::{ApiError, ApiKeyDetails};

const MAX_KEYS: usize = 10;
/// The maximum number of keys in a [`Snapshot`]. Tests can set more keys than Codat allows. The number is limited
/// because the emulator searches each request for every key in order to mask the keys.
const MAX_SNAPSHOT_KEYS: usize = 100;
pub(crate) const MAX_NAME_UTF16_UNITS: usize = 50;
const DEFAULT_COMPANIES: u32 = 5;
const DEFAULT_INVOICES: u32 = 1000;
/// The maximum number of companies, and of invoices of each company. 1,000,000 invoices are about 2 GB of JSON.
const MAX_RESULTS: u32 = 1_000_000;

#[derive(Clone)]
pub(crate) struct Account {
    pub(crate) keys: Vec<ApiKeyDetails>,
    pub(crate) companies: u32,
    /// The number of invoices of each company.
    pub(crate) invoices: u32,
    pub(crate) last_key_can_be_deleted: bool,
    pub(crate) enforce_limits: bool,
    pub(crate) quota: Quota,
    generator: Generator,
}

/// The keys and settings of an emulated account. The body of `PUT /_emulator/state` and the state file have this
/// format. If a field is absent, [`Account::apply`] leaves the corresponding part of the account unchanged.
#[derive(Default, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Snapshot {
    #[serde(default, deserialize_with = "objects")]
    keys: Option<Vec<ApiKeyDetails>>,
    companies: Option<u32>,
    invoices: Option<u32>,
    last_key_can_be_deleted: Option<bool>,
    enforce_limits: Option<bool>,
    #[serde(default, deserialize_with = "object", skip_serializing_if = "Option::is_none")]
    rate_limit: Option<Remaining>,
    /// The position in the random sequence of keys and ids. Only the state file contains this field.
    pub(crate) generator: Option<u64>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Remaining {
    remaining: u64,
}

impl Account {
    /// Creates an account without keys.
    pub(crate) fn new(seed: u64) -> Account {
        Account {
            keys: Vec::new(),
            companies: DEFAULT_COMPANIES,
            invoices: DEFAULT_INVOICES,
            last_key_can_be_deleted: false,
            enforce_limits: false,
            quota: Quota::default(),
            generator: Generator::new(seed),
        }
    }

    /// Creates a key without a name if the account has no key. Codat creates such a key for every new account.
    pub(crate) fn ensure_first_key(&mut self, now: Timestamp) {
        if self.keys.is_empty() {
            self.add_key(None, now);
        }
    }

    pub(crate) fn create(&mut self, name: Option<String>, now: Timestamp) -> Result<&ApiKeyDetails, ApiError> {
        if name.as_ref().is_some_and(|name| name.encode_utf16().count() > MAX_NAME_UTF16_UNITS) {
            return Err(ApiError::name_too_long());
        }
        if self.keys.len() >= MAX_KEYS {
            return Err(ApiError::key_limit());
        }
        Ok(self.add_key(name, now))
    }

    pub(crate) fn delete(&mut self, id: &str) -> Result<(), ApiError> {
        // The error does not contain the id, because a client may have sent a key as the id by mistake.
        let index = self.keys.iter().position(|key| key.id == id).ok_or_else(|| ApiError::not_found("API key"))?;
        if self.keys.len() == 1 && !self.last_key_can_be_deleted {
            return Err(ApiError::last_key());
        }
        self.keys.remove(index);
        Ok(())
    }

    /// Changes the account to the values in a snapshot. If a value is invalid, returns an error without secrets and
    /// changes nothing.
    pub(crate) fn apply(&mut self, snapshot: Snapshot, now: Timestamp) -> Result<(), String> {
        check_total("companies", snapshot.companies)?;
        check_total("invoices", snapshot.invoices)?;
        if let Some(keys) = &snapshot.keys {
            if keys.len() > MAX_SNAPSHOT_KEYS {
                return Err(format!("`keys` has at most {MAX_SNAPSHOT_KEYS} entries"));
            }
            reject_duplicates("id", keys.iter().map(|key| &key.id))?;
            reject_duplicates("apiKey", keys.iter().map(|key| &key.api_key))?;
        }
        if let Some(position) = snapshot.generator {
            self.generator = Generator::new(position);
        }
        if let Some(keys) = snapshot.keys {
            self.keys = keys;
            self.complete_keys();
        }
        self.companies = snapshot.companies.unwrap_or(self.companies);
        self.invoices = snapshot.invoices.unwrap_or(self.invoices);
        self.last_key_can_be_deleted = snapshot.last_key_can_be_deleted.unwrap_or(self.last_key_can_be_deleted);
        self.enforce_limits = snapshot.enforce_limits.unwrap_or(self.enforce_limits);
        if let Some(Remaining { remaining }) = snapshot.rate_limit {
            self.quota.set_remaining(remaining, self.companies, now);
        }
        Ok(())
    }

    /// Returns the keys and settings of the account in the format of the state file. Omits the used quota, which
    /// changes with every request.
    pub(crate) fn snapshot(&self) -> Snapshot {
        Snapshot {
            keys: Some(self.keys.clone()),
            companies: Some(self.companies),
            invoices: Some(self.invoices),
            last_key_can_be_deleted: Some(self.last_key_can_be_deleted),
            enforce_limits: Some(self.enforce_limits),
            rate_limit: None,
            generator: Some(self.generator.position()),
        }
    }

    fn add_key(&mut self, name: Option<String>, now: Timestamp) -> &ApiKeyDetails {
        let created_date = Some(format!("{now:.0}"));
        self.keys.push(ApiKeyDetails { id: String::new(), name, api_key: String::new(), created_date });
        self.complete_keys();
        &self.keys[self.keys.len() - 1]
    }

    /// Generates a unique value for each empty `id` and `api_key`.
    fn complete_keys(&mut self) {
        let mut taken: HashSet<String> =
            self.keys.iter().flat_map(|key| [key.id.clone(), key.api_key.clone()]).collect();
        for key in &mut self.keys {
            if key.id.is_empty() {
                key.id = generate_unused(&mut taken, || self.generator.id());
            }
            if key.api_key.is_empty() {
                key.api_key = generate_unused(&mut taken, || self.generator.api_key());
            }
        }
    }
}

impl Snapshot {
    /// Parses a snapshot from JSON. The error contains the name of an unknown field, or a position in the JSON. The
    /// error omits all values, because a value may be secret.
    pub(crate) fn parse(json: &[u8]) -> Result<Snapshot, String> {
        serde_json::from_slice(json).map(|Object(snapshot)| snapshot).map_err(|error| {
            let text = error.to_string();
            if text.starts_with("unknown field") {
                text
            } else {
                format!("not the expected JSON at line {} column {}", error.line(), error.column())
            }
        })
    }
}

/// Rejects a number of companies or invoices that is larger than [`MAX_RESULTS`].
pub(crate) fn check_total(field: &str, total: Option<u32>) -> Result<(), String> {
    match total.is_none_or(|total| total <= MAX_RESULTS) {
        true => Ok(()),
        false => Err(format!("`{field}` is at most {MAX_RESULTS}")),
    }
}

fn generate_unused(taken: &mut HashSet<String>, mut next: impl FnMut() -> String) -> String {
    loop {
        let candidate = next();
        if taken.insert(candidate.clone()) {
            return candidate;
        }
    }
}

/// Rejects duplicate values of `field`. Accepts several empty values, because [`Account::complete_keys`] replaces them.
fn reject_duplicates<'a>(field: &str, values: impl Iterator<Item = &'a String>) -> Result<(), String> {
    let mut seen = HashSet::new();
    match values.filter(|value| !value.is_empty()).all(|value| seen.insert(value)) {
        true => Ok(()),
        false => Err(format!("two keys have the same `{field}`")),
    }
}
