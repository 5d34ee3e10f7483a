//! The sink `file:PATH`: a file that contains only the key.

use std::future::ready;
use std::path::PathBuf;

use codat_keys::ApiKey;
use codat_keys_rotate::{Content, Sink, SinkError, SinkFuture};

use super::{Form, content, stored_file};

pub(super) struct FileSink {
    path: PathBuf,
    form: Form,
}

impl FileSink {
    pub(super) fn new(path: PathBuf, form: Form) -> Self {
        Self { path, form }
    }

    fn read_now(&self) -> Result<Content, SinkError> {
        Ok(stored_file::read(&self.path)?.map_or(Content::Nothing, |file| content(&file.bytes)))
    }

    fn write_now(&self, key: &ApiKey) -> Result<(), SinkError> {
        let before = stored_file::read(&self.path)?;
        stored_file::replace(&self.path, self.form.text(key).as_bytes(), before.as_ref())
    }
}

impl Sink for FileSink {
    fn describe(&self) -> String {
        format!("file:{}{}", self.path.display(), self.form.suffix())
    }

    fn read(&self) -> SinkFuture<'_, Content> {
        Box::pin(ready(self.read_now()))
    }

    fn write<'a>(&'a self, key: &'a ApiKey) -> SinkFuture<'a, ()> {
        Box::pin(ready(self.write_now(key)))
    }
}
