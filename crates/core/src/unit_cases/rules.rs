use serde_json::{Value, json};

use super::run;
use crate::domain::{ApiKey, ApiKeyDetails, KeyId, rules};
use crate::error::{Error, ErrorKind};

#[test]
fn guards_hold() {
    run("rules.json", |case| json!({ "outcome": guard(case).map_or_else(|error| error.kind().code(), |()| "ok") }));
}

fn guard(case: &Value) -> Result<(), Error> {
    let secret = |id: &str| ApiKey::parse(&format!("MadeUpKey-{id}"));
    let ids = case["keys"].as_array().unwrap().iter().map(|id| id.as_str().unwrap());
    let details =
        |id| Ok(ApiKeyDetails { id: KeyId::parse(id)?, name: None, api_key: secret(id)?, created_date: None });
    let keys = ids.map(details).collect::<Result<Vec<_>, Error>>()?;
    if case["rule"] == "create" {
        return if rules::is_full(rules::count_keys(&keys)) {
            Err(Error::of(ErrorKind::KeyLimitReached))
        } else {
            Ok(())
        };
    }
    let (id, using) = (KeyId::parse(case["id"].as_str().unwrap())?, ApiKey::parse(case["using"].as_str().unwrap())?);
    rules::may_delete(&keys, &id, Some(&using), case["allowKeyInUse"] == true)
}

#[test]
fn entries_with_the_same_id_or_secret_are_the_same_key() {
    let key = |(id, secret)| ApiKeyDetails {
        id: KeyId::parse(id).unwrap(),
        name: None,
        api_key: ApiKey::parse(secret).unwrap(),
        created_date: None,
    };
    let (id, in_use) = (KeyId::parse("a").unwrap(), ApiKey::parse("MadeUpKeyA").unwrap());
    let same_secret = [("a", "MadeUpKeyA"), ("b", "MadeUpKeyA")];
    let same_id = [("a", "MadeUpKeyA"), ("a", "MadeUpKeyB")];
    let both = [("a", "MadeUpKeyA"), ("a", "MadeUpKeyB"), ("b", "MadeUpKeyB")];
    for keys in [&same_secret[..], &same_id, &both] {
        let keys: Vec<_> = keys.iter().copied().map(key).collect();
        let error = rules::may_delete(&keys, &id, Some(&in_use), true).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::LastKey, "{keys:?}");
    }
}
