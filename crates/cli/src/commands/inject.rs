//! The command `inject`: inserts the key into a template.

use std::fs::File;
use std::io::{IsTerminal, Read, stdin};
use std::path::{Path, PathBuf};

use clap::Args;
use codat_keys::ErrorKind;
use codat_keys::internal::decode;
use zeroize::Zeroizing;

use crate::connection::KeyOptions;
use crate::failure::Failure;
use crate::output::{print_secret, refuse_terminal};
use crate::secret_file::{SecretFile, check_overwrite};
use crate::template::{Part, parse};

/// The maximum size of a template in bytes. A template is a settings file with placeholders, and is much smaller.
const MAX_BYTES: u64 = 16 * 1024 * 1024;

/// Replace {{ codat.key }}, {{ codat.header }} and {{ codat.base_url }} in a template
///
/// To write two opening braces, use {{ "{{" }} in the template. Any other name in braces is an error, and nothing is
/// written.
#[derive(Args)]
#[command(after_help = "Example: codat-keys inject settings.tmpl --out settings.yaml")]
pub(crate) struct Inject {
    /// The template file, `-` for standard input [default: standard input]
    template: Option<PathBuf>,
    /// Write to a file that only you can read, or to standard output (`-`)
    #[arg(long, value_name = "FILE", conflicts_with = "reveal")]
    out: Option<PathBuf>,
    /// Allow --out to replace an existing file
    #[arg(long, requires = "out")]
    overwrite: bool,
    /// Print the result even if standard output is a terminal
    #[arg(long)]
    reveal: bool,
    #[command(flatten)]
    key: KeyOptions,
}

pub(crate) async fn inject(inject: &Inject) -> Result<(), Failure> {
    check_overwrite(inject.out.as_deref(), inject.overwrite)?;
    let out = inject.out_file();
    if out.is_none() {
        refuse_terminal(inject.reveal, "add --out FILE, or --reveal")?;
    }
    let template = inject.read()?;
    let parts = inject.parse(&template)?;
    let file = out.map(|path| SecretFile::reserve(path, inject.overwrite)).transpose()?;

    let client = inject.key.client().await?;
    let header = client.authorization_for(client.base_url())?;
    let values = parts.iter().map(|part| match part {
        Part::Text(text) => text,
        Part::Key => header.api_key().expose_secret(),
        Part::Header => header.expose_secret(),
        Part::BaseUrl => client.base_url(),
    });
    let filled = Zeroizing::new(values.collect::<String>());
    match file {
        Some(file) => file.write(&filled, "check the disk, and try again"),
        None => print_secret(&filled),
    }
}

impl Inject {
    pub(super) fn prints(&self) -> bool {
        self.out_file().is_none()
    }

    fn out_file(&self) -> Option<&Path> {
        self.out.as_deref().filter(|path| *path != Path::new("-"))
    }

    fn read(&self) -> Result<Zeroizing<String>, Failure> {
        let mut bytes = Vec::new();
        let read = match self.file() {
            Some(path) => File::open(path).and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut bytes)),
            None if stdin().is_terminal() => {
                let hint = "name a file, or give it on standard input: codat-keys inject < TEMPLATE";
                return Err(Failure::new(ErrorKind::InvalidInput, "no template was given", hint));
            }
            None => stdin().take(MAX_BYTES + 1).read_to_end(&mut bytes),
        };
        let what = match read.map(|_| decode(&bytes)) {
            Ok(_) if bytes.len() as u64 > MAX_BYTES => "is larger than 16 MiB".into(),
            Ok(Ok(text)) => return Ok(text),
            Ok(Err(what)) => what.to_string(),
            Err(error) => format!("cannot be read: {error}"),
        };
        Err(Failure::new(ErrorKind::InvalidInput, format!("{} {what}", self.place()), "give a text file in UTF-8"))
    }

    fn parse<'t>(&self, template: &'t str) -> Result<Vec<Part<'t>>, Failure> {
        let known = "write {{ codat.key }}, {{ codat.header }} or {{ codat.base_url }}; two braces are {{ \"{{\" }}";
        let parts = parse(template).map_err(|error| {
            let what = format!("{}, line {}: {}", self.place(), error.line, error.reason);
            Failure::new(ErrorKind::InvalidInput, what, known)
        })?;
        if parts.iter().all(|part| matches!(part, Part::Text(_))) {
            let what = format!("{} has no place for the key", self.place());
            return Err(Failure::new(ErrorKind::InvalidInput, what, known));
        }
        Ok(parts)
    }

    fn file(&self) -> Option<&Path> {
        self.template.as_deref().filter(|path| *path != Path::new("-"))
    }

    fn place(&self) -> String {
        self.file().map_or("the template".into(), |path| format!("the template {}", path.display()))
    }
}
