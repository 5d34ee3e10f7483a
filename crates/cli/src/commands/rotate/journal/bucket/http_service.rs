//! Sends the requests of the crate `object_store` with an HTTP client from the crate `codat-keys`. This client has the
//! TLS settings, the root certificates and the proxy of `codat-keys`.

use std::error::Error;
use std::fmt;
use std::iter::successors;
use std::time::Duration;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use codat_keys::internal::http_client_builder;
use http_body_util::BodyExt;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpService,
};
use object_store::{ClientConfigKey, ClientOptions};
use reqwest::{Client, StatusCode};

use crate::connection::Connection;
use crate::failure::Failure;

/// The timeout for opening a connection with TLS.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// The timeout for opening a connection without TLS, such as a connection to the metadata service of a cloud. On a
/// machine without a metadata service, the address of this service may not respond.
const UNENCRYPTED_CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// The maximum size of a response in bytes. A list of 1000 entries is smaller by far.
const MAX_BYTES: usize = 16 * 1024 * 1024;

/// The error of a request that got no response, or got a response that `object_store` cannot handle.
#[derive(Debug)]
pub(super) struct RequestFailed {
    message: String,
    /// Whether another attempt would fail as well.
    pub(super) is_final: bool,
}

/// Creates the HTTP clients for `object_store`. Requests to `http` URLs use no proxy.
#[derive(Clone, Debug)]
pub(super) struct Connector {
    encrypted: Client,
    unencrypted: Client,
}

#[derive(Debug)]
struct Service {
    clients: Connector,
    /// Whether requests to `http` URLs are allowed.
    allows_http: bool,
}

impl Connector {
    pub(super) fn new(connection: &Connection) -> Result<Self, Failure> {
        let settings = connection.builder();
        let client = |is_encrypted, connect_timeout| {
            let builder = http_client_builder(&settings, is_encrypted)?.connect_timeout(connect_timeout);
            builder.build().map_err(|error| {
                Failure::local(format!("the HTTP client cannot be set up: {}", error.without_url()), "check the proxy")
            })
        };
        Ok(Self { encrypted: client(true, CONNECT_TIMEOUT)?, unencrypted: client(false, UNENCRYPTED_CONNECT_TIMEOUT)? })
    }
}

impl HttpConnector for Connector {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        let given = options.get_config_value(&ClientConfigKey::AllowHttp).unwrap_or_default();
        let allows_http = ["1", "true", "on", "yes", "y"].contains(&&*given.to_ascii_lowercase());
        Ok(HttpClient::new(Service { clients: self.clone(), allows_http }))
    }
}

#[async_trait]
impl HttpService for Service {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let (parts, body) = request.into_parts();
        let url = reqwest::Url::parse(&parts.uri.to_string())
            .map_err(|error| HttpError::new(HttpErrorKind::Unknown, error))?;
        let origin = url.origin().ascii_serialization();
        let client = match url.scheme() {
            "https" => &self.clients.encrypted,
            _ if self.allows_http => &self.clients.unencrypted,
            _ => {
                return Err(failed(
                    true,
                    format!("{origin} has no TLS: set AWS_ALLOW_HTTP=true, or the variable of your service"),
                ));
            }
        };
        let mut request = reqwest::Request::new(parts.method, url);
        *request.headers_mut() = parts.headers;
        *request.body_mut() = Some(body.collect().await?.to_bytes().into());
        let response = client.execute(request).await.map_err(|error| send_error(&error, &origin))?;
        let (status, headers) = (response.status(), response.headers().clone());
        let body = read(response, &origin).await?;
        if let Some(error) = status_error(status, &body, &origin) {
            return Err(error);
        }
        let mut response = HttpResponse::new(body.into());
        (*response.status_mut(), *response.headers_mut()) = (status, headers);
        Ok(response)
    }
}

async fn read(mut response: reqwest::Response, origin: &str) -> Result<Bytes, HttpError> {
    let mut body = BytesMut::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| send_error(&error, origin))? {
        if body.len() + chunk.len() > MAX_BYTES {
            return Err(failed(true, format!("the response of {origin} is larger than 16 MiB")));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}

/// Returns the error for a response. Returns `None` for a response that `object_store` handles: a success, or a
/// response that says that an object exists or is missing.
fn status_error(status: StatusCode, body: &[u8], origin: &str) -> Option<HttpError> {
    let code = error_code(body);
    let is_about_object = match status {
        StatusCode::NOT_FOUND => matches!(&*code, "" | "NoSuchKey" | "BlobNotFound"),
        StatusCode::CONFLICT | StatusCode::PRECONDITION_FAILED | StatusCode::NOT_MODIFIED => true,
        status => status.is_success(),
    };
    if is_about_object {
        return None;
    }
    let hint = match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => ": check the credentials and their permissions",
        StatusCode::NOT_FOUND => ": check the name of the bucket",
        status if status.is_redirection() => ": check the region of the bucket, for S3 in AWS_REGION",
        _ => "",
    };
    let is_transient =
        status.is_server_error() || [StatusCode::REQUEST_TIMEOUT, StatusCode::TOO_MANY_REQUESTS].contains(&status);
    let message = format!("{origin} responded with {} {code}", status.as_u16());
    Some(failed(!is_transient, format!("{}{hint}", message.trim_end())))
}

/// Returns the code in the XML of an error, such as `AccessDenied`. Returns an empty text if there is no code.
fn error_code(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let code = text.split_once("<Code>").and_then(|(_, rest)| rest.split_once("</Code>")).map(|(code, _)| code);
    let is_code = |code: &&str| code.len() <= 64 && code.bytes().all(|byte| byte.is_ascii_alphanumeric());
    code.filter(is_code).unwrap_or_default().to_owned()
}

fn send_error(error: &reqwest::Error, origin: &str) -> HttpError {
    let first: &(dyn Error + 'static) = error;
    let cause = successors(Some(first), |&error| error.source()).last().map(ToString::to_string).unwrap_or_default();
    match error.is_connect() {
        true => failed(false, format!("no connection to {origin}: {cause}")),
        false => failed(false, format!("the connection to {origin} was lost before the response ended")),
    }
}

/// Creates an error of the kind `Unknown`. `object_store` does not repeat a request after an error of this kind.
fn failed(is_final: bool, message: String) -> HttpError {
    HttpError::new(HttpErrorKind::Unknown, RequestFailed { message, is_final })
}

impl fmt::Display for RequestFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for RequestFailed {}
