//! The URL of a bucket and a prefix in it.

use crate::commands::rotate::options::invalid;
use crate::failure::Failure;

/// The storage service that a URL names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Service {
    S3,
    GoogleCloud,
    Azure,
}

/// The parts of a URL such as `s3://BUCKET/PREFIX`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct BucketUrl<'a> {
    pub(super) service: Service,
    pub(super) bucket: &'a str,
    path: &'a str,
}

impl<'a> BucketUrl<'a> {
    /// Parses a URL. The errors do not contain the URL, because a URL can contain a password.
    pub(super) fn parse(url: &'a str) -> Result<Self, Failure> {
        let hint = "write it as s3://BUCKET/PREFIX, gs://BUCKET/PREFIX or az://CONTAINER/PREFIX, with letters, digits, \
                    `.`, `_` and `-`";
        if url.contains(['@', '?', '#']) {
            let what = "the URL of the journal has a user name, a password or a query";
            return Err(invalid(what, "set credentials in the environment, such as AWS_ACCESS_KEY_ID"));
        }
        let not_valid = || invalid("the URL of the journal is not valid", hint);
        let (scheme, rest) = url.split_once("://").ok_or_else(not_valid)?;
        let service = match scheme {
            "s3" => Service::S3,
            "gs" => Service::GoogleCloud,
            "az" => Service::Azure,
            _ => return Err(not_valid()),
        };
        let (bucket, path) = rest.split_once('/').unwrap_or((rest, ""));
        let path = path.strip_suffix('/').unwrap_or(path);
        let is_valid = is_segment(bucket) && (path.is_empty() || path.split('/').all(is_segment));
        if is_valid { Ok(Self { service, bucket, path }) } else { Err(not_valid()) }
    }

    /// Returns the prefix of the names of all objects. The prefix is empty or ends with `/`.
    pub(super) fn prefix(&self) -> String {
        if self.path.is_empty() { String::new() } else { format!("{}/", self.path) }
    }
}

fn is_segment(text: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    !text.starts_with('.') && !text.is_empty() && text.bytes().all(is_allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_names_a_bucket_and_a_prefix() {
        for (url, service, bucket, prefix) in [
            ("s3://b", Service::S3, "b", ""),
            ("s3://b/", Service::S3, "b", ""),
            ("gs://a.example.com/rotations", Service::GoogleCloud, "a.example.com", "rotations/"),
            ("az://c-1/a/b_c/", Service::Azure, "c-1", "a/b_c/"),
        ] {
            let parsed = BucketUrl::parse(url).ok().unwrap();
            assert_eq!((parsed.service, parsed.bucket, &*parsed.prefix()), (service, bucket, prefix), "{url}");
        }
    }

    #[test]
    fn a_url_with_anything_else_is_an_error_that_does_not_repeat_it() {
        for url in [
            "s3://",
            "s3:///a",
            "s3://b//a",
            "s3://b/a//",
            "s3://b/../a",
            "s3://b/./a",
            "s3://b/a%2Fb",
            "s3://b:80/a",
            "s3://b/a b",
            "http://b/a",
            "https://b/a",
            "file:///a",
            "S3://b",
            "s3a://b",
            "://b",
            "s3://user:word@b/a",
            "s3://b/a?token=word",
            "s3://b/a#word",
            "az://container@account/a",
        ] {
            let error = BucketUrl::parse(url).err().unwrap().to_string();
            assert!(
                error.starts_with("the URL of the journal ") && !error.contains("word@") && !error.contains("=word"),
                "{error}"
            );
        }
    }
}
