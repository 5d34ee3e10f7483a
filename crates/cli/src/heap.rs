//! The memory of large bodies.

/// The minimum size in bytes of an allocation that glibc returns to the system as soon as the allocation is freed.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const RETURNED_BYTES: i32 = 1 << 20;

/// Configures glibc to return the memory of a large body to the system when the body is dropped. By default, glibc
/// keeps the memory in the heap of the thread that allocated the body. Several threads allocate the bodies of a
/// paginated list, so by default the list takes twice the memory. Has no effect with another C library.
pub(crate) fn return_large_bodies() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    #[expect(unsafe_code, reason = "no safe function sets this option of glibc")]
    // SAFETY: `mallopt` takes two numbers, and may be called at any time. If it fails, nothing changes.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, RETURNED_BYTES);
    }
}
