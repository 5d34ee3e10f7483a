//! The parser of `config.toml`. An error can name an unknown member, but never repeats a value, because the value may
//! be a key that was put there by mistake.

use std::path::Path;
use std::time::Duration;

use codat_keys::ErrorKind;
use jiff::SignedDuration;
use toml_edit::{DocumentMut, Item, TableLike, TomlError};
use url::Url;

use super::{Command, Config, Name, Profile, Source};
use crate::failure::Failure;

const EXAMPLE: &str = "write it like: [profiles.work] base_url = \"https://api.codat.io\", source = \"keyring\" | { file = \"PATH\" } | \
                       { command = [\"vault\", \"...\"], timeout = \"5s\", cached_for = \"10m\" }";

pub(super) fn config(path: &Path, folder: &Path, text: &str) -> Result<Config, Failure> {
    let reader = Reader { path, folder };
    let document: DocumentMut = text.parse().map_err(|error| reader.syntax(text, &error))?;
    reader.check_members(document.as_table(), "", &["profile", "profiles"])?;
    let in_use = document.get("profile").map(|name| reader.name(name.as_str().unwrap_or_default(), "profile"));
    let mut profiles = Vec::new();
    if let Some(tables) = document.get("profiles") {
        for (name, profile) in reader.table(tables, "profiles")?.iter() {
            profiles.push(reader.profile(reader.name(name, "a member of profiles")?, profile)?);
        }
    }
    Ok(Config { path: path.to_owned(), in_use: in_use.transpose()?, profiles, document, _lock: None })
}

/// Whether a URL has no part that could contain a secret: a user name, password, query or fragment.
fn holds_no_secret(url: Url) -> bool {
    url.username().is_empty() && url.password().is_none() && url.query().is_none() && url.fragment().is_none()
}

struct Reader<'a> {
    path: &'a Path,
    folder: &'a Path,
}

impl Reader<'_> {
    fn profile(&self, name: Name, item: &Item) -> Result<Profile, Failure> {
        let place = format!("profiles.{name}");
        let table = self.table(item, &place)?;
        self.check_members(table, &place, &["base_url", "source"])?;
        let base_url = match table.get("base_url") {
            None => return Err(self.refuse(&format!("{place}.base_url"), "is missing", EXAMPLE)),
            Some(url) => {
                url.as_str().filter(|url| Url::parse(url).is_ok_and(holds_no_secret)).map(str::to_owned).ok_or_else(
                    || self.refuse(&format!("{place}.base_url"), "is no URL", "write it like https://api.codat.io"),
                )?
            }
        };
        let place = format!("{place}.source");
        let source = match table.get("source") {
            None => return Err(self.refuse(&place, "is missing", EXAMPLE)),
            Some(source) if source.as_str() == Some("keyring") => Source::Keyring,
            Some(source) if source.is_table_like() => self.source(self.table(source, &place)?, &place)?,
            Some(_) => return Err(self.refuse(&place, "is none that is known", EXAMPLE)),
        };
        Ok(Profile { name, base_url, source })
    }

    fn source(&self, table: &dyn TableLike, place: &str) -> Result<Source, Failure> {
        match (table.get("file"), table.get("command")) {
            (Some(file), None) => {
                self.check_members(table, place, &["file"])?;
                Ok(Source::File(self.folder.join(self.text(file, &format!("{place}.file"))?)))
            }
            (None, Some(command)) => {
                self.check_members(table, place, &["command", "timeout", "cached_for"])?;
                let words = command.as_array().map(|words| words.iter().map(|word| word.as_str().map(str::to_owned)));
                let argv: Option<Vec<String>> = words.and_then(Iterator::collect);
                let argv = argv.filter(|argv| !argv.is_empty()).ok_or_else(|| {
                    self.refuse(&format!("{place}.command"), "is no list of a program and its arguments", EXAMPLE)
                })?;
                let time =
                    |name: &str| table.get(name).map(|time| self.time(time, &format!("{place}.{name}"))).transpose();
                Ok(Source::Command(Command { argv, timeout: time("timeout")?, cached_for: time("cached_for")? }))
            }
            _ => Err(self.refuse(place, "names neither a file nor a command, or both", EXAMPLE)),
        }
    }

    /// Returns an error if the table has a member that is not in `names`.
    fn check_members(&self, table: &dyn TableLike, place: &str, names: &[&str]) -> Result<(), Failure> {
        let unknown = table.iter().map(|(name, _)| name).find(|name| !names.contains(name));
        unknown.map_or(Ok(()), |name| {
            // Omits a long name, because the name may be a key.
            let name = if name.len() <= 20 { format!("`{name}`") } else { "a long name".into() };
            let within = if place.is_empty() { String::new() } else { format!(" in {place}") };
            let what = format!("{} has an unknown member{within}: {name}", self.path.display());
            let hint = format!("take it out; what it may hold is {}, and never a key", names.join(", "));
            Err(Failure::new(ErrorKind::InvalidInput, what, hint))
        })
    }

    fn table<'t>(&self, item: &'t Item, place: &str) -> Result<&'t dyn TableLike, Failure> {
        item.as_table_like().ok_or_else(|| self.refuse(place, "is no table", EXAMPLE))
    }

    fn text(&self, item: &Item, place: &str) -> Result<String, Failure> {
        let text = item.as_str().filter(|text| !text.is_empty());
        text.map(str::to_owned).ok_or_else(|| self.refuse(place, "is empty, or no text", EXAMPLE))
    }

    fn name(&self, text: &str, place: &str) -> Result<Name, Failure> {
        Name::parse(text, &format!("{place} in {}", self.path.display()))
    }

    fn time(&self, item: &Item, place: &str) -> Result<Duration, Failure> {
        let time = item.as_str().and_then(|text| text.parse::<SignedDuration>().ok());
        let time = time.filter(SignedDuration::is_positive).map(SignedDuration::unsigned_abs);
        time.ok_or_else(|| self.refuse(place, "is no time", "write it like \"5s\" or \"10m\""))
    }

    fn refuse(&self, place: &str, what: &str, hint: &str) -> Failure {
        Failure::new(ErrorKind::InvalidInput, format!("{place} in {} {what}", self.path.display()), hint)
    }

    /// Describes a syntax error by its line number and message. The parser's full message would quote the line.
    fn syntax(&self, text: &str, error: &TomlError) -> Failure {
        let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        let what = format!("{} is no TOML: line {line}: {}", self.path.display(), error.message());
        Failure::new(ErrorKind::InvalidInput, what, "correct that line")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::Place;
    use super::*;

    proptest! {
        #[test]
        fn nothing_panics(text in "(profiles?|a|base_url|source|file|\"keyring\"|\"http://a\"|\\[|\\]|\\{|\\}|=|\\.|,|\n| ){0,30}") {
            if let Ok(mut config) = config(Path::new("/home/config.toml"), Path::new("/home"), &text) {
                let name = Name::parse("work", "").map_err(|failure| TestCaseError::fail(failure.to_string()))?;
                config.put(&name, "https://api.codat.io", Place::File);
                prop_assert!(config.find(&name).is_some());
                config.remove(&name);
                prop_assert!(config.find(&name).is_none());
            }
        }
    }
}
