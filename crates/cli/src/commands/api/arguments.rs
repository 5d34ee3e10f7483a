//! The arguments of `api`.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use clap::Args;
use codat_keys::internal::{NotText, decode};
use codat_keys::{Client, ErrorKind, HeaderName, HeaderValue, Method};
use serde_json::{Map, Value};

use crate::connection::Connection;
use crate::failure::Failure;

/// The maximum size of a request body in bytes. Codat accepts only much smaller bodies.
const MAX_INPUT_BYTES: u64 = 64 * 1024 * 1024;

const METHODS: [Method; 7] =
    [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::OPTIONS];

#[derive(Args)]
#[command(after_help = "Example: codat-keys api /companies --paginate --jsonl", allow_missing_positional = true)]
pub(crate) struct Api {
    /// GET, POST, PUT, PATCH, DELETE, HEAD or OPTIONS [default: GET]
    #[arg(value_parser = method)]
    method: Option<Method>,
    /// A path of Codat's API, such as /companies, or a URL below the base URL
    pub(super) path: String,
    /// Add a query parameter to the URL; may be repeated
    #[arg(long, short, value_name = "NAME=VALUE", value_parser = pair)]
    pub(super) param: Vec<(String, String)>,
    /// Add a string member to the JSON body; may be repeated
    #[arg(long, short, value_name = "NAME=VALUE", value_parser = pair)]
    field: Vec<(String, String)>,
    /// Send the content of this file as the body, `-` for standard input [default content type: application/json]
    #[arg(long, value_name = "FILE", conflicts_with = "field")]
    input: Option<PathBuf>,
    /// Add a header; may be repeated. The Authorization header is added automatically
    #[arg(long, short = 'H', value_name = "NAME: VALUE", value_parser = header)]
    pub(super) header: Vec<(HeaderName, HeaderValue)>,
    /// Request all pages, and print one JSON document per page
    #[arg(long, conflicts_with_all = ["field", "input"])]
    pub(super) paginate: bool,
    /// Print one result per line (JSON Lines)
    #[arg(long, requires = "paginate")]
    pub(super) jsonl: bool,
    /// Results per page, from 1 to 5000 [default: 100]
    #[arg(long, value_name = "NUMBER", requires = "paginate", value_parser = page_size)]
    pub(super) page_size: Option<u32>,
    /// Print only the results that a filter in Codat's query language selects, such as status=Linked
    #[arg(long, requires = "paginate")]
    pub(super) query: Option<String>,
    /// Sort the results by a property, or in descending order with a hyphen: --order-by=-name
    #[arg(long, value_name = "PROPERTY", requires = "paginate", allow_hyphen_values = true)]
    pub(super) order_by: Option<String>,
    /// Pages to request at the same time, from 1 to 64; twice this number plus one can be in memory [default: 1]
    #[arg(long, value_name = "NUMBER", requires = "paginate", value_parser = concurrency)]
    pub(super) concurrency: Option<u32>,
    /// Print the status and the headers of the response before its body
    #[arg(long, short)]
    pub(super) include: bool,
    /// Write the body, with keys unmasked, to this file instead of printing it; only you can read the file. `-` is
    /// standard output
    #[arg(long, short, value_name = "FILE", conflicts_with_all = ["paginate", "include", "reveal"])]
    pub(super) output: Option<PathBuf>,
    /// Replace the file that --output names, if it exists
    #[arg(long, requires = "output")]
    pub(super) overwrite: bool,
    /// Allow DELETE of the last key and of the key in use
    #[arg(long)]
    pub(super) force: bool,
    /// Print keys unmasked [default: mask the key in use and each JSON member `apiKey`]
    #[arg(long)]
    pub(super) reveal: bool,
    /// The maximum size of the response or of a page, in bytes [default: 67108864; no limit with --output]
    #[arg(long, value_name = "BYTES", value_parser = bytes)]
    pub(super) max_response_bytes: Option<u64>,
    #[command(flatten)]
    pub(super) connection: Connection,
}

impl Api {
    pub(super) fn method(&self) -> Method {
        self.method.clone().unwrap_or(Method::GET)
    }

    pub(super) async fn client(&self) -> Result<Client, Failure> {
        let builder = self.connection.builder();
        let builder = match self.max_response_bytes {
            Some(bytes) => builder.max_response_bytes(bytes),
            None => builder,
        };
        self.connection.key.client_of(builder).await
    }

    pub(super) fn body(&self) -> Result<Option<Vec<u8>>, Failure> {
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

    /// Reads the request body from a file. If the user gives no `Content-Type` header, the file must contain text. This
    /// text is converted to UTF-8 without a byte order mark.
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

    /// Whether the command prints the response.
    pub(in crate::commands) fn prints(&self) -> bool {
        self.output.as_deref().is_none_or(is_dash)
    }

    pub(super) fn has_content_type(&self) -> bool {
        self.header.iter().any(|(name, _)| *name == "content-type")
    }

    /// Returns the hint for a response that is larger than `--max-response-bytes` allows.
    pub(super) fn limit_hint(&self) -> &'static str {
        match (self.paginate, &self.output) {
            (true, _) => "ask for smaller pages with --page-size, or raise --max-response-bytes",
            (false, None) => "raise --max-response-bytes, or use --output FILE, which has no limit by default",
            (false, Some(_)) => "raise --max-response-bytes, or leave it out: --output has no limit by default",
        }
    }

    fn has_option_of_pages(&self) -> bool {
        self.jsonl
            || self.page_size.is_some()
            || self.query.is_some()
            || self.order_by.is_some()
            || self.concurrency.is_some()
    }

    /// Returns an error if the path is missing, or if options have no effect or cannot be combined.
    pub(super) fn check(&self) -> Result<(), Failure> {
        let has_body = !self.field.is_empty() || self.input.is_some();
        let method = self.method();
        let (what, hint) = if self.method.is_none() && self::method(&self.path).is_ok() {
            ("the path is missing", "give it after the method: codat-keys api GET /companies")
        } else if self.force && method != Method::DELETE {
            ("--force applies to DELETE only", "leave --force out")
        } else if has_body && matches!(method, Method::GET | Method::HEAD) {
            ("GET and HEAD have no body", "use --param for query parameters, or another method")
        } else if !self.paginate && self.has_option_of_pages() {
            // clap skips `requires` if another option conflicts with --paginate.
            (
                "--jsonl, --page-size, --query, --order-by and --concurrency require --paginate",
                "add --paginate, or leave these options out",
            )
        } else if self.overwrite && self.prints() {
            // clap skips `requires` if another option conflicts with --output.
            ("--overwrite requires --output with a file", "name the file, or leave --overwrite out")
        } else if self.paginate && method != Method::GET {
            ("only GET has pages", "leave --paginate out")
        } else if self.paginate && !self.header.is_empty() {
            ("pages take no header", "leave --header or --paginate out")
        } else {
            return Ok(());
        };
        Err(Failure::new(ErrorKind::InvalidInput, what, format!("{hint}; nothing was sent")))
    }
}

/// Whether a path is `-`, which means standard output. The path `./-` means a file with the name `-`.
pub(super) fn is_dash(path: &Path) -> bool {
    path == Path::new("-")
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

fn concurrency(text: &str) -> Result<u32, String> {
    text.parse().map_err(|_| "not a number from 1 to 64".into())
}

fn bytes(text: &str) -> Result<u64, String> {
    text.parse().ok().filter(|bytes| *bytes > 0).ok_or_else(|| "not a number of bytes above 0".into())
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
