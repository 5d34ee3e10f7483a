//! The options for the output of a key, and the functions that print or write the key.

use std::path::{Path, PathBuf};

use clap::Args;
use codat_keys::{ApiKeyDetails, Client, Creation, ErrorKind};

use crate::failure::Failure;
use crate::key_display::{KeyDocument, print_keys};
use crate::output::{print, print_json, refuse_terminal};
use crate::secret_file::{SecretFile, check_overwrite};

#[derive(Args)]
pub(crate) struct KeyOutput {
    /// Print the key as JSON: {"key":{"id","name","created","inUse","key"}}; `create` adds the members "how" and "extras"
    #[arg(long)]
    pub(crate) json: bool,
    /// Print only the unmasked key; with --json, print the JSON with the unmasked key
    #[arg(long)]
    pub(crate) reveal: bool,
    /// Write only the key's value to a file that only you can read, or to standard output (`-`)
    #[arg(long, value_name = "FILE", conflicts_with = "reveal")]
    pub(crate) out: Option<PathBuf>,
    /// Allow --out to replace an existing file
    #[arg(long, requires = "out")]
    pub(crate) overwrite: bool,
}

impl KeyOutput {
    /// Whether the unmasked key is written to standard output.
    pub(crate) fn is_printed(&self) -> bool {
        self.reveal || self.is_dash()
    }

    /// Whether standard output is the only destination of the result.
    pub(crate) fn prints(&self) -> bool {
        self.out.is_none() || self.is_dash()
    }

    fn is_dash(&self) -> bool {
        self.out.as_deref().is_some_and(|path| path == Path::new("-"))
    }
}

/// Checks that a key can be written to its destination. Commands call this function before the request that creates the
/// key. If the destination is a file, this function opens and locks the file.
pub(crate) fn reserve(output: &KeyOutput) -> Result<Option<SecretFile>, Failure> {
    check_overwrite(output.out.as_deref(), output.overwrite)?;
    if output.is_dash() {
        if output.json {
            let what = "--json and --out - both go to standard output";
            return Err(Failure::new(
                ErrorKind::InvalidInput,
                what,
                "use --json --reveal, or --out FILE; nothing was sent",
            ));
        }
        refuse_terminal(false, "name a file: --out FILE, or use --reveal")?;
    }
    if output.is_printed() {
        return Ok(None);
    }
    Ok(output.out.as_deref().map(|path| SecretFile::reserve(path, output.overwrite)).transpose()?)
}

/// Writes the unmasked key to `file`, if there is a file. Then prints the key to standard output. Masks the printed
/// key, unless `output` requests the unmasked key.
pub(crate) fn write_secret(
    client: &Client,
    key: &ApiKeyDetails,
    output: &KeyOutput,
    file: Option<SecretFile>,
    made: Option<&Creation>,
) -> Result<(), Failure> {
    let hint = fetch_hint(key);
    if let Some(file) = file {
        file.write(key.api_key.expose_secret(), &hint)?;
    }
    let printed = match output {
        KeyOutput { json: true, reveal, .. } => print_json(&KeyDocument::new(client, key, *reveal, made)),
        _ if output.is_printed() => print(&format!("{}\n", key.api_key.expose_secret())),
        _ => return print_keys(client, std::slice::from_ref(key), false),
    };
    match output.is_printed() {
        true => printed.map_err(|failure| failure.even_on_closed_pipe().with_hint(hint)),
        false => printed,
    }
}

/// Returns the hint to print if a created key could not be written. The hint contains the command that fetches the key.
pub(crate) fn fetch_hint(key: &ApiKeyDetails) -> String {
    format!("the key exists: fetch it with `codat-keys show --id {} --out FILE`", key.id)
}
