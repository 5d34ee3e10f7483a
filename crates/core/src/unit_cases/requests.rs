use bytes::Bytes;
use http::Method;
use serde_json::{Value, json};

use super::run;
use crate::domain::{BaseUrl, KeyId, KeyName};
use crate::error::Error;
use crate::wire;

#[test]
fn requests_are_built() {
    run("requests.json", |case| request(case).unwrap_or_else(super::error));
}

fn request(case: &Value) -> Result<Value, Error> {
    let (base, given) = (
        BaseUrl::parse("https://api.example/prefix/", "the base URL", false)?,
        case["given"].as_str().unwrap_or_default(),
    );
    let request = match case["operation"].as_str().unwrap() {
        "list" => wire::list_request(&base)?,
        "create" => wire::create_request(&base, &KeyName::parse(given)?, "IDEMPOTENCY-KEY")?,
        "delete" => wire::delete_request(&base, &KeyId::parse(given)?)?,
        "get" => wire::any_request(Method::GET, &base, given, &[], Bytes::new())?,
        other => panic!("no operation {other}"),
    };
    let headers: Value =
        request.headers().iter().map(|(name, value)| (name.to_string(), value.to_str().unwrap())).collect();
    let body = String::from_utf8(request.body().to_vec()).unwrap();
    Ok(
        json!({ "method": request.method().as_str(), "url": request.uri().to_string(), "headers": headers, "body": body }),
    )
}
