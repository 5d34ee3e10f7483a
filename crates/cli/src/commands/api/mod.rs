//! The command `api`: sends any request to Codat's API.

mod arguments;
mod download;
mod print;

use std::borrow::Cow;

use codat_keys::internal::key_id_in_path;
use codat_keys::{Client, ErrorKind, Method};
use url::Url;

use crate::failure::Failure;
use crate::runtime::unless_interrupted;
use crate::signals::{begin_change, end_change, interrupted};

pub(crate) use arguments::Api;
use download::Download;

pub(crate) async fn api(api: &Api) -> Result<(), Failure> {
    api.check()?;
    send(api).await.map_err(|failure| match failure.is_above_limit() {
        true => failure.with_hint(api.limit_hint()),
        false => failure,
    })
}

async fn send(api: &Api) -> Result<(), Failure> {
    let client = api.client().await?;
    let (method, path) = (api.method(), path_of(&client, &api.path)?);
    if api.paginate {
        return api.print_pages(&client, &path).await;
    }
    if method == Method::DELETE && !api.force {
        check_delete_request(&client, &path).await?;
    }
    let body = api.body()?;
    let mut call = client.request(method.clone(), &path).cancel_on(interrupted());
    for (name, value) in &api.param {
        call = call.param(name, value);
    }
    for (name, value) in &api.header {
        call = call.header(name.clone(), value.clone());
    }
    if let Some(body) = body {
        call = call.body(body);
        if !api.has_content_type() {
            call = call.header("content-type", "application/json");
        }
    }
    let is_read = matches!(method, Method::GET | Method::HEAD | Method::OPTIONS);
    if let Some(file) = &api.output {
        let call = match api.max_response_bytes {
            Some(bytes) => call.max_response_bytes(bytes),
            None => call,
        };
        let download = Download::new(file, api.overwrite)?;
        return if is_read { unless_interrupted(download.read(call)).await } else { download.change(call).await };
    }
    if is_read {
        return api.printer(&client).print(&unless_interrupted(call).await?);
    }
    begin_change();
    let response = call.await?;
    // Reported if printing the response fails, so that the user knows that the request was sent.
    let done = format!("the call was made and answered: HTTP {}", response.status().as_u16());
    end_change(done.clone());
    api.printer(&client).print(&response).map_err(|failure| failure.even_on_closed_pipe().with_note(done))
}

/// Returns an error if a DELETE request to `path` would delete the last key or the key in use. If the user gives
/// `--force`, the caller omits this check. Even with `--force`, the client rejects a path below `/apiKeys` that is not
/// the path of one key.
async fn check_delete_request(client: &Client, path: &str) -> Result<(), Failure> {
    let Some(id) = key_id_in_path(path).transpose()? else { return Ok(()) };
    let keys = unless_interrupted(client.keys().list()).await?;
    match client.check_delete(&keys, &id).map_err(|error| error.kind()) {
        Ok(()) => Ok(()),
        Err(kind) => {
            let hint = format!("{}; --force sends the request all the same; nothing was deleted", kind.hint());
            Err(Failure::new(kind, kind.text(), hint))
        }
    }
}

/// Converts `given`, a path or URL from the user, to a path below the base URL. Adds a leading slash to a path that has
/// none.
fn path_of<'a>(client: &Client, given: &'a str) -> Result<Cow<'a, str>, Failure> {
    let refuse = |what: String, hint: &str| {
        Err(Failure::new(ErrorKind::InvalidInput, client.redact(&what), format!("{hint}; nothing was sent")))
    };
    match given.as_bytes() {
        [] | [b'/', ..] => Ok(given.into()),
        [drive, b':', b'/' | b'\\', ..] if drive.is_ascii_alphabetic() => refuse(
            format!("the path came as {given}: Git Bash rewrites arguments that begin with a slash"),
            "leave the first slash out, as in `codat-keys api companies`, or set MSYS_NO_PATHCONV=1",
        ),
        _ if !given.contains("://") => Ok(format!("/{given}").into()),
        _ => {
            let url = Url::parse(given).ok();
            let below = url.as_ref().and_then(|url| url.as_str().strip_prefix(client.base_url()));
            match below {
                Some("") => Ok("/".into()),
                Some(path) if path.starts_with(['/', '?']) => Ok(path.to_owned().into()),
                _ => refuse(
                    format!("the URL is not below the base URL {}", client.base_url()),
                    "give a path, or name the other server with --base-url: the key goes nowhere else",
                ),
            }
        }
    }
}
