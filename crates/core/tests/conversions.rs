//! Conversions of keys, ids and names from and to text.

use std::collections::HashMap;

use codat_keys::{ApiKey, AuthorizationHeader, Credential, Error, ErrorKind, KeyId, KeyName};

const KEY: &str = "MadeUpKeyA000000000000000000000000000000";

#[test]
fn each_conversion_from_text_applies_the_rules_of_parse() {
    fn check<T>(valid: &str, invalid: &str, kind: ErrorKind, text: impl Fn(T) -> String)
    where
        T: std::str::FromStr<Err = Error>
            + for<'a> TryFrom<&'a str, Error = Error>
            + TryFrom<String, Error = Error>
            + std::fmt::Debug,
    {
        let all = |given: &str| [given.parse(), T::try_from(given), T::try_from(given.to_owned())];
        for parsed in all(valid) {
            assert_eq!(text(parsed.unwrap()), valid);
        }
        for parsed in all(invalid) {
            assert_eq!(parsed.unwrap_err().kind(), kind, "{invalid}");
        }
    }
    let header = AuthorizationHeader::from(&ApiKey::parse(KEY).unwrap()).expose_secret().to_owned();
    let (input, credential) = (ErrorKind::InvalidInput, ErrorKind::InvalidCredential);
    check(KEY, &header, credential, |key: ApiKey| key.expose_secret().to_owned());
    check(&header, KEY, credential, |header: AuthorizationHeader| header.expose_secret().to_owned());
    check(KEY, "Bearer a", credential, |credential: Credential| credential.api_key().expose_secret().to_owned());
    check("id-a", "../a", input, |id: KeyId| id.as_ref().to_owned());
    check("ci", " ", input, |name: KeyName| name.as_ref().to_owned());
}

/// Fails in Clippy (`mutable_key_type`) if an id cannot be the key of a map.
#[test]
fn an_id_is_the_key_of_a_map() {
    let names: HashMap<KeyId, KeyName> = [("id-a".parse().unwrap(), "ci".parse().unwrap())].into();
    assert_eq!(names[&KeyId::parse("id-a").unwrap()].as_str(), "ci");
}

#[test]
fn bytes_and_lines_are_parsed_in_the_encodings_of_shells() {
    let line = format!("{KEY}\r\n");
    let utf16: Vec<u8> = line.encode_utf16().flat_map(u16::to_le_bytes).collect();
    for bytes in [line.as_bytes().to_vec(), [&[0xff, 0xfe], utf16.as_slice()].concat()] {
        assert_eq!(Credential::parse_bytes(&bytes).unwrap().api_key().expose_secret(), KEY);
    }
    assert_eq!(Credential::parse_line(&line).unwrap().api_key().expose_secret(), KEY);
    assert_eq!(Credential::parse_bytes(&[0xff, b'a']).unwrap_err().kind(), ErrorKind::InvalidCredential);
}

#[test]
fn the_error_of_a_credential_names_its_place() {
    let error = Credential::parse_from("what the vault returned", "").unwrap_err();
    assert!(error.to_string().starts_with("what the vault returned "), "{error}");
}
