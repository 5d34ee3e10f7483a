//! `cargo xtask docs --pictures`: records the command `demo` and a rotation in a terminal, and draws each recording as
//! an SVG image. An emulator makes up the API keys that the images show.

use std::path::{Path, absolute};
use std::{env, fs};

use anyhow::{Context as _, Result, bail};

use crate::process::{program, run};
use crate::{rust, tools};

/// The shell command that records a rotation. It first creates the key that is rotated, and stores it in a file.
const ROTATION: &str = r#"codat-keys create billing --out key.txt && unset CODAT_API_KEY && CODAT_API_KEY_FILE=key.txt exec \
"$PYTHON" "$SCRIPT" . "$IMAGES/rotate.svg" "codat-keys rotate" \
"codat-keys list" "codat-keys rotate --to file:key.txt" "codat-keys rotate finish" "codat-keys list""#;

const DEMO: &str = r#"exec "$PYTHON" "$SCRIPT" . "$IMAGES/demo.svg" "codat-keys demo" "codat-keys demo""#;

/// Writes `demo.svg` and `rotate.svg` to `docs/images`.
pub(crate) fn pictures() -> Result<()> {
    if cfg!(windows) {
        bail!("the pictures need a pseudo-terminal of Unix");
    }
    rust::build_programs()?;
    let python = tools::rich()?;
    let codat_keys = absolute(rust::built_program("codat-keys"))?;
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = codat_keys.parent().map(Path::to_owned).into_iter().chain(env::split_paths(&path));
    let path = env::join_paths(folders)?;
    // The recording of a rotation shows the path of this folder.
    let folder = env::temp_dir().join("codat-keys-recording");
    for recording in [DEMO, ROTATION] {
        fs::remove_dir_all(&folder).ok();
        fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
        let mut emulator = program(&codat_keys);
        emulator.args(["emulator", "exec", "--", "sh", "-c", recording]).current_dir(&folder);
        // The journal of the rotation is in this folder too.
        emulator.env("HOME", &folder).env_remove("XDG_STATE_HOME").env_remove("XDG_CONFIG_HOME").env("PATH", &path);
        emulator.env("PYTHON", absolute(python.get_program())?);
        emulator.env("SCRIPT", absolute("docs/site/pictures.py")?).env("IMAGES", absolute("docs/images")?);
        run(&mut emulator)?;
    }
    fs::remove_dir_all(&folder)?;
    println!("wrote docs/images/demo.svg and docs/images/rotate.svg");
    Ok(())
}
