//! The test applications in `tests/hosts`. Each application depends on codat-keys and reqwest, and enables other
//! features of these crates than the workspace does.

use std::process::Command;

use crate::process::command;

/// Returns the command that builds and tests the application `host` in `tests/hosts`. Each application needs a separate
/// build. If cargo built the applications together, each one would get the features of all applications.
pub(crate) fn test(host: &str) -> Command {
    let mut cargo = command("cargo test --manifest-path tests/hosts/Cargo.toml --target-dir target --package");
    cargo.arg(format!("host-{host}"));
    cargo
}

/// Returns the reason why this machine cannot build an application with native-tls. Returns `None` if the machine can
/// build such an application.
pub(crate) fn lacks_native_tls() -> Option<&'static str> {
    let found =
        !cfg!(target_os = "linux") || command("pkg-config --exists openssl").status().is_ok_and(|it| it.success());
    (!found).then_some("no OpenSSL headers")
}
