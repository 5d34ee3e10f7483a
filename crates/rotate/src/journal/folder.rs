//! The default folder of journals.

use std::env;
use std::path::PathBuf;

use super::FileJournal;
use crate::error::{RotationError, RotationErrorKind};

impl FileJournal {
    /// Creates a store in the folder `codat-keys/rotations` of this user. The command-line program uses the same
    /// folder. The environment variable `XDG_STATE_HOME` contains the path of the folder that contains `codat-keys`.
    /// The default is `.local/state` in the home folder. On Windows, the variable is `LOCALAPPDATA`, and the default is
    /// `AppData/Local` in the home folder.
    ///
    /// # Errors
    /// `Journal` if the variable contains a relative path, or if this user has no home folder.
    pub fn of_this_user() -> Result<Self, RotationError> {
        let variable = if cfg!(windows) { "LOCALAPPDATA" } else { "XDG_STATE_HOME" };
        let named = env::var_os(variable).filter(|folder| !folder.is_empty()).map(PathBuf::from);
        let folder = named.or_else(|| {
            let inner = if cfg!(windows) { "AppData/Local" } else { ".local/state" };
            Some(env::home_dir()?.join(inner))
        });
        match folder.filter(|folder| folder.is_absolute()) {
            Some(folder) => Ok(Self::new(folder.join("codat-keys").join("rotations"))),
            None => {
                let message = format!(
                    "there is no folder for the journal: {variable} is a relative path, or this user has no home folder"
                );
                let hint = format!("set {variable} to an absolute path, or name a folder for the journal");
                Err(RotationError::new(RotationErrorKind::Journal, message, hint))
            }
        }
    }
}
