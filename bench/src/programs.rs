//! The command line of codat-keys, and curl.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Result, ensure};
use codat_keys::{ApiKey, AuthorizationHeader};

use crate::KEY;
use crate::responses::{BODY_PATH, DISTANT_PAGE_SIZE, DISTANT_PATH, PAGE_SIZE};
use crate::server::Servers;

pub(crate) fn list(servers: &Servers, url: &str) -> Result<Command> {
    let mut command = codat_keys(servers, url)?;
    command.arg("list");
    Ok(command)
}

/// Returns the command that prints all pages of a list.
pub(crate) fn pages(servers: &Servers, path: &str) -> Result<Command> {
    let mut command = codat_keys(servers, &servers.http)?;
    command.args(["api", path, "--paginate", "--page-size", &PAGE_SIZE.to_string()]);
    Ok(command)
}

/// Returns the command that prints all pages of the list of small pages.
pub(crate) fn small_pages(servers: &Servers, url: &str, concurrency: &str) -> Result<Command> {
    let mut command = codat_keys(servers, url)?;
    let page_size = DISTANT_PAGE_SIZE.to_string();
    command.args(["api", DISTANT_PATH, "--paginate", "--page-size", &page_size, "--concurrency", concurrency]);
    Ok(command)
}

pub(crate) fn download(servers: &Servers) -> Result<Command> {
    let mut command = codat_keys(servers, &servers.http)?;
    command.args(["api", BODY_PATH, "--overwrite", "--output"]).arg(servers.download());
    Ok(command)
}

pub(crate) fn curl_download(servers: &Servers) -> Result<Command> {
    let mut command = curl(servers, &servers.http, BODY_PATH)?;
    command.arg("--output").arg(servers.download());
    Ok(command)
}

pub(crate) fn version() -> Result<Command> {
    let mut command = Command::new(program()?);
    command.arg("--version").env_clear();
    Ok(command)
}

pub(crate) fn curl(servers: &Servers, url: &str, path: &str) -> Result<Command> {
    let mut command = Command::new("curl");
    let key = ApiKey::parse(KEY)?;
    // curl ignores the user's configuration and proxy.
    command.args(["--disable", "--silent", "--fail", "--noproxy", "*", "--cacert"]).arg(servers.authority());
    command.arg("--header").arg(format!("Authorization: {}", AuthorizationHeader::from(&key).expose_secret()));
    command.arg(format!("{url}{path}"));
    Ok(command)
}

fn codat_keys(servers: &Servers, url: &str) -> Result<Command> {
    let mut command = Command::new(program()?);
    // The environment of the user must not influence the measurement.
    command.env_clear().env("CODAT_API_KEY", KEY).env("CODAT_BASE_URL", url);
    command.env("CODAT_CA_FILE", servers.authority());
    Ok(command)
}

fn program() -> Result<PathBuf> {
    let program = std::env::current_exe()?.with_file_name("codat-keys");
    ensure!(program.is_file(), "codat-keys is not built beside this program: start it with `cargo xtask bench`");
    Ok(program)
}
