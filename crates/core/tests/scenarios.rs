//! Runs the files of `tests/scenario` through the async client.

use std::path::Path;
use std::time::Duration;

use codat_keys::{ApiKey, ApiKeyDetails, Client, Error, KeyId, KeyName};
use codat_keys_emulator::Emulator;
use serde_json::{Value, json};

#[path = "../../../tests/support/scenario.rs"]
mod scenario;

#[test]
fn every_scenario_holds_for_the_async_client() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/scenario");
    scenario::run_all(&folder, |emulator, key, step| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(perform(emulator, key, step))
    });
}

async fn perform(emulator: &Emulator, key: &str, step: &Value) -> Value {
    let mut builder = Client::builder().base_url(emulator.base_url()).api_key(ApiKey::parse(key).unwrap());
    if let Some(seconds) = step["timeout"].as_u64() {
        builder = builder.timeout(Duration::from_secs(seconds));
    }
    let client = builder.build().unwrap();
    call(&client, step).await.unwrap_or_else(|error| {
        let candidates = error.outcome().and_then(|outcome| outcome.candidates.as_ref());
        let candidates = candidates.map(|keys| keys.iter().map(|key| key.name.as_deref()).collect::<Vec<_>>());
        json!({ "error": error.kind().code(), "candidates": candidates })
    })
}

async fn call(client: &Client, step: &Value) -> Result<Value, Error> {
    let text = |member: &str| step[member].as_str().unwrap_or_default();
    let keys = client.keys();
    let list =
        |found: Vec<ApiKeyDetails>| json!({ "keys": found.iter().map(|key| show(client, key)).collect::<Value>() });
    Ok(match step["call"].as_str().unwrap() {
        "list" => list(keys.list().await?),
        "find" => list(keys.find(text("name")).await?),
        "get" => json!({ "key": show(client, &keys.get(&KeyId::parse(text("id"))?).await?) }),
        "create" => {
            let call = keys.create(&KeyName::parse(text("name"))?).adopt(step["adopt"] == true);
            let made = match step["idempotencyKey"].as_str() {
                Some(key) => call.idempotency_key(key).await?,
                None => call.await?,
            };
            let extras =
                made.extras.as_ref().map(|extras| extras.iter().map(|extra| extra.id.as_str()).collect::<Vec<_>>());
            json!({ "key": show(client, &made.key), "how": made.how.code(), "extras": extras })
        }
        "delete" => {
            let call = keys.delete(&KeyId::parse(text("id"))?);
            if step["allowKeyInUse"] == true {
                call.allow_key_in_use().await?
            } else {
                call.await?
            }
            json!({})
        }
        other => panic!("no call {other}"),
    })
}

fn show(client: &Client, key: &ApiKeyDetails) -> Value {
    json!({
        "id": key.id.as_str(), "name": key.name, "created": key.created_date.map(|date| date.to_string()),
        "inUse": client.uses(key), "key": key.api_key.masked(),
    })
}
