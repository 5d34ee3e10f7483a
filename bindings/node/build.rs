//! Configures the linker. Node provides the functions of its native interface at run time.

fn main() {
    napi_build::setup();
}
