//! The sink `dotenv:PATH#NAME`: a variable in a file of assignments. All other lines stay as they are.

mod assignments;

use std::future::ready;
use std::path::PathBuf;

use codat_keys::ApiKey;
use codat_keys_rotate::{Content, Sink, SinkError, SinkFuture};
use zeroize::Zeroizing;

use super::stored_file::{self, LastReaders};
use super::{Rules, SinkContext, invalid, other, path};
use crate::failure::Failure;
use assignments::Assignments;

pub(super) struct DotenvSink {
    path: PathBuf,
    name: String,
    rules: Rules,
    readers: LastReaders,
}

impl DotenvSink {
    pub(super) fn new(context: &SinkContext<'_>, place: &str, rules: Rules) -> Result<Self, Failure> {
        let is_letter = |c: char| c.is_ascii_alphabetic() || c == '_';
        let is_name =
            |name: &str| name.starts_with(is_letter) && name.chars().all(|c| is_letter(c) || c.is_ascii_digit());
        let parts = place.rsplit_once('#').filter(|(path, name)| !path.is_empty() && is_name(name));
        let (file, name) = parts.ok_or_else(|| {
            invalid(
                "a sink dotenv: names no variable",
                "write it as dotenv:PATH#NAME, such as dotenv:.env#CODAT_API_KEY",
            )
        })?;
        Ok(Self { path: path(context, file)?, name: name.to_owned(), rules, readers: LastReaders::default() })
    }

    fn read_now(&self) -> Result<Content, SinkError> {
        let file = stored_file::read(&self.path)?;
        let content = file.as_ref().map_or(Ok(Content::Nothing), |file| self.content(&file.bytes))?;
        self.readers.accept(file.as_ref(), content, self.rules)
    }

    fn content(&self, text: &[u8]) -> Result<Content, SinkError> {
        let found = Assignments::find(text, &self.name).map_err(SinkError::permanent)?;
        let Some(values) = found.values() else { return Ok(other(text)) };
        let mut contents = values.map(|value| self.rules.content(value)).collect::<Result<Vec<_>, _>>()?.into_iter();
        let Some(first) = contents.next() else { return Ok(Content::Nothing) };
        // If a variable has several assignments, programs differ in which assignment they use.
        Ok(if contents.all(|next| is_same(&first, &next)) { first } else { other(text) })
    }

    fn write_now(&self, key: &ApiKey) -> Result<(), SinkError> {
        let before = stored_file::read(&self.path)?;
        self.readers.check(before.as_ref())?;
        let old: &[u8] = before.as_ref().map_or(&[], |file| &file.bytes);
        let replaced = Assignments::find(old, &self.name).and_then(|found| found.replaced(&self.rules.form.text(key)));
        let new = replaced.map_err(SinkError::permanent)?;
        stored_file::replace(&self.path, &Zeroizing::new(new), before.as_ref())
    }
}

impl Sink for DotenvSink {
    fn describe(&self) -> String {
        format!("dotenv:{}#{}{}", self.path.display(), self.name, self.rules.form.suffix())
    }

    fn read(&self) -> SinkFuture<'_, Content> {
        Box::pin(ready(self.read_now()))
    }

    fn write<'a>(&'a self, key: &'a ApiKey) -> SinkFuture<'a, ()> {
        Box::pin(ready(self.write_now(key)))
    }
}

fn is_same(one: &Content, other: &Content) -> bool {
    match (one, other) {
        (Content::Nothing, Content::Nothing) => true,
        (Content::Credential(one), Content::Credential(other)) => one.api_key() == other.api_key(),
        _ => false,
    }
}
