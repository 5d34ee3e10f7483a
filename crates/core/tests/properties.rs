//! Property tests of the parsers and the encoder.

use codat_keys::{ApiKey, AuthorizationHeader, Credential, ErrorKind, KeyId, KeyName};
use proptest::prelude::*;

/// Encodes bytes in Base64 (RFC 4648). Shares no code with this crate.
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let bits = group.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - group.len()));
        for place in 0..4 {
            let six = (bits >> (18 - 6 * place)) as usize & 63;
            text.push(if place <= group.len() { ALPHABET[six] as char } else { '=' });
        }
    }
    text
}

/// Returns the number of the first documented rule for a credential that matches the text. Shares no code with this
/// crate.
fn rule(text: &str) -> u8 {
    let lower = text.to_lowercase();
    let edge = |c: Option<char>| c.is_some_and(|c| c.is_whitespace() || "\"'`".contains(c));
    let plain = text.chars().all(|c| (' '..='~').contains(&c));
    if text.is_empty() || !plain || edge(text.chars().next()) || edge(text.chars().last()) {
        1
    } else if lower.starts_with("authorization:") || lower.starts_with("bearer ") {
        2
    } else if lower.starts_with("basic ") {
        3
    } else if text.contains(' ') {
        1
    } else {
        4
    }
}

fn credential_like() -> impl Strategy<Value = String> {
    let scheme =
        prop_oneof![Just(""), Just("Basic "), Just("bAsIc "), Just("Bearer "), Just("Authorization: "), Just(" ")];
    let body = prop_oneof![
        "[!-~]{0,60}",
        "[A-Za-z0-9]{40}",
        "[A-Za-z0-9]{40}".prop_map(|key| base64(key.as_bytes())),
        "[!-~]{1,50}:?".prop_map(|key| base64(key.as_bytes())),
        "[!-~]{1,50}".prop_map(|key| base64(key.as_bytes()).trim_end_matches('=').to_owned()),
        any::<String>(),
    ];
    (scheme, body, prop_oneof![Just(""), Just("\n"), Just("\""), Just(":")]).prop_map(|(a, b, c)| format!("{a}{b}{c}"))
}

proptest! {
    #[test]
    fn every_key_is_encoded_as_base64_and_parsed_back(key in "[!-~]{1,200}") {
        let Ok(key) = ApiKey::verbatim(&key) else {
            // A key of printable characters is rejected only if it begins or ends with a quote.
            prop_assert!(key.starts_with(['"', '\'', '`']) || key.ends_with(['"', '\'', '`']));
            return Ok(());
        };
        let header = AuthorizationHeader::from(&key);
        prop_assert_eq!(header.expose_secret(), format!("Basic {}", base64(key.expose_secret().as_bytes())));
        if let Ok(read) = AuthorizationHeader::parse(header.expose_secret()) {
            prop_assert_eq!(read.api_key(), &key);
        }
    }

    #[test]
    fn every_text_is_either_a_key_a_header_or_an_error(text in credential_like()) {
        let (key, header) = (ApiKey::parse(&text), AuthorizationHeader::parse(&text));
        prop_assert!(!(key.is_ok() && header.is_ok()));
        match Credential::parse(&text) {
            Ok(Credential::ApiKey(read)) => {
                prop_assert_eq!(rule(&text), 4);
                prop_assert!(!text.ends_with(':'));
                prop_assert_eq!(read.expose_secret(), &text);
                prop_assert!(key.is_ok());
            }
            Ok(Credential::Header(read)) => {
                prop_assert_eq!(rule(&text), 3);
                prop_assert_eq!(&text["Basic ".len()..], base64(read.api_key().expose_secret().as_bytes()));
                prop_assert!(header.is_ok());
            }
            Err(error) => {
                prop_assert_eq!(error.kind(), ErrorKind::InvalidCredential);
                prop_assert!(key.is_err() && header.is_err());
                prop_assert!(text.len() < 12 || !format!("{error:?}").contains(&text), "{:?}", error);
            }
        }
    }

    #[test]
    fn parsing_arbitrary_bytes_does_not_panic(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
        let text = String::from_utf8_lossy(&bytes);
        let _ = (Credential::parse(&text), Credential::parse_line(&text), KeyId::parse(&text), KeyName::parse(&text));
    }

    #[test]
    fn one_line_break_is_removed_from_a_line(key in "[A-Za-z]{1,30}", breaks in 0_usize..4) {
        let read = Credential::parse_line(&format!("{key}{}", "\n".repeat(breaks)));
        prop_assert_eq!(read.is_ok(), breaks <= 1);
    }

    #[test]
    fn a_masked_key_contains_at_most_four_characters(key in "[A-Za-z0-9]{1,60}") {
        let Ok(key) = ApiKey::parse(&key) else { return Ok(()) };
        let shown = key.masked().trim_start_matches('*').to_owned();
        prop_assert!(shown.is_empty() || key.expose_secret().len() >= 12);
        prop_assert!(shown.len() <= 4 && key.expose_secret().ends_with(&shown));
    }

    #[test]
    fn a_name_has_at_most_fifty_utf16_units(name in "\\PC{1,60}") {
        let fits = name.encode_utf16().count() <= 50 && !name.trim().is_empty();
        let taken = KeyName::parse(&name).is_ok();
        prop_assert!(taken == fits || name.chars().any(char::is_control));
    }
}
