//! The folder and the name of the journal.

use std::io::{self, ErrorKind};
use std::path::Path;

use codat_keys_rotate::FileJournal;

use super::options::invalid;
use crate::credential_selection::{self, Selection};
use crate::failure::Failure;
use crate::redact::holds_secret;

/// The name of the journal if no profile is selected.
const WITHOUT_PROFILE: &str = "default";

/// Opens the folder of the journals: `folder`, or the default folder of this user. Creates nothing. Returns an error if
/// other users can change the journal `name`.
pub(super) fn open(folder: Option<&Path>, name: &str) -> Result<FileJournal, Failure> {
    if let Some(folder) = folder {
        refuse_key(&folder.to_string_lossy(), "the path of the journal", "choose another folder: --journal DIR")?;
    }
    let journal = match folder {
        Some(folder) => FileJournal::new(folder),
        None => FileJournal::of_this_user()
            .map_err(|error| Failure::local(error.to_string(), format!("{}: --journal DIR", error.hint())))?,
    };
    journal.check(name).map_err(unusable)?;
    Ok(journal)
}

/// Returns an error if `text` contains an API key. `text` is the folder of the journals or the name of a journal.
fn refuse_key(text: &str, what: &str, hint: &str) -> Result<(), Failure> {
    if holds_secret(text) {
        return Err(invalid(format!("{what} contains an API key, or what looks like one"), hint));
    }
    Ok(())
}

/// Returns the failure for a journal whose folder cannot be created or is not trusted.
pub(super) fn unusable(error: io::Error) -> Failure {
    if error.kind() == ErrorKind::InvalidInput {
        return invalid(error, "use 1 to 100 letters, digits, `_`, `-` and `.`, not first");
    }
    let hint = "name a folder of your own for the journal: --journal DIR";
    Failure::local(format!("the folder of the journal cannot be used: {error}"), hint)
}

/// Returns the name of the journal: `lock`, or the name of the selected profile.
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
