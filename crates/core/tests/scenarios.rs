//! Runs the files in `tests/scenario` with the asynchronous client and with the blocking client.

use std::path::{Path, PathBuf};
use std::time::Duration;

use codat_keys::{ApiKey, ApiKeyDetails, Client, ClientBuilder, Error, KeyId, Method, Untrusted};
use codat_keys_emulator::Emulator;
use serde_json::{Value, json};

#[path = "../../../tests/support/scenario.rs"]
mod scenario;

#[test]
fn every_scenario_holds_for_the_async_client() {
    scenario::run_all(&folder(), "core", |emulator, key, step| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        outcome(runtime.block_on(call(&builder(emulator, key, step).build().unwrap(), step)))
    });
}

#[test]
fn every_scenario_holds_for_the_blocking_client() {
    scenario::run_all(&folder(), "core", |emulator, key, step| {
        outcome(call_blocking(&builder(emulator, key, step).build_blocking().unwrap(), step))
    });
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/scenario")
}

fn builder(emulator: &Emulator, key: &str, step: &Value) -> ClientBuilder {
    let builder = Client::builder().base_url(emulator.base_url()).api_key(ApiKey::parse(key).unwrap());
    match step["timeout"].as_u64() {
        Some(seconds) => builder.timeout(Duration::from_secs(seconds)),
        None => builder,
    }
}

fn outcome(result: Result<Value, Error>) -> Value {
    result.unwrap_or_else(|error| {
        let candidates = error.outcome().and_then(|outcome| outcome.candidates.as_ref());
        let candidates = candidates
            .map(|keys| keys.iter().map(|key| key.name.as_ref().map(Untrusted::unredacted)).collect::<Vec<_>>());
        assert_eq!(error.attempts() == 0, error.elapsed().is_zero(), "{error:?}");
        json!({ "error": error.kind().code(), "candidates": candidates, "attempts": error.attempts() })
    })
}

/// Performs a step of a scenario. The macro `$ended` sends a request, and the macro `$next_page` requests the next
/// page.
macro_rules! perform {
    ($client:ident, $step:ident, $ended:ident, $next_page:ident) => {{
        let text = |member: &str| $step[member].as_str().unwrap_or_default();
        let keys = $client.keys();
        let show = |key: &ApiKeyDetails| show(key, $client.uses(key));
        let list = |found: Vec<ApiKeyDetails>| json!({ "keys": found.iter().map(show).collect::<Value>() });
        Ok(match $step["call"].as_str().unwrap() {
            "list" => list($ended!(keys.list())?),
            "find" => list($ended!(keys.find(text("name")))?),
            "get" => json!({ "key": show(&$ended!(keys.get(&KeyId::parse(text("id"))?))?) }),
            "whoami" => json!({ "key": show(&$ended!($client.whoami())?) }),
            "create" => {
                let mut call = keys.create(text("name")).adopt($step["adopt"] == true);
                if let Some(key) = $step["idempotencyKey"].as_str() {
                    call = call.idempotency_key(key);
                }
                let made = $ended!(call)?;
                let extras = made.extras.as_ref().map(|extras| extras.iter().map(|extra| extra.id.as_str()).collect::<Vec<_>>());
                json!({ "key": show(&made.key), "how": made.how.code(), "extras": extras })
            }
            "delete" => {
                let call = keys.delete(&KeyId::parse(text("id"))?);
                $ended!(call.allow_key_in_use($step["allowKeyInUse"] == true))?;
                json!({})
            }
            "request" => {
                let mut call = $client.request(text("method").parse::<Method>().unwrap(), text("path"));
                for (name, value) in $step["headers"].as_object().into_iter().flatten() {
                    call = call.header(name, value.as_str().unwrap());
                }
                if !$step["body"].is_null() {
                    call = call.json(&$step["body"]);
                }
                let answer = $ended!(call)?;
                json!({ "status": answer.status().as_u16(), "json": answer.json::<Value>().unwrap_or_default() })
            }
            "pages" => {
                let mut pages = $client.pages::<Value>(text("path"));
                if let Some(size) = $step["pageSize"].as_u64() {
                    pages = pages.page_size(size.try_into().unwrap());
                }
                let mut results = Vec::new();
                while let Some(page) = $next_page!(pages)? {
                    results.extend(page.results);
                }
                json!({ "results": results })
            }
            other => panic!("no call {other}"),
        })
    }};
}

async fn call(client: &Client, step: &Value) -> Result<Value, Error> {
    macro_rules! ended {
        ($request:expr) => {
            $request.send().await
        };
    }
    macro_rules! next_page {
        ($pages:ident) => {
            $pages.next().await
        };
    }
    perform!(client, step, ended, next_page)
}

fn call_blocking(client: &codat_keys::blocking::Client, step: &Value) -> Result<Value, Error> {
    macro_rules! ended {
        ($request:expr) => {
            $request.send()
        };
    }
    macro_rules! next_page {
        ($pages:ident) => {
            $pages.next().transpose()
        };
    }
    perform!(client, step, ended, next_page)
}

fn show(key: &ApiKeyDetails, in_use: bool) -> Value {
    json!({
        "id": key.id.as_str(), "name": key.name.as_ref().map(Untrusted::unredacted), "created": key.created_date.map(|date| date.to_string()),
        "inUse": in_use, "key": key.api_key.masked(),
    })
}
