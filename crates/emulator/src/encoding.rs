//! Handling of byte order marks, which some editors and shells add to JSON.

/// Removes the UTF-8 byte order mark, which JSON does not allow. Returns an error if the text is encoded as UTF-16.
pub(crate) fn without_byte_order_mark(json: &[u8]) -> Result<&[u8], &'static str> {
    match json {
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] | [0, _, ..] | [_, 0, ..] => Err("is encoded as UTF-16: save it as UTF-8"),
        _ => Ok(json.strip_prefix(b"\xef\xbb\xbf").unwrap_or(json)),
    }
}
