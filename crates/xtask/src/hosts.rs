//! The applications in `tests/hosts`, which depend on codat-keys, and on reqwest with other features.

use std::process::Command;

use crate::process::command;

/// Returns the command that builds and tests an application. The build shares the target directory of the workspace. Each
/// application is built by itself, because cargo unifies the features of packages that it builds together.
pub(crate) fn test(host: &str) -> Command {
    let mut cargo = command("cargo test --manifest-path tests/hosts/Cargo.toml --target-dir target --package");
    cargo.arg(format!("host-{host}"));
    cargo
}

/// Returns the reason why this machine cannot build an application with native-tls.
pub(crate) fn lacks_native_tls() -> Option<&'static str> {
    let found =
        !cfg!(target_os = "linux") || command("pkg-config --exists openssl").status().is_ok_and(|it| it.success());
    (!found).then_some("no OpenSSL headers")
}
