//! Recognizes text that holds a credential among other things: the file of a secret store, a `.env` file, YAML, PEM.

use serde::de::IgnoredAny;

use crate::mistake::Mistake;

/// What the text is, if it is no credential but holds one. A raw key may have any form, so that only what is certain is
/// recognized.
pub(crate) fn container(text: &str) -> Option<Mistake> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text).trim();
    // What keys are made of, as a rule: each answer of Codat's holds up to ten.
    if text.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return None;
    }
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    match text {
        _ if text.starts_with(['{', '[']) && serde_json::from_str::<IgnoredAny>(text).is_ok() => Some(Mistake::Json),
        _ if text.starts_with("-----BEGIN ") => Some(Mistake::Pem),
        _ if lines.clone().any(is_assignment) => Some(Mistake::Assignment),
        _ if lines.any(is_yaml) => Some(Mistake::Yaml),
        _ => None,
    }
}

/// `CODAT_API_KEY=...`, as in a `.env` file or a shell's script. The padding of Base64 is no value.
fn is_assignment(line: &str) -> bool {
    let line = ["export ", "set ", "$env:"].iter().find_map(|word| line.strip_prefix(word)).unwrap_or(line);
    line.split_once('=').is_some_and(|(name, value)| {
        let value = value.trim();
        is_name(name.trim()) && !value.is_empty() && !value.starts_with('=')
    })
}

/// `apiKey: ...`. A raw key holds no space.
fn is_yaml(line: &str) -> bool {
    line.split_once(": ").is_some_and(|(name, _)| is_name(name) && !name.eq_ignore_ascii_case("authorization"))
}

/// The name of a variable or a member that holds a secret.
fn is_name(name: &str) -> bool {
    let name = name.trim_matches(['"', '\'']).to_ascii_lowercase();
    name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'))
        && ["codat", "key", "auth", "secret", "token"].iter().any(|word| name.contains(word))
}
