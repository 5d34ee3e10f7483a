//! Checks of request paths. A gateway can decode a path several times, or remove the parameters of a segment (`..;x`
//! becomes `..`). The request can then reach another resource.

use percent_encoding::percent_decode_str;

/// The maximum number of times that a path is percent-decoded.
const MAX_DECODINGS: usize = 3;

/// Returns whether a gateway can read a segment of the path as `.` or `..`.
pub(crate) fn has_dot_segment(path: &str) -> bool {
    segments(path).iter().any(|segment| matches!(segment.trim_matches(is_blank), "." | ".."))
}

/// Returns the non-empty segments of the path. Removes dots and white space from the start and the end of each segment.
/// A segment with only dots and white space stays unchanged.
pub(super) fn bare_segments(path: &str) -> Vec<String> {
    let bare = |segment: String| match segment.trim_matches(is_dot_or_blank) {
        "" => segment,
        bare => bare.to_owned(),
    };
    segments(path).into_iter().map(bare).filter(|segment| !segment.is_empty()).collect()
}

/// Returns whether a gateway can read a segment with this text as an empty segment or as `.` or `..`.
pub(super) fn is_bare(text: &str) -> bool {
    without_parameters(text).trim_matches(is_dot_or_blank).is_empty()
}

/// Decodes the path repeatedly, splits it at slashes, and returns the segments without their parameters. Gateways and
/// servers can also decode a path several times before they split it.
fn segments(path: &str) -> Vec<String> {
    let mut path = path.split('?').next().unwrap_or_default().to_owned();
    for _ in 0..MAX_DECODINGS {
        path = percent_decode_str(&path).decode_utf8_lossy().into_owned();
    }
    let segments = path.split(['/', '\\', char::REPLACEMENT_CHARACTER]);
    segments.map(|segment| without_parameters(segment).to_owned()).collect()
}

/// Returns the text before the first `;`, `?`, `#` or NUL. A decoded path can contain these characters.
fn without_parameters(segment: &str) -> &str {
    segment.split([';', '?', '#', '\0']).next().unwrap_or_default()
}

fn is_dot_or_blank(c: char) -> bool {
    c == '.' || is_blank(c)
}

fn is_blank(c: char) -> bool {
    c.is_whitespace() || c.is_control()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_is_judged_without_its_parameters() {
        for path in [
            "/..;x/y",
            "/.;",
            "/..;a=1;b=2/y",
            "/..%3bx/y",
            "/..%253B/y",
            "/%2e%2e;/y",
            "/%2e%2e%3b",
            "/a/%252e%252e/y",
            "/a%2f..;%2fy",
            "/a%5c.%3bx%5cy",
            "/..%20;x",
            "/..%09/y",
            "/..%3fx",
            "/..%23x",
            "/..%00x",
            "/a%c0%af..;x",
        ] {
            assert!(has_dot_segment(path), "{path}");
        }
        for path in ["/a;..", "/a;/b", "/...", "/a..b", "/..a;x", "/a?b=/..;x/", "/;x", "/"] {
            assert!(!has_dot_segment(path), "{path}");
        }
    }
}
