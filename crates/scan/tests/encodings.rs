//! A test for each encoding, and property tests for compositions of encodings.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use codat_keys_scan::{Finding, Key, Scanner, Severity};
use proptest::prelude::*;

/// A made-up key.
const KEY: &str = "zTok3nMadeUpForTheTestsOfTheScanner0a1B2";

fn find_key(key: &str, text: &[u8]) -> Vec<Finding> {
    let key = Key::new(key).expect("a key").with_name("billing");
    Scanner::new([key]).expect("a scanner").scan_bytes(text)
}

fn codes(text: &[u8], separator: &str, code: impl Fn(u8) -> String) -> String {
    text.iter().map(|byte| code(*byte)).collect::<Vec<_>>().join(separator)
}

fn hexadecimal(text: &[u8]) -> String {
    codes(text, "", |byte| format!("{byte:02x}"))
}

fn base32(text: &[u8]) -> String {
    let bits: Vec<u8> = text.iter().flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1)).collect();
    let value = |bits: &[u8]| (0..5).fold(0, |value, at| value << 1 | bits.get(at).copied().unwrap_or_default());
    bits.chunks(5).map(|bits| char::from(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"[value(bits) as usize])).collect()
}

fn utf16(text: &[u8]) -> Vec<u8> {
    text.iter().flat_map(|byte| [*byte, 0]).collect()
}

fn lines(text: &str, width: usize, separator: &str) -> String {
    let lines: Vec<&[u8]> = text.as_bytes().chunks(width).collect();
    lines.iter().map(|line| String::from_utf8_lossy(line).into_owned()).collect::<Vec<_>>().join(separator)
}

fn hex_dump(text: &[u8], gap: &str) -> String {
    let mut dump = String::new();
    for (row, bytes) in text.chunks(16).enumerate() {
        let pairs = if gap.is_empty() {
            bytes.chunks(2).map(hexadecimal).collect::<Vec<_>>().join(" ")
        } else {
            codes(bytes, gap, |byte| format!("{byte:02x}"))
        };
        let shown: String =
            bytes.iter().map(|byte| if byte.is_ascii_graphic() { *byte as char } else { '.' }).collect();
        let _ = writeln!(dump, "{:08x}: {pairs}  {shown}", 16 * row);
    }
    dump
}

fn header() -> String {
    STANDARD.encode(KEY)
}

/// Each row is the name of a test, the text that contains the encoded key, and the encoding that is reported.
macro_rules! encodings {
    ($($name:ident: $text:expr => $encoding:literal,)*) => {$(
        #[test]
        fn $name() {
            let text = AsRef::<[u8]>::as_ref(&$text).to_vec();
            for text in [text.clone(), [b"let a = b;\n  x(\"", &text[..], b"\");\nreturn y\n"].concat()] {
                let findings = find_key(KEY, &text);
                assert_eq!(findings.iter().map(|found| &*found.encoding).collect::<Vec<_>>(), [$encoding]);
                assert!(!findings[0].excerpt.contains(&KEY[30..]));
                let severity = if stringify!($name).starts_with("low_") { Severity::Low } else { Severity::High };
                assert_eq!(findings[0].severity, severity);
            }
        }
    )*};
}

encodings! {
    plain: KEY => "plain text",
    in_an_environment_file: format!("CODAT_API_KEY={KEY}\n") => "plain text",
    in_a_url: format!("https://{KEY}:@api.codat.io/companies?x=1") => "plain text",
    string_concatenation: format!("'{}' + '{}'", &KEY[..13], &KEY[13..]) => "plain text",
    array_of_characters: codes(KEY.as_bytes(), ", ", |byte| format!("'{}'", byte as char)) => "plain text",
    added_lines_of_a_diff: format!("+{}\n+{}\n", &KEY[..25], &KEY[25..]) => "plain text",
    continued_lines_of_a_shell: format!("{}\\\n{}", &KEY[..9], &KEY[9..]) => "plain text",
    lines_of_quoted_printable: format!("{}=\r\n{}", &KEY[..9], &KEY[9..]) => "plain text",
    lines_in_json: format!("{}\\r\\n{}", &KEY[..19], &KEY[19..]) => "plain text",
    utf16_little_endian: utf16(KEY.as_bytes()) => "plain text",
    utf16_big_endian: KEY.bytes().flat_map(|byte| [0, byte]).collect::<Vec<_>>() => "plain text",
    utf32: KEY.bytes().flat_map(|byte| [byte, 0, 0, 0]).collect::<Vec<_>>() => "plain text",
    header_of_a_request: format!("Basic {}", header()) => "Base64",
    without_padding: STANDARD_NO_PAD.encode(KEY) => "Base64",
    url_safe: URL_SAFE.encode(KEY) => "Base64",
    url_safe_without_padding: URL_SAFE_NO_PAD.encode(KEY) => "Base64",
    user_and_empty_password: STANDARD.encode(format!("{KEY}:")) => "Base64",
    base64_after_one_byte: STANDARD.encode(format!("x{KEY}yz")) => "Base64",
    base64_after_two_bytes: STANDARD.encode(format!("ab{KEY}cde")) => "Base64",
    base64_of_a_json_document: STANDARD.encode(format!("{{\"key\":\"{KEY}\",\"a\":[1,2,3]}}")) => "Base64",
    base64_in_lines_of_mime: lines(&STANDARD.encode(format!("key: {KEY}; {KEY}").repeat(1).replacen(KEY, "other", 1)), 76, "\r\n") => "Base64",
    base64_in_lines_of_pem: lines(&STANDARD.encode(format!("0123456789012345678901234567890123456789{KEY}")), 64, "\n") => "Base64",
    base64_in_lines_of_json: lines(&header(), 20, "\\n") => "Base64",
    base64_in_a_data_url: format!("data:text/plain;base64,{}", header()) => "Base64",
    secret_of_kubernetes: STANDARD.encode(header()) => "Base64 › Base64",
    secret_of_kubernetes_with_scheme: STANDARD.encode(format!("Basic {}", header())) => "Base64 › Base64",
    command_of_powershell: STANDARD.encode(utf16(format!("$k='{KEY}'").as_bytes())) => "Base64 › UTF-16",
    command_of_powershell_with_header: STANDARD.encode(utf16(header().as_bytes())) => "Base64 › UTF-16 › Base64",
    hexadecimal_lowercase: hexadecimal(KEY.as_bytes()) => "hexadecimal",
    hexadecimal_uppercase: hexadecimal(KEY.as_bytes()).to_uppercase() => "hexadecimal",
    hexadecimal_with_colons: codes(KEY.as_bytes(), ":", |byte| format!("{byte:02X}")) => "hexadecimal",
    hexadecimal_with_spaces: codes(KEY.as_bytes(), " ", |byte| format!("{byte:02x}")) => "hexadecimal",
    hexadecimal_of_the_header: hexadecimal(header().as_bytes()) => "hexadecimal › Base64",
    percent_encoding: codes(KEY.as_bytes(), "", |byte| format!("%{byte:02X}")) => "hexadecimal",
    percent_encoding_twice: codes(KEY.as_bytes(), "", |byte| format!("%25{byte:02X}")) => "percent-encoding, twice",
    quoted_printable: codes(KEY.as_bytes(), "", |byte| format!("={byte:02X}")) => "hexadecimal",
    array_in_c: codes(KEY.as_bytes(), ", ", |byte| format!("0x{byte:02x}")) => "hexadecimal array",
    array_in_c_of_the_header: codes(header().as_bytes(), ",\n\t", |byte| format!("0x{byte:02X}")) => "hexadecimal array › Base64",
    hexadecimal_escapes: codes(KEY.as_bytes(), "", |byte| format!("\\x{byte:02x}")) => "hexadecimal escapes",
    hexadecimal_entities: codes(KEY.as_bytes(), "", |byte| format!("&#x{byte:x};")) => "hexadecimal escapes",
    unicode_escapes: codes(KEY.as_bytes(), "", |byte| format!("\\u{byte:04x}")) => "Unicode escapes",
    unicode_escapes_with_braces: codes(KEY.as_bytes(), "", |byte| format!("\\u{{{byte:x}}}")) => "Unicode escapes",
    long_unicode_escapes: codes(KEY.as_bytes(), "", |byte| format!("\\U{byte:08x}")) => "Unicode escapes",
    base32_uppercase: base32(KEY.as_bytes()) => "Base32",
    base32_lowercase: base32(format!("abc{KEY}").as_bytes()).to_lowercase() => "Base32",
    base32_of_the_header: base32(header().as_bytes()) => "Base32 › Base64",
    decimal_entities: codes(KEY.as_bytes(), "", |byte| format!("&#{byte};")) => "decimal codes",
    decimal_array: codes(KEY.as_bytes(), ", ", |byte| byte.to_string()) => "decimal codes",
    decimal_array_of_the_header: codes(header().as_bytes(), ",", |byte| byte.to_string()) => "decimal codes › Base64",
    octal_escapes: codes(KEY.as_bytes(), "", |byte| format!("\\{byte:03o}")) => "octal codes",
    long_octal_escapes: codes(KEY.as_bytes(), "", |byte| format!("\\{byte:04o}")) => "octal codes",
    some_characters_escaped: codes(KEY.as_bytes(), "", |byte| if byte % 3 == 0 { format!("%{byte:02X}") } else { (byte as char).into() }) => "escape sequences › plain text",
    mixed_escapes: codes(KEY.as_bytes(), "", |byte| if byte % 2 == 0 { format!("\\u{byte:04X}") } else { format!("\\x{byte:02x}") }) => "escape sequences › plain text",
    hex_dump_in_pairs: format!("\n{}", hex_dump(format!("key = {KEY}").as_bytes(), "")) => "hex dump › plain text",
    hex_dump_in_bytes: format!("\n{}", hex_dump(format!("key = {KEY}").as_bytes(), " ")) => "hex dump › plain text",
    base64_three_times: STANDARD.encode(STANDARD.encode(header())) => "Base64 › Base64 › Base64",
    hexadecimal_of_hexadecimal: hexadecimal(hexadecimal(KEY.as_bytes()).as_bytes()) => "hexadecimal › hexadecimal",
    low_reversed: KEY.chars().rev().collect::<String>() => "reversed",
    low_reversed_header: header().trim_end_matches('=').chars().rev().collect::<String>() => "reversed Base64",
    low_rot13: KEY.bytes().map(|byte| match byte { b'a'..=b'm' | b'A'..=b'M' => byte + 13, b'n'..=b'z' | b'N'..=b'Z' => byte - 13, _ => byte }).collect::<Vec<_>>() => "ROT13",
}

fn a_key() -> impl Strategy<Value = String> {
    "[A-Za-z0-9]{40}"
}

/// Encodes a text with one of the encodings.
fn encode(text: &[u8], encoding: usize) -> Vec<u8> {
    match encoding {
        0 => STANDARD.encode(text).into_bytes(),
        1 => URL_SAFE_NO_PAD.encode(text).into_bytes(),
        2 => hexadecimal(text).into_bytes(),
        3 => hexadecimal(text).to_uppercase().into_bytes(),
        4 => base32(text).into_bytes(),
        5 => codes(text, "", |byte| format!("\\x{byte:02x}")).into_bytes(),
        6 => codes(text, "", |byte| format!("%{byte:02X}")).into_bytes(),
        7 => codes(text, "", |byte| format!("\\u{byte:04x}")).into_bytes(),
        8 => codes(text, "", |byte| format!("&#{byte};")).into_bytes(),
        9 => codes(text, ", ", |byte| format!("0x{byte:02x}")).into_bytes(),
        10 => codes(text, ",", |byte| byte.to_string()).into_bytes(),
        11 => codes(text, "", |byte| format!("\\{byte:03o}")).into_bytes(),
        _ => utf16(text),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_composition_of_encodings_is_found(
        key in a_key(),
        encodings in prop::collection::vec((0usize..13, "([a-z ]{0,4} )?", "( [a-z ]{0,4})?"), 0..=3),
        before in "[ -~\n]{0,200}", after in "[ -~\n]{0,200}",
    ) {
        let mut text = key.clone().into_bytes();
        for (encoding, before, after) in &encodings {
            text = encode(&[before.as_bytes(), &text, after.as_bytes()].concat(), *encoding);
        }
        let text = [before.as_bytes(), b"\n", &text[..], b"\n", after.as_bytes()].concat();
        prop_assert!(!find_key(&key, &text).is_empty(), "not found: {:?}", encodings);
    }

    #[test]
    fn a_wrapped_encoding_is_found(
        key in a_key(), encoding in 0usize..13, offset in "[a-z]{0,7}",
        width in 1usize..100, separator in "(\n|\r\n|\\\\n|\" \\+ \"|\n    |', '|\n\\+|=\r\n|\n# )",
    ) {
        let text = encode(format!("{offset}{key}").as_bytes(), encoding);
        let separator = separator.as_bytes();
        let text = text.chunks(width).collect::<Vec<_>>().join(separator);
        prop_assert!(!find_key(&key, &text).is_empty());
    }

    #[test]
    fn text_without_the_key_has_no_finding(key in a_key(), text in "[ -~\n]{0,3000}") {
        prop_assert!(find_key(&key, text.as_bytes()).is_empty());
    }

    #[test]
    fn a_key_across_a_chunk_border_is_found_once(key in a_key(), before in 1_048_400usize..1_048_700, encoding in 0usize..13) {
        let text = [&vec![b'.'; before][..], &encode(key.as_bytes(), encoding), &[b'.'; 9000]].concat();
        let mut findings = Vec::new();
        let scanner = Scanner::new([Key::new(key).expect("a key")]).expect("a scanner");
        let bytes = scanner.scan_reader(&text[..], &mut |found| findings.push(found)).expect("no error");
        prop_assert_eq!(bytes, text.len() as u64);
        prop_assert_eq!(findings, scanner.scan_bytes(&text));
    }
}
