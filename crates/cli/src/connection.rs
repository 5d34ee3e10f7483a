//! How Codat is reached: the options that every command with a call takes.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use codat_keys::{Client, Error};

#[derive(Args)]
#[command(next_help_heading = "Connection")]
pub(crate) struct Connection {
    /// Where the API is [default: CODAT_BASE_URL, else https://api.codat.io]
    #[arg(long, value_name = "URL")]
    base_url: Option<String>,
    /// Certificates (PEM) to trust beside the bundled roots [default: CODAT_CA_FILE, else none]
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// The proxy for every request [default: HTTPS_PROXY and NO_PROXY, for https alone]
    #[arg(long, value_name = "URL")]
    proxy: Option<String>,
    /// Seconds that a call may take [default: 30, for create 60]
    #[arg(long, value_name = "SECONDS")]
    timeout: Option<u64>,
    /// Let the key go unencrypted to other machines
    #[arg(long)]
    allow_insecure_http: bool,
}

impl Connection {
    pub(crate) fn client(&self) -> Result<Client, Error> {
        let mut builder = Client::builder().allow_insecure_http(self.allow_insecure_http);
        if let Some(url) = &self.base_url {
            builder = builder.base_url(url);
        }
        if let Some(file) = &self.ca_file {
            builder = builder.ca_file(file);
        }
        if let Some(url) = &self.proxy {
            builder = builder.proxy(url);
        }
        if let Some(seconds) = self.timeout {
            builder = builder.timeout(Duration::from_secs(seconds));
        }
        builder.build()
    }

    /// What named the base URL.
    pub(crate) fn base_url_source(&self) -> &'static str {
        match (&self.base_url, std::env::var_os("CODAT_BASE_URL")) {
            (Some(_), _) => "--base-url",
            (None, Some(_)) => "CODAT_BASE_URL",
            (None, None) => "the default",
        }
    }

    /// What named the file of certificates, and its path.
    pub(crate) fn ca_file_source(&self) -> Option<String> {
        let given = self.ca_file.as_ref().map(|file| format!("{} (--ca-file)", file.display()));
        given.or_else(|| std::env::var_os("CODAT_CA_FILE").map(|file| format!("{} (CODAT_CA_FILE)", file.display())))
    }
}
