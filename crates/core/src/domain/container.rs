//! Detection of text that is not itself a credential. One example is a document that contains a credential: JSON, YAML,
//! PEM or a `.env` file. Another example is a placeholder such as `$CODAT_API_KEY`.

use serde::de::IgnoredAny;

use super::mistake::Mistake;
use crate::lookalikes::MASK;

/// Returns a [`Mistake`] if the text is a document that contains a credential, for example in JSON. Also returns a
/// [`Mistake`] if the text is a placeholder such as `$CODAT_API_KEY`. Codat does not define the form of a raw key. The
/// function therefore recognizes only text that cannot be a raw key.
pub(crate) fn container(text: &str) -> Option<Mistake> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text).trim();
    // Most API keys are alphanumeric, and each listed key is checked. This shortcut saves time.
    if text.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return None;
    }
    let mut lines = text.lines().map(str::trim);
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
/// `op://vault/item/field`. A raw key can begin with a dollar sign. A dollar sign is therefore recognized only before a
/// variable name that suggests a secret, such as `API_KEY`.
fn is_reference(text: &str) -> bool {
    let variable = text.strip_prefix('$').map(|name| name.trim_start_matches('{').trim_end_matches('}'));
    variable.is_some_and(|name| name.contains('_') && is_name(name))
        || (text.starts_with("{{") && text.ends_with("}}"))
        || text.starts_with("op://")
}

/// Returns whether the line is an assignment such as `CODAT_API_KEY=...`. The characters `=` or `==` at the end of
/// Base64 text are not an assignment.
fn is_assignment(line: &str) -> bool {
    let line = ["export ", "set ", "$env:"].iter().find_map(|word| line.strip_prefix(word)).unwrap_or(line);
    line.split_once('=').is_some_and(|(name, value)| {
        let value = value.trim();
        is_name(name.trim()) && !value.is_empty() && !value.starts_with('=')
    })
}

/// Returns whether the line is a YAML field such as `apiKey: ...`. A space must follow the colon, because a raw key can
/// contain a colon but no space.
fn is_yaml(line: &str) -> bool {
    line.split_once(": ").is_some_and(|(name, _)| is_name(name) && !name.eq_ignore_ascii_case("authorization"))
}

/// Returns whether `name` is a variable or field name that suggests a secret, such as `API_KEY`.
fn is_name(name: &str) -> bool {
    let name = name.trim_matches(['"', '\'']).to_ascii_lowercase();
    name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'))
        && ["codat", "key", "auth", "secret", "token"].iter().any(|word| name.contains(word))
}
