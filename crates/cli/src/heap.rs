//! The memory of large bodies.

/// The size in bytes from which the C library returns memory to the system at once.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const RETURNED_BYTES: i32 = 1 << 20;

/// Makes the memory of each large body return to the system when the body is dropped. Otherwise, glibc would keep the
/// memory in the heap of the thread that allocated the body. Several threads allocate the bodies of a paginated list,
/// so the list would take twice the memory. Has no effect with another C library.
pub(crate) fn return_large_bodies() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    #[expect(unsafe_code, reason = "no safe function sets this option of glibc")]
    // SAFETY: `mallopt` takes two numbers, and may be called at any time. If it fails, nothing changes.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, RETURNED_BYTES);
    }
}
