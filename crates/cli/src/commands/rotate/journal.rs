//! The folder and the name of the journal.

use std::env;
use std::path::{Path, PathBuf};

use codat_keys::internal::check_trusted_folder;
use codat_keys_rotate::FileJournal;

use crate::credential_selection::{self, Selection};
use crate::failure::Failure;

/// The name of the journal if no profile is selected.
const WITHOUT_PROFILE: &str = "default";

/// Opens the journals in `folder`, by default those of this user. The first entry creates the folder. Returns an error
/// if other users can change the folder, because a journal names the sinks of a rotation.
pub(super) fn open(folder: Option<&Path>) -> Result<FileJournal, Failure> {
    let folder = folder.map_or_else(default_folder, |folder| Ok(folder.to_owned()))?;
    let existing = folder.ancestors().find(|folder| folder.exists()).unwrap_or(&folder);
    check_trusted_folder(existing).map_err(|error| {
        let hint = error.hint("name a folder of your own for the journal: --journal DIR");
        Failure::local(format!("{} {error}", existing.display()), hint)
    })?;
    // The folder may be below one with the sticky bit, such as /tmp, but must not be one: others could create journals.
    #[cfg(unix)]
    if folder.metadata().is_ok_and(|folder| std::os::unix::fs::PermissionsExt::mode(&folder.permissions()) & 0o022 != 0)
    {
        let what = format!("{} is not trusted: other users can create files in it", folder.display());
        return Err(Failure::local(what, "name a folder of your own for the journal: --journal DIR"));
    }
    Ok(FileJournal::new(folder))
}

/// Returns the name of the journal: `lock`, or the name of the selected profile.
pub(super) fn name(lock: Option<&str>, profile: Option<&str>) -> Result<String, Failure> {
    if let Some(lock) = lock {
        return Ok(lock.to_owned());
    }
    Ok(match credential_selection::select(profile)? {
        Selection::Profile(profile) => profile.name.to_string(),
        Selection::Environment => WITHOUT_PROFILE.to_owned(),
    })
}

/// Returns the folder of the journals of this user: `codat-keys/rotations` in the folder that `XDG_STATE_HOME` names,
/// else in `.local/state` in the home folder. On Windows, in the folder that `LOCALAPPDATA` names.
fn default_folder() -> Result<PathBuf, Failure> {
    let variable = if cfg!(windows) { "LOCALAPPDATA" } else { "XDG_STATE_HOME" };
    let named = env::var_os(variable).filter(|folder| !folder.is_empty()).map(PathBuf::from);
    let folder = named.or_else(|| {
        let inner = if cfg!(windows) { "AppData/Local" } else { ".local/state" };
        Some(env::home_dir()?.join(inner))
    });
    match folder.filter(|folder| folder.is_absolute()) {
        Some(folder) => Ok(folder.join("codat-keys").join("rotations")),
        None => Err(Failure::local(
            format!(
                "there is no folder for the journal: {variable} is a relative path, or this user has no home folder"
            ),
            format!("set {variable} to an absolute path, or name a folder: --journal DIR"),
        )),
    }
}
