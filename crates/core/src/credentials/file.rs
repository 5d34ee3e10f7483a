//! A key in a file, as Docker and Kubernetes mount secrets.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use zeroize::Zeroizing;

use crate::credential::{Credential, Mistake, without_line_break};
use crate::error::{Error, ErrorKind};

/// Far more than any key: a larger file was named by mistake.
const MAX_FILE_BYTES: u64 = 64 * 1024;

/// Reads either form of a credential; one line break at the file's end is what editors leave, and is dropped.
pub(super) fn read(variable: &str, path: &Path) -> Result<Credential, Error> {
    if path.as_os_str().is_empty() {
        return Err(super::empty_variable(variable));
    }
    let place = format!("the file that {variable} names");
    let unreadable = |source: std::io::Error| {
        Error::new(ErrorKind::InvalidCredential, format!("{place} cannot be read: {source}"))
            .hint_is(format!("check the path in {variable} and the permissions of the file"))
            .caused_by(source)
    };
    let mut bytes = Zeroizing::new(Vec::new());
    File::open(path).and_then(|file| file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes)).map_err(unreadable)?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(Error::new(ErrorKind::InvalidCredential, format!("{place} is larger than 64 KiB"))
            .hint_is("name a file that holds the key alone"));
    }
    let text = std::str::from_utf8(&bytes).map_err(|_| Mistake::NonAscii.in_place(&place))?;
    Credential::read(without_line_break(text)).map_err(|mistake| mistake.in_place(&place))
}
