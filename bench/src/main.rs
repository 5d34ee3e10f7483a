//! `codat-keys-bench`: how fast codat-keys is beside other clients. `cargo xtask bench` builds and runs it.

#[cfg(target_os = "linux")]
mod bench;

#[cfg(target_os = "linux")]
fn main() -> anyhow::Result<()> {
    bench::main()
}

#[cfg(not(target_os = "linux"))]
fn main() -> std::process::ExitCode {
    eprintln!("the bench pins programs to cores and reads /proc: it needs Linux");
    std::process::ExitCode::FAILURE
}
