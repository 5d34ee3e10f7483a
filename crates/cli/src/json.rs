//! Formatting of JSON.

use std::io::{self, Write};

use codat_keys::internal::escape_json;
use serde::Serialize;

/// The maximum depth of indentation. Deeper values are not indented further. Without this limit, the length of deeply
/// nested JSON would grow with the square of its depth.
const MAX_INDENTED: usize = 64;

/// Serializes a document to JSON, with invisible characters escaped.
pub(crate) fn json_text(document: &impl Serialize, is_pretty: bool) -> String {
    let text = if is_pretty { serde_json::to_string_pretty(document) } else { serde_json::to_string(document) };
    let text = text.expect("names are texts, and no value refuses to be written");
    escape_json(&text).into_owned()
}

/// Writes JSON text with indentation. Numbers and strings are copied unchanged.
pub(crate) fn write_pretty(out: &mut dyn Write, json: &str) -> io::Result<()> {
    let (mut depth, mut is_string, mut is_escaped) = (0, false, false);
    let mut rest = json.chars().peekable();
    while let Some(c) = rest.next() {
        if is_string {
            (is_string, is_escaped) = (is_escaped || c != '"', c == '\\' && !is_escaped);
            write!(out, "{c}")?;
            continue;
        }
        match c {
            '{' | '[' => {
                write!(out, "{c}")?;
                while rest.next_if(char::is_ascii_whitespace).is_some() {}
                if let Some(end) = rest.next_if(|c| matches!(c, '}' | ']')) {
                    write!(out, "{end}")?;
                } else {
                    depth += 1;
                    break_line(out, depth)?;
                }
            }
            '}' | ']' => {
                depth -= 1;
                break_line(out, depth)?;
                write!(out, "{c}")?;
            }
            ',' => {
                write!(out, ",")?;
                break_line(out, depth)?;
            }
            ':' => write!(out, ": ")?,
            c if c.is_ascii_whitespace() => {}
            c => {
                is_string = c == '"';
                write!(out, "{c}")?;
            }
        }
    }
    writeln!(out)
}

fn break_line(out: &mut dyn Write, depth: usize) -> io::Result<()> {
    write!(out, "\n{:1$}", "", 2 * depth.min(MAX_INDENTED))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deep_json_is_not_indented_without_end() {
        let depth = 2_000;
        let json = "[".repeat(depth) + "1" + &"]".repeat(depth);
        let mut pretty = Vec::new();
        write_pretty(&mut pretty, &json).unwrap();
        assert!(pretty.len() < 2 * depth * (2 * MAX_INDENTED + 3), "{}", pretty.len());
        pretty.retain(|byte| !byte.is_ascii_whitespace());
        assert_eq!(pretty, json.as_bytes());
    }
}
