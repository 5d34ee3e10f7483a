//! `codat-keys-bench`: compares the speed of codat-keys with that of other clients. `cargo xtask bench` builds and runs
//! this program.

#[cfg(target_os = "linux")]
fn main() -> anyhow::Result<()> {
    codat_keys_bench::main()
}

#[cfg(not(target_os = "linux"))]
fn main() -> std::process::ExitCode {
    eprintln!("the bench pins programs to cores and reads /proc: it needs Linux");
    std::process::ExitCode::FAILURE
}
