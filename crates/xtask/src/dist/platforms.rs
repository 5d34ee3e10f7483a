//! The platforms for which native npm packages exist.

use std::env::consts::{ARCH, OS};

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

/// A platform. The fields have the values that npm uses for `os`, `cpu` and `libc` in `package.json`.
pub(super) struct Platform {
    os: &'static str,
    cpu: &'static str,
    /// The C library of the platform. `None` on systems other than Linux.
    libc: Option<&'static str>,
}

pub(super) const PLATFORMS: [Platform; 7] = [
    Platform { os: "darwin", cpu: "arm64", libc: None },
    Platform { os: "darwin", cpu: "x64", libc: None },
    Platform { os: "linux", cpu: "arm64", libc: Some("glibc") },
    Platform { os: "linux", cpu: "arm64", libc: Some("musl") },
    Platform { os: "linux", cpu: "x64", libc: Some("glibc") },
    Platform { os: "linux", cpu: "x64", libc: Some("musl") },
    Platform { os: "win32", cpu: "x64", libc: None },
];

impl Platform {
    /// Returns the platform of this machine.
    pub(super) fn here() -> Result<&'static Self> {
        let os = [("macos", "darwin"), ("windows", "win32")].iter().find(|(rust, _)| *rust == OS).map_or(OS, |os| os.1);
        let cpu =
            [("x86_64", "x64"), ("aarch64", "arm64")].iter().find(|(rust, _)| *rust == ARCH).map_or(ARCH, |cpu| cpu.1);
        let libc = (OS == "linux").then_some(if cfg!(target_env = "musl") { "musl" } else { "glibc" });
        let is_it = |platform: &&Self| (platform.os, platform.cpu, platform.libc) == (os, cpu, libc);
        PLATFORMS.iter().find(is_it).with_context(|| format!("npm has no packages for {OS} on {ARCH}"))
    }

    /// Returns the name of the platform, such as `linux-x64-gnu`. `node/src/native.ts` and
    /// `crates/cli/npm/codat-keys.js` compute the same names.
    pub(super) fn name(&self) -> String {
        let libc = match self.libc {
            Some("glibc") => "-gnu",
            Some(_) => "-musl",
            None => "",
        };
        format!("{}-{}{libc}", self.os, self.cpu)
    }

    /// Adds fields to a `package.json`, so that npm installs the package only on this platform.
    pub(super) fn restrict(&self, manifest: &mut Value) {
        manifest["os"] = json!([self.os]);
        manifest["cpu"] = json!([self.cpu]);
        if let Some(libc) = self.libc {
            manifest["libc"] = json!([libc]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_a_name_of_its_own() {
        let names: Vec<String> = PLATFORMS.iter().map(Platform::name).collect();
        assert_eq!(names[2..], ["linux-arm64-gnu", "linux-arm64-musl", "linux-x64-gnu", "linux-x64-musl", "win32-x64"]);
        let mut manifest = json!({});
        PLATFORMS[3].restrict(&mut manifest);
        assert_eq!(manifest, json!({ "os": ["linux"], "cpu": ["arm64"], "libc": ["musl"] }));
    }
}
