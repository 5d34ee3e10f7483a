//! The sources of an error.

use std::io;

/// Returns the first error of the type `E` in an error and its sources.
pub(super) fn find<'a, E: std::error::Error + 'static>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a E> {
    chain(error).find_map(|error| error.downcast_ref())
}

/// Iterates over an error and its sources.
pub(super) fn chain<'a>(
    error: &'a (dyn std::error::Error + 'static),
) -> impl Iterator<Item = &'a (dyn std::error::Error + 'static)> {
    std::iter::successors(Some(error), |error| {
        // An I/O error can wrap another error. `source` then returns the source of the wrapped error, and skips the
        // wrapped error.
        let wrapped = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        wrapped.map(|wrapped| wrapped as _).or(error.source())
    })
}
