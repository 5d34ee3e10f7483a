//! The sink `file:PATH`: a file that contains only the key.

use std::future::ready;
use std::path::PathBuf;

use codat_keys::ApiKey;
use codat_keys_rotate::{Content, Sink, SinkError, SinkFuture};

use super::Rules;
use super::stored_file::{self, LastReaders};

pub(super) struct FileSink {
    path: PathBuf,
    rules: Rules,
    readers: LastReaders,
}

impl FileSink {
    pub(super) fn new(path: PathBuf, rules: Rules) -> Self {
        Self { path, rules, readers: LastReaders::default() }
    }

    fn read_now(&self) -> Result<Content, SinkError> {
        let file = stored_file::read(&self.path)?;
        let content = file.as_ref().map_or(Ok(Content::Nothing), |file| self.rules.content(&file.bytes))?;
        self.readers.accept(file.as_ref(), content, self.rules)
    }

    fn write_now(&self, key: &ApiKey) -> Result<(), SinkError> {
        let before = stored_file::read(&self.path)?;
        self.readers.check(before.as_ref())?;
        stored_file::replace(&self.path, self.rules.form.text(key).as_bytes(), before.as_ref())
    }
}

impl Sink for FileSink {
    fn describe(&self) -> String {
        format!("file:{}{}", self.path.display(), self.rules.form.suffix())
    }

    fn read(&self) -> SinkFuture<'_, Content> {
        Box::pin(ready(self.read_now()))
    }

    fn write<'a>(&'a self, key: &'a ApiKey) -> SinkFuture<'a, ()> {
        Box::pin(ready(self.write_now(key)))
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, chown};

    use super::super::Form;
    use super::*;

    #[test]
    fn a_file_that_others_can_read_after_the_read_is_not_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        let sink = FileSink::new(path.clone(), Rules { form: Form::Raw, is_strict: true });
        assert!(matches!(sink.read_now(), Ok(Content::Nothing)));
        fs::write(&path, "").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(sink.write_now(&ApiKey::parse("MadeUpKeyForTheTests").unwrap()).is_err());
        assert_eq!(fs::read_to_string(&path).unwrap(), "");
    }

    #[test]
    fn a_file_of_another_user_that_appears_after_the_read_is_not_replaced() {
        if !rustix::process::geteuid().is_root() {
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        let sink = FileSink::new(path.clone(), Rules { form: Form::Raw, is_strict: true });
        assert!(matches!(sink.read_now(), Ok(Content::Nothing)));
        fs::write(&path, "MadeUpKeyOfAnotherUser").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        chown(&path, Some(65534), None).unwrap();
        let key = ApiKey::parse("MadeUpKeyForTheTests").unwrap();
        assert!(sink.write_now(&key).is_err());
        assert!(matches!(sink.read_now(), Ok(Content::Credential(_))));
        sink.write_now(&key).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "MadeUpKeyForTheTests");
    }
}
