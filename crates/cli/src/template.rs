//! The parser of templates: text with `{{ codat.key }}`, `{{ codat.header }}` and `{{ codat.base_url }}`. `{{ "{{" }}` is a
//! literal `{{`.

use crate::redact::without_secrets;

/// A part of a template: literal text or a placeholder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Part<'t> {
    Text(&'t str),
    Key,
    Header,
    BaseUrl,
}

/// A syntax error of a template, with its line number.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TemplateError {
    pub(crate) line: usize,
    pub(crate) reason: String,
}

const MAX_SHOWN_CHARS: usize = 40;

pub(crate) fn parse(template: &str) -> Result<Vec<Part<'_>>, TemplateError> {
    let (mut parts, mut rest) = (Vec::new(), template);
    while let Some((before, after)) = rest.split_once("{{") {
        let error = |reason: String| {
            let read = template.len() - rest.len() + before.len();
            TemplateError { line: template[..read].matches('\n').count() + 1, reason }
        };
        // Only `}}` is valid after the quoted braces of `{{ "{{" }}`.
        let after_name = after.trim_start();
        let (name, after) = match after_name.strip_prefix("\"{{\"") {
            Some(after) => ("\"{{\"", after.trim_start().strip_prefix("}}")),
            None => after.split_once("}}").map_or((after, None), |(name, after)| (name.trim(), Some(after))),
        };
        let after = after.ok_or_else(|| error("`{{` is not closed by `}}`".into()))?;
        let part = match name {
            "codat.key" => Part::Key,
            "codat.header" => Part::Header,
            "codat.base_url" => Part::BaseUrl,
            "\"{{\"" => Part::Text("{{"),
            other => return Err(error(format!("`{}` is not known", shown(other)))),
        };
        parts.extend([Part::Text(before), part]);
        rest = after;
    }
    parts.push(Part::Text(rest));
    Ok(parts)
}

/// Shortens a name for an error message. Masks API keys before shortening, because a shortened key would not be
/// recognized.
fn shown(name: &str) -> String {
    let name = without_secrets(name.to_owned());
    let start: String = name.chars().take(MAX_SHOWN_CHARS).collect();
    if start.len() < name.len() { start + "..." } else { start }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Converts parts to the text of a template. This is the reverse of [`parse`]. `space` is the white space within
    /// the braces.
    fn template_of(parts: &[Part<'_>], space: &str) -> String {
        let braces = |name: &str| format!("{{{{{space}{name}{space}}}}}");
        let write = |part: &Part<'_>| match part {
            Part::Text(text) => text.replace("{{", &braces("\"{{\"")),
            Part::Key => braces("codat.key"),
            Part::Header => braces("codat.header"),
            Part::BaseUrl => braces("codat.base_url"),
        };
        parts.iter().map(write).collect()
    }

    /// Renders the parts of a template as one text. Two templates have the same meaning if these texts are equal. A
    /// placeholder is rendered as its name, such as `<Key>`.
    fn meaning(parts: &[Part<'_>]) -> String {
        let render = |part: &Part<'_>| match part {
            Part::Text(text) => (*text).to_owned(),
            other => format!("<{other:?}>"),
        };
        parts.iter().map(render).collect()
    }

    fn part() -> impl Strategy<Value = Part<'static>> {
        // Adds a full stop, because a brace at the end of a text would merge with the next braces.
        let text = "[a-z{} \"\n]{0,12}".prop_map(|text| Part::Text(String::leak(text + ".")));
        prop_oneof![text, Just(Part::Key), Just(Part::Header), Just(Part::BaseUrl)]
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(parts in prop::collection::vec(part(), 0..8), space in "[ \t\n]{0,3}") {
            let template = template_of(&parts, &space);
            prop_assert_eq!(parse(&template).map(|read| meaning(&read)), Ok(meaning(&parts)));
        }

        #[test]
        fn nothing_panics(template in "(\\{|\\}|codat\\.key|\"|\n|\\PC){0,40}") {
            if let Err(error) = parse(&template) {
                prop_assert!(error.line <= template.lines().count().max(1));
            }
        }
    }

    #[test]
    fn errors_have_their_line() {
        for (template, line, reason) in [
            ("a: {{ codat.key }}\nb: {{ vault.key }}\n", 2, "`vault.key` is not known"),
            ("{{codat.key", 1, "`{{` is not closed by `}}`"),
            ("\n\n{{ \"{{\" ", 3, "`{{` is not closed by `}}`"),
            ("{{ }}", 1, "`` is not known"),
            ("{{ codat.Key }}", 1, "`codat.Key` is not known"),
        ] {
            assert_eq!(parse(template), Err(TemplateError { line, reason: reason.into() }), "{template}");
        }
    }
}
