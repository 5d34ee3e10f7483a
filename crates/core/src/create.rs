//! Creating a key, in one attempt that tells the truth about how it ended.

use bytes::Bytes;
use http::Response;
use uuid::Uuid;

use crate::api;
use crate::client::Client;
use crate::error::{Error, ErrorKind, Outcome};
use crate::key::{ApiKeyDetails, KeyName};
use crate::rules;
use crate::transport::Failure;

pub(crate) async fn create(client: &Client, name: &KeyName) -> Result<ApiKeyDetails, Error> {
    let budget = client.budget_to_create();
    let before = client.list_keys(budget).await?;
    rules::may_create(&before)?;

    let idempotency_key = Uuid::now_v7().to_string();
    let request = api::create_request(client.base(), name, &idempotency_key)?;
    let doubt = match settle(client.transport().send(request, budget).await) {
        Ending::Created(key) => return Ok(key),
        Ending::NothingMade(error) => return Err(error),
        Ending::InDoubt(error) => error,
    };
    let candidates = client.list_keys(budget).await.ok().map(|after| candidates(&before, after, name));
    Err(doubt.into_outcome_unknown(Outcome { idempotency_key: Some(idempotency_key), candidates }))
}

enum Ending {
    Created(ApiKeyDetails),
    NothingMade(Error),
    InDoubt(Error),
}

fn settle(result: Result<Response<Bytes>, Failure>) -> Ending {
    let response = match result {
        Ok(response) => response,
        Err(Failure { error, sent: true }) => return Ending::InDoubt(error),
        Err(Failure { error, sent: false }) => return Ending::NothingMade(error),
    };
    match api::parse_create(&response) {
        Ok(key) => Ending::Created(key),
        Err(error) if response.status().is_success() => Ending::InDoubt(error),
        Err(error) => match error.kind() {
            // A conflict over a new idempotency key means that Codat took our request for another one.
            ErrorKind::Timeout | ErrorKind::Server | ErrorKind::Conflict => Ending::InDoubt(error),
            _ => Ending::NothingMade(error),
        },
    }
}

/// A plain name that is new since the first list is no proof: two programs may create the same name at once.
fn candidates(before: &[ApiKeyDetails], after: Vec<ApiKeyDetails>, name: &KeyName) -> Vec<ApiKeyDetails> {
    let is_new = |key: &ApiKeyDetails| !before.iter().any(|old| old.id == key.id);
    after.into_iter().filter(|key| key.name.as_deref() == Some(name.as_str()) && is_new(key)).collect()
}
