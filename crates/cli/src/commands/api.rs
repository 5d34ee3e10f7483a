//! The command `api`: sends any request to Codat's API.

use std::borrow::Cow;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use clap::Args;
use codat_keys::internal::{NotText, decode, escape_json, key_id_in_path, plain};
use codat_keys::{Client, ErrorKind, HeaderName, HeaderValue, Method, Page, Response};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use url::Url;

use crate::connection::Connection;
use crate::failure::Failure;
use crate::output::{print, print_body, refuse_closed_output};
use crate::runtime::unless_interrupted;
use crate::signals::{begin_change, end_change, interrupted};
use crate::stderr::eprint_line;

/// The maximum size of a request body, far above what Codat accepts.
const MAX_INPUT_BYTES: u64 = 64 * 1024 * 1024;

const METHODS: [Method; 7] =
    [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::OPTIONS];

#[derive(Args)]
#[command(after_help = "Example: codat-keys api /companies --paginate --jsonl", allow_missing_positional = true)]
pub(crate) struct Api {
    /// GET, POST, PUT, PATCH, DELETE, HEAD or OPTIONS [default: GET]
    #[arg(value_parser = method)]
    method: Option<Method>,
    /// A path of Codat's API, like /companies, or a URL below the base URL
    path: String,
    /// Add a parameter to the query
    #[arg(long, short, value_name = "NAME=VALUE", value_parser = pair)]
    query: Vec<(String, String)>,
    /// Add a text to the JSON body
    #[arg(long, short, value_name = "NAME=VALUE", value_parser = pair)]
    field: Vec<(String, String)>,
    /// Send this file as the body, `-` for standard input: JSON, unless a header says otherwise
    #[arg(long, value_name = "FILE", conflicts_with = "field")]
    input: Option<PathBuf>,
    /// Add a header; the header with the key is always sent
    #[arg(long, short = 'H', value_name = "NAME: VALUE", value_parser = header)]
    header: Vec<(HeaderName, HeaderValue)>,
    /// Request every page, and print one JSON document a page
    #[arg(long, conflicts_with_all = ["field", "input"])]
    paginate: bool,
    /// Print one result a line instead
    #[arg(long, requires = "paginate")]
    jsonl: bool,
    /// Results a page, from 1 to 5000 [default: 100]
    #[arg(long, value_name = "NUMBER", requires = "paginate", value_parser = page_size)]
    page_size: Option<u32>,
    /// Print the status and the headers first
    #[arg(long, short)]
    include: bool,
    /// Also send a DELETE of the last key or of the key in use
    #[arg(long)]
    force: bool,
    /// Print keys in clear [default: keys in use, listed keys and members `apiKey` are masked]
    #[arg(long)]
    reveal: bool,
    #[command(flatten)]
    connection: Connection,
}

pub(crate) async fn api(api: &Api) -> Result<(), Failure> {
    api.check()?;
    if api.reveal {
        refuse_closed_output("send it to a file or a pipe: > FILE")?;
    }
    let client = api.connection.client().await?;
    let (method, path) = (api.method(), path_of(&client, &api.path)?);
    if api.paginate {
        return api.print_pages(&client, &path).await;
    }
    if method == Method::DELETE && !api.force {
        refuse_guarded(&client, &path).await?;
    }
    let body = api.body()?;
    let mut call = client.request(method.clone(), &path).cancel_on(interrupted());
    for (name, value) in &api.query {
        call = call.query(name, value);
    }
    for (name, value) in &api.header {
        call = call.header(name.clone(), value.clone());
    }
    if let Some(body) = body {
        call = call.body(body);
        if !api.has_content_type() {
            call = call.header(HeaderName::from_static("content-type"), HeaderValue::from_static("application/json"));
        }
    }
    if matches!(method, Method::GET | Method::HEAD | Method::OPTIONS) {
        return api.print(&client, &unless_interrupted(call).await?);
    }
    begin_change();
    let response = call.await?;
    // Reported if printing the response fails, so that the user knows that the request was sent.
    let done = format!("the call was made and answered: HTTP {}", response.status().as_u16());
    end_change(done.clone());
    api.print(&client, &response).map_err(|failure| failure.even_on_closed_pipe().with_note(done))
}

/// Applies the checks of the command `delete` if `path` is the path of a key.
async fn refuse_guarded(client: &Client, path: &str) -> Result<(), Failure> {
    let Some(id) = key_id_in_path(path).transpose()? else { return Ok(()) };
    let keys = unless_interrupted(client.keys().list()).await?;
    match client.keeps(&keys, &id) {
        None => Ok(()),
        Some(kind) => {
            let hint = format!("{}; --force sends the request all the same; nothing was deleted", kind.hint());
            Err(Failure::new(kind, kind.text(), hint))
        }
    }
}

/// Returns the path that the core expects: without the base URL, and with a leading slash.
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

impl Api {
    fn method(&self) -> Method {
        self.method.clone().unwrap_or(Method::GET)
    }

    fn body(&self) -> Result<Option<Vec<u8>>, Failure> {
        if let Some(file) = &self.input {
            return self.input(file).map(Some);
        }
        let fields = self.field.iter().map(|(name, value)| (name.clone(), Value::from(value.as_str())));
        let fields: Map<String, Value> = fields.collect();
        if fields.len() < self.field.len() {
            let hint = "give each --field once, or the whole body with --input; nothing was sent";
            return Err(Failure::new(ErrorKind::InvalidInput, "a field is given twice", hint));
        }
        Ok((!fields.is_empty()).then(|| Value::from(fields).to_string().into_bytes()))
    }

    /// Reads the body from a file. JSON is converted to UTF-8 without a byte order mark.
    fn input(&self, file: &Path) -> Result<Vec<u8>, Failure> {
        let bytes = read(file)?;
        if self.has_content_type() {
            return Ok(bytes);
        }
        decode(&bytes).map(|text| text.as_bytes().to_vec()).map_err(|what| {
            let hint =
                format!("{}, or name what it is: --header 'Content-Type: TYPE'; nothing was sent", NotText::HINT);
            Failure::new(ErrorKind::InvalidInput, format!("{} {what}", file.display()), hint)
        })
    }

    fn has_content_type(&self) -> bool {
        self.header.iter().any(|(name, _)| *name == "content-type")
    }

    /// Returns an error for options that would have no effect.
    fn check(&self) -> Result<(), Failure> {
        let has_body = !self.field.is_empty() || self.input.is_some();
        let method = self.method();
        let (what, hint) = if self.method.is_none() && self::method(&self.path).is_ok() {
            ("the path is missing", "give it after the method: codat-keys api GET /companies")
        } else if self.force && method != Method::DELETE {
            ("--force applies to DELETE only", "leave --force out")
        } else if has_body && matches!(method, Method::GET | Method::HEAD) {
            ("GET and HEAD have no body", "use --query for parameters, or another method")
        } else if self.paginate && method != Method::GET {
            ("only GET has pages", "leave --paginate out")
        } else if self.paginate && !self.header.is_empty() {
            ("pages take no header", "leave --header or --paginate out")
        } else {
            return Ok(());
        };
        Err(Failure::new(ErrorKind::InvalidInput, what, format!("{hint}; nothing was sent")))
    }

    async fn print_pages(&self, client: &Client, path: &str) -> Result<(), Failure> {
        let mut pages = client.pages(path);
        if let Some(size) = self.page_size {
            pages = pages.page_size(size);
        }
        for (name, value) in &self.query {
            pages = pages.parameter(name, value);
        }
        let (mut printed, mut reported) = (0, 0);
        while let Some(Page { response, results, total_results, .. }) = unless_interrupted(pages.next()).await? {
            (printed, reported) = (printed + results.len() as u64, total_results);
            if self.jsonl { self.print_lines(client, &response)? } else { self.print(client, &response)? }
        }
        if printed != reported {
            eprint_line(&format!(
                "note: there are {printed} results on all pages, and the last page tells of {reported}"
            ));
        }
        Ok(())
    }

    fn print(&self, client: &Client, response: &Response) -> Result<(), Failure> {
        self.print_head(client, response)?;
        let body = if self.reveal { response.bytes().as_ref().into() } else { response.redacted() };
        print_body(&body)
    }

    /// Prints each result of a page on its own line. Numbers keep their digits.
    fn print_lines(&self, client: &Client, response: &Response) -> Result<(), Failure> {
        #[derive(Deserialize)]
        struct Results<'a> {
            #[serde(borrow)]
            results: Vec<&'a RawValue>,
        }
        self.print_head(client, response)?;
        let body = if self.reveal { response.bytes().as_ref().into() } else { response.redacted() };
        let text = decode(&body).ok();
        let page = text.as_ref().and_then(|text| serde_json::from_str(text).ok());
        let Results { results } = page.ok_or_else(|| {
            Failure::new(ErrorKind::BadResponse, "the response is not paginated", "leave --jsonl out to see it")
        })?;
        // Removes line breaks, which are insignificant whitespace in JSON. Line breaks in strings are escaped.
        let lines = results.iter().map(|result| result.get().replace(['\n', '\r'], "") + "\n");
        print(&escape_json(&lines.collect::<String>()))
    }

    fn print_head(&self, client: &Client, response: &Response) -> Result<(), Failure> {
        if !self.include {
            return Ok(());
        }
        let mut head = format!("HTTP {}\n", response.status().as_u16());
        for (name, value) in response.headers() {
            let line = format!("{name}: {}", String::from_utf8_lossy(value.as_bytes()));
            head += &if self.reveal { plain(&line) } else { client.untrusted(&line).to_string() };
            head.push('\n');
        }
        print(&(head + "\n"))
    }
}

fn read(file: &Path) -> Result<Vec<u8>, Failure> {
    let read = match file.to_str() {
        Some("-") => {
            let mut bytes = Vec::new();
            std::io::stdin().take(MAX_INPUT_BYTES + 1).read_to_end(&mut bytes).map(|_| bytes)
        }
        _ => File::open(file).and_then(|file| {
            let mut bytes = Vec::new();
            file.take(MAX_INPUT_BYTES + 1).read_to_end(&mut bytes).map(|_| bytes)
        }),
    };
    let fits = |bytes: Vec<u8>| match bytes.len() as u64 {
        ..=MAX_INPUT_BYTES => Ok(bytes),
        _ => Err(std::io::Error::other("it is larger than 64 MiB")),
    };
    read.and_then(fits).map_err(|error| {
        let what = format!("{} cannot be read: {error}", file.display());
        Failure::new(ErrorKind::InvalidInput, what, "name a file with the body, or - for standard input")
    })
}

fn method(text: &str) -> Result<Method, String> {
    let known = METHODS.into_iter().find(|method| method.as_str().eq_ignore_ascii_case(text));
    known.ok_or_else(|| "not GET, POST, PUT, PATCH, DELETE, HEAD or OPTIONS".into())
}

fn page_size(text: &str) -> Result<u32, String> {
    text.parse().map_err(|_| "not a number from 1 to 5000".into())
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').filter(|(name, _)| !name.is_empty()).ok_or("not NAME=VALUE")?;
    Ok((name.into(), value.into()))
}

fn header(text: &str) -> Result<(HeaderName, HeaderValue), String> {
    let (name, value) = text.split_once(':').ok_or("not NAME: VALUE")?;
    let name = name.parse().map_err(|_| "not the name of a header")?;
    Ok((name, value.trim().parse().map_err(|_| "not the value of a header")?))
}
