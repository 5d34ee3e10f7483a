//! Recognition of text that contains a credential in another format, such as JSON from a secret store, a `.env` file,
//! YAML or PEM, and of placeholders for a credential, such as a masked key or a reference to a secret.

use serde::de::IgnoredAny;

use super::mistake::Mistake;
use crate::lookalikes::MASK;

/// Returns the [`Mistake`] if a text contains a credential in another format, such as JSON, or is a placeholder for a
/// credential. Codat does not define which text is a raw key, so only unmistakable formats are recognized.
pub(crate) fn container(text: &str) -> Option<Mistake> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text).trim();
    // Fast path for alphanumeric text. Nearly all keys are alphanumeric, and each listed key is checked.
    if text.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return None;
    }
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    match text {
        _ if text.starts_with(['{', '[']) && serde_json::from_str::<IgnoredAny>(text).is_ok() => Some(Mistake::Json),
        _ if text.starts_with("-----BEGIN ") => Some(Mistake::Pem),
        _ if text.starts_with(MASK) => Some(Mistake::Masked),
        _ if is_reference(text) => Some(Mistake::Reference),
        _ if lines.clone().any(is_assignment) => Some(Mistake::Assignment),
        _ if lines.any(is_yaml) => Some(Mistake::Yaml),
        _ => None,
    }
}

/// Returns whether the text is a reference such as `$CODAT_API_KEY`, `${CODAT_API_KEY}`, `{{ key }}` or
/// `op://vault/item/field`. A raw key may begin with a dollar sign, so `$` counts only before the name of a variable
/// for secrets.
fn is_reference(text: &str) -> bool {
    let variable = text.strip_prefix('$').map(|name| name.trim_start_matches('{').trim_end_matches('}'));
    variable.is_some_and(|name| name.contains('_') && is_name(name))
        || (text.starts_with("{{") && text.ends_with("}}"))
        || text.starts_with("op://")
}

/// Returns whether the line is an assignment such as `CODAT_API_KEY=...`. The padding at the end of Base64 text, `=` or
/// `==`, does not count as an assignment.
fn is_assignment(line: &str) -> bool {
    let line = ["export ", "set ", "$env:"].iter().find_map(|word| line.strip_prefix(word)).unwrap_or(line);
    line.split_once('=').is_some_and(|(name, value)| {
        let value = value.trim();
        is_name(name.trim()) && !value.is_empty() && !value.starts_with('=')
    })
}

/// Returns whether the line is a YAML field such as `apiKey: ...`. The space after the colon distinguishes the line
/// from a raw key.
fn is_yaml(line: &str) -> bool {
    line.split_once(": ").is_some_and(|(name, _)| is_name(name) && !name.eq_ignore_ascii_case("authorization"))
}

/// Returns whether `name` is the name of a variable or field that holds a secret.
fn is_name(name: &str) -> bool {
    let name = name.trim_matches(['"', '\'']).to_ascii_lowercase();
    name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'))
        && ["codat", "key", "auth", "secret", "token"].iter().any(|word| name.contains(word))
}
