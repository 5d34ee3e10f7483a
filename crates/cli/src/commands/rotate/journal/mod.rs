//! The place and the name of the journal.

#[cfg(feature = "object-store")]
mod bucket;

use std::env;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use codat_keys_rotate::{FileJournal, RotationBuilder};

use super::options::{invalid, url};
use crate::connection::Connection;
use crate::credential_selection::{self, Selection};
use crate::failure::Failure;
use crate::redact::holds_secret;
#[cfg(feature = "object-store")]
use bucket::BucketJournal;

/// The name of the journal if no profile is selected.
const WITHOUT_PROFILE: &str = "default";

/// The journals in a folder or a bucket.
pub(super) enum Journal {
    Folder(FileJournal),
    #[cfg(feature = "object-store")]
    Bucket(BucketJournal),
}

impl Journal {
    /// Opens the journals in `place`. If `place` is `None`, opens the journals in the default folder of this user.
    /// Creates nothing, and sends no request. Returns an error if other users can change the folder of the journal
    /// `name`.
    pub(super) fn open(place: Option<&Path>, name: &str, connection: &Connection) -> Result<Self, Failure> {
        if let Some(url) = place.and_then(url) {
            refuse_key(url, "the URL of the journal", "choose another prefix: --journal URL")?;
            return Self::open_url(url, connection);
        }
        if let Some(folder) = place {
            refuse_key(&folder.to_string_lossy(), "the path of the journal", "choose another folder: --journal DIR")?;
        }
        let journal = match place {
            Some(folder) => FileJournal::new(folder),
            None => FileJournal::of_this_user()
                .map_err(|error| Failure::local(error.to_string(), format!("{}: --journal DIR", error.hint())))?,
        };
        journal.check(name).map_err(unusable)?;
        Ok(Self::Folder(journal))
    }

    #[cfg(feature = "object-store")]
    fn open_url(url: &str, connection: &Connection) -> Result<Self, Failure> {
        BucketJournal::open(url, connection).map(Self::Bucket)
    }

    #[cfg(not(feature = "object-store"))]
    fn open_url(_: &str, _: &Connection) -> Result<Self, Failure> {
        let what = "this program was built without the feature `object-store`, which journals in buckets need";
        Err(invalid(what, "use a program with this feature, or a folder: --journal DIR"))
    }

    /// Creates the folder of the journal `name`. Does nothing for a journal in a bucket.
    pub(super) fn prepare(&self, name: &str) -> Result<(), Failure> {
        match self {
            Self::Folder(journal) => journal.prepare(name).map_err(unusable),
            #[cfg(feature = "object-store")]
            Self::Bucket(_) => Ok(()),
        }
    }

    /// Returns the builder with this journal.
    pub(super) fn set(&self, builder: RotationBuilder) -> RotationBuilder {
        match self {
            Self::Folder(journal) => builder.journal(journal.clone()),
            #[cfg(feature = "object-store")]
            Self::Bucket(journal) => builder.journal(journal.clone()),
        }
    }
}

/// Converts the path of the folder of the journals to an absolute path. If `place` is a URL, returns the URL unchanged.
pub(super) fn absolute(place: &Path) -> Result<PathBuf, Failure> {
    if url(place).is_some() {
        return Ok(place.to_owned());
    }
    let here = env::current_dir().map_err(|error| {
        Failure::local(format!("there is no current folder: {error}"), "go to a folder that exists")
    })?;
    Ok(here.join(place))
}

/// Returns an error if `text` contains an API key. `text` is the place of the journals or the name of a journal.
fn refuse_key(text: &str, what: &str, hint: &str) -> Result<(), Failure> {
    if holds_secret(text) {
        return Err(invalid(format!("{what} contains an API key, or what looks like one"), hint));
    }
    Ok(())
}

/// Returns the failure for a journal whose folder cannot be created or is not trusted.
fn unusable(error: io::Error) -> Failure {
    if error.kind() == ErrorKind::InvalidInput {
        return invalid(error, "use 1 to 100 letters, digits, `_`, `-` and `.`, not first");
    }
    let hint = "name a folder of your own for the journal: --journal DIR";
    Failure::local(format!("the folder of the journal cannot be used: {error}"), hint)
}

/// Returns the name of the journal: `lock` if it is given, otherwise the name of the selected profile. Without a
/// profile, the name is [`WITHOUT_PROFILE`].
pub(super) fn name(lock: Option<&str>, profile: Option<&str>) -> Result<String, Failure> {
    if let Some(lock) = lock {
        refuse_key(lock, "the name of the journal", "choose another name: --lock NAME")?;
        return Ok(lock.to_owned());
    }
    Ok(match credential_selection::select(profile)? {
        Selection::Profile(profile) => profile.name.to_string(),
        Selection::Environment => WITHOUT_PROFILE.to_owned(),
    })
}
