//! The parser of `config.toml`. Error messages contain the line number and describe the mistake. They quote no value,
//! because a user may have written an API key as a value by mistake.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::SignedDuration;
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, Error as _, MapAccess, Visitor};
use toml_edit::Document;
use url::Url;

use super::{ConfigFile, Profile, ProfileCommand, ProfileName, ProfileSource};
use crate::domain::mask_credentials;
use crate::error::{Error, ErrorKind};

const EXAMPLE: &str = "write it like: [profiles.work] base_url = \"https://api.codat.io\", source = \"keyring\" | { file = \"PATH\" } | \
                       { command = [\"vault\", \"...\"], timeout = \"5s\", cached_for = \"10m\" }";

/// The maximum length in characters of a field name that an error message quotes. A user may write an API key as a
/// field name by mistake. An API key has 40 characters, so it is too long to be quoted.
const MAX_REPEATED_CHARS: usize = 20;

pub(super) fn config(path: &Path, folder: &Path, text: &str) -> Result<ConfigFile, Error> {
    let invalid = |span: Option<Range<usize>>, message: &str, hint: &'static str| {
        let before = span.and_then(|span| text.get(..span.start)).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        let text = format!("{} is invalid: line {line}: {message}", path.display());
        Error::new(ErrorKind::InvalidInput, mask_credentials(&text)).with_hint(hint)
    };
    let document = Document::parse(text.to_owned())
        .map_err(|error| invalid(error.span(), error.message(), "correct the TOML syntax of this line"))?;
    // The document is not parsed again: toml_edit deserializes the parsed document.
    let file: FileTable = toml_edit::de::from_document(document.clone())
        .map_err(|error| invalid(error.span(), &without_values(error.message()), EXAMPLE))?;
    let profile = |(name, table): (ProfileName, ProfileTable)| {
        let source = match table.source {
            ProfileSource::File(file) => ProfileSource::File(folder.join(file)),
            ProfileSource::Command(command) => ProfileSource::Command(command.in_folder(folder)),
            ProfileSource::Keyring => ProfileSource::Keyring,
        };
        Profile { name, base_url: table.base_url.0, source }
    };
    let profiles = file.profiles.into_iter().map(profile).collect();
    Ok(ConfigFile { path: path.to_owned(), document, in_use: file.profile, profiles })
}

/// Removes values from an error message of serde. Also removes a field name that is long enough to be an API key.
fn without_values(message: &str) -> String {
    let Some((what, expected)) = message.rsplit_once(", expected ") else { return message.to_owned() };
    if what.starts_with("invalid ") {
        return format!("this value must be {expected}");
    }
    match what.strip_prefix("unknown field `").and_then(|name| name.strip_suffix('`')) {
        Some(name) if name.chars().count() <= MAX_REPEATED_CHARS => {
            format!("unknown member `{name}`, expected {expected}")
        }
        _ => format!("unknown member, expected {expected}"),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileTable {
    profile: Option<ProfileName>,
    #[serde(default)]
    profiles: BTreeMap<ProfileName, ProfileTable>,
}

struct ProfileTable {
    base_url: BaseUrl,
    source: ProfileSource,
}

#[derive(Deserialize)]
#[serde(try_from = "String")]
struct BaseUrl(String);

/// The source of a profile's key in the form of a TOML table, such as `{ file = "PATH" }`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SourceTable {
    file: Option<PathBuf>,
    command: Option<Vec<String>>,
    timeout: Option<Time>,
    cached_for: Option<Time>,
}

#[derive(Deserialize)]
#[serde(try_from = "String")]
struct Time(Duration);

impl TryFrom<String> for BaseUrl {
    type Error = &'static str;

    /// Rejects a URL with a part that could contain a secret: a user name, password, query or fragment.
    fn try_from(text: String) -> Result<Self, Self::Error> {
        let holds_no_secret = |url: Url| {
            url.username().is_empty() && url.password().is_none() && url.query().is_none() && url.fragment().is_none()
        };
        let is_valid = Url::parse(&text).is_ok_and(holds_no_secret);
        is_valid.then_some(Self(text)).ok_or("base_url must be a URL like https://api.codat.io")
    }
}

impl TryFrom<String> for Time {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let time = text.parse().ok().filter(SignedDuration::is_positive).map(|time| Self(time.unsigned_abs()));
        time.ok_or("a time must be written like \"5s\" or \"10m\"")
    }
}

impl TryFrom<SourceTable> for ProfileSource {
    type Error = &'static str;

    fn try_from(table: SourceTable) -> Result<Self, Self::Error> {
        let time = |time: Option<Time>| time.map(|Time(time)| time);
        match table {
            SourceTable { file: Some(file), command: None, timeout: None, cached_for: None } => {
                Some(file).filter(|file| !file.as_os_str().is_empty()).map(Self::File).ok_or("file must not be empty")
            }
            SourceTable { file: None, command: Some(argv), timeout, cached_for } if !argv.is_empty() => {
                let argv = argv.into_iter().map(OsString::from).collect();
                Ok(Self::Command(ProfileCommand { argv, timeout: time(timeout), cached_for: time(cached_for) }))
            }
            _ => Err("source must be \"keyring\", a table with file, or a table with command, timeout and cached_for"),
        }
    }
}

impl<'de> Deserialize<'de> for ProfileTable {
    /// Deserializes only a table. A derived implementation would also accept an array of the field values.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Fields {
            base_url: BaseUrl,
            source: ProfileSource,
        }
        struct TableVisitor;

        impl<'de> Visitor<'de> for TableVisitor {
            type Value = ProfileTable;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a table with base_url and source")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<ProfileTable, A::Error> {
                let Fields { base_url, source } = Fields::deserialize(MapAccessDeserializer::new(map))?;
                Ok(ProfileTable { base_url, source })
            }
        }

        deserializer.deserialize_map(TableVisitor)
    }
}

impl<'de> Deserialize<'de> for ProfileSource {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct SourceVisitor;

        impl<'de> Visitor<'de> for SourceVisitor {
            type Value = ProfileSource;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("\"keyring\" or a table")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<ProfileSource, E> {
                let is_keyring = text == "keyring";
                is_keyring
                    .then_some(ProfileSource::Keyring)
                    .ok_or_else(|| E::custom("source must be \"keyring\" or a table"))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<ProfileSource, A::Error> {
                SourceTable::deserialize(MapAccessDeserializer::new(map))?.try_into().map_err(A::Error::custom)
            }
        }

        deserializer.deserialize_any(SourceVisitor)
    }
}
