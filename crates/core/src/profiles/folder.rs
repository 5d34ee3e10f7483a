//! The path of `config.toml`.

use std::path::PathBuf;

use crate::domain::mask_credentials;
use crate::environment::Environment;
use crate::error::{Error, ErrorKind};

/// Returns the path of `codat-keys/config.toml` in the configuration folder of the user. On Windows, the configuration
/// folder is the value of `APPDATA`, else `AppData/Roaming` in the home folder. On other systems, it is the value of
/// `XDG_CONFIG_HOME`, else `.config` in the home folder.
///
/// Returns an error if the environment variable or the home folder is a relative path, because the configuration folder
/// would then depend on the working directory. The XDG specification calls relative paths invalid.
pub fn config_path(environment: Environment<'_>) -> Result<PathBuf, Error> {
    let variables = if cfg!(windows) {
        [("APPDATA", ""), ("USERPROFILE", "AppData/Roaming")]
    } else {
        [("XDG_CONFIG_HOME", ""), ("HOME", ".config")]
    };
    let named = variables.into_iter().find_map(|(name, inner)| {
        let folder = environment(name).filter(|folder| !folder.is_empty())?;
        Some((name, PathBuf::from(folder), inner))
    });
    let folder = match named {
        Some((name, folder, _)) if !folder.is_absolute() => {
            let folder = mask_credentials(&folder.to_string_lossy());
            return Err(unknown(&format!("{name} is a relative path, {folder}"))
                .with_hint(format!("set {name} to an absolute path, or give the key in CODAT_API_KEY")));
        }
        Some((_, folder, inner)) => folder.join(inner),
        None => {
            let home = std::env::home_dir().filter(|home| home.is_absolute());
            let home = home.ok_or_else(|| {
                unknown("this user has no home folder").with_hint("set HOME, or give the key in CODAT_API_KEY")
            })?;
            home.join(variables[1].1)
        }
    };
    Ok(folder.join("codat-keys").join("config.toml"))
}

fn unknown(why: &str) -> Error {
    Error::new(ErrorKind::InvalidInput, format!("the folder for configuration is unknown: {why}"))
}
