//! The machine and the versions of the software of a run.

use std::fs;
use std::io::ErrorKind;
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::cores::Cores;
use crate::scripts::{node, python};
use crate::server::Servers;

const LOCK: &str = include_str!("../../Cargo.lock");
const PEERS: &str = include_str!("../python/requirements.in");
const PEERS_OF_NODE: &str = include_str!("../node/package.json");
const CRATES: [&str; 5] = ["reqwest", "hyper", "tokio", "rustls", "serde_json"];

/// Lists the facts, one per line.
pub(crate) fn list(servers: &Servers, cores: &Cores) -> Result<String> {
    let crates: Result<Vec<_>> = CRATES.iter().map(|name| Ok(format!("{name} {}", locked(LOCK, name)?))).collect();
    let system = fs::read_to_string("/proc/sys/kernel/osrelease")?;
    Ok(format!(
        "- Machine: {}, {} cores, Linux {}\n- Pinned: {cores}\n- Server: {}\n- Built with: {}, {}\n- Other programs: {}; in {}: {}; in Node {}: {}\n",
        processor()?,
        cores.usable,
        system.trim(),
        servers.name,
        version(Command::new("rustc"))?,
        crates?.join(", "),
        version(Command::new("curl"))?,
        version(python())?,
        peers().collect::<Vec<_>>().join(", "),
        version(node())?,
        peers_of_node()?.join(", "),
    ))
}

fn processor() -> Result<String> {
    let facts = fs::read_to_string("/proc/cpuinfo")?;
    let name = facts.lines().find_map(|line| line.strip_prefix("model name"));
    Ok(name.map_or("unnamed", |name| name.trim_start_matches(['\t', ' ', ':'])).to_owned())
}

/// Returns the version of a crate in the text of a `Cargo.lock`.
fn locked<'a>(lock: &'a str, name: &str) -> Result<&'a str> {
    let version = lock.split_once(&format!("name = \"{name}\"\nversion = \""));
    let version = version.and_then(|(_, rest)| rest.split_once('"'));
    Ok(version.with_context(|| format!("{name} is not locked"))?.0)
}

/// Returns the names and versions of the Python clients, such as `aiohttp 3.14.5`.
fn peers() -> impl Iterator<Item = String> {
    PEERS.lines().filter_map(|line| line.split_once("==")).map(|(name, version)| format!("{name} {version}"))
}

/// Returns the names and versions of the Node clients, such as `undici 7.30.2`.
fn peers_of_node() -> Result<Vec<String>> {
    let package: serde_json::Value = serde_json::from_str(PEERS_OF_NODE)?;
    let peers = package["dependencies"].as_object().context("bench/node depends on nothing")?;
    Ok(peers.iter().map(|(name, version)| format!("{name} {}", version.as_str().unwrap_or_default())).collect())
}

/// Returns the name and version that a program prints, such as `curl 8.1.2`, without further details.
fn version(mut command: Command) -> Result<String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let said = match command.arg("--version").output() {
        Ok(output) => String::from_utf8_lossy(&output.stdout).into_owned(),
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(format!("no {program}")),
        Err(error) => return Err(error).with_context(|| format!("{program} cannot be started")),
    };
    Ok(said.split_whitespace().take(2).collect::<Vec<_>>().join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_peer_has_a_version() {
        assert_eq!(peers().count(), 5);
        assert_eq!(peers_of_node().unwrap().len(), 1);
    }

    #[test]
    fn every_crate_is_found_in_the_lock() {
        for name in CRATES {
            assert!(locked(LOCK, name).unwrap().starts_with(|c: char| c.is_ascii_digit()), "{name}");
        }
        assert!(locked(LOCK, "no-such-crate").is_err());
    }
}
