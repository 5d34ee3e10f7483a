//! The reference of the emulator's controls: the OpenAPI description as a page.

use std::fs;

use anyhow::{Context as _, Result};
use serde_json::Value;

/// The OpenAPI description of the controls. A test of the emulator compares this description with the emulator.
pub(super) const DESCRIPTION: &str = "docs/emulator-openapi.json";

/// Returns the page in Markdown.
pub(super) fn page() -> Result<String> {
    let description: Value = serde_json::from_str(&fs::read_to_string(DESCRIPTION).context(DESCRIPTION)?)?;
    let introduction = text(&description["info"]["description"]);
    let mut page = format!(
        "# The emulator's controls\n\n{introduction}\n\nThis page shows the [OpenAPI description](emulator-openapi.json) of the \
         controls. [Controls and faults](../docs/emulator.html) describes what they do, with an example of each.\n"
    );
    for (path, operations) in members(&description["paths"]) {
        for (method, operation) in members(operations) {
            page += &format!("\n## {} {path}\n\n{}\n", method.to_uppercase(), text(&operation["description"]));
            page += &request(operation);
            page += &responses(operation, &description);
        }
    }
    page += "\n## Schemas\n";
    for (name, schema) in members(&description["components"]["schemas"]) {
        page += &format!("\n### {name}\n\n{}\n{}", text(&schema["description"]), properties(schema));
    }
    Ok(page)
}

fn request(operation: &Value) -> String {
    let content = &operation["requestBody"]["content"]["application/json"];
    if content.is_null() {
        return String::new();
    }
    let example = serde_json::to_string_pretty(&content["example"]).unwrap_or_default();
    format!("\n**Request:** {}, for example:\n\n```json\n{example}\n```\n", kind(&content["schema"]))
}

fn responses(operation: &Value, description: &Value) -> String {
    let mut table = "\n| response | meaning | body |\n| --- | --- | --- |\n".to_owned();
    for (status, response) in members(&operation["responses"]) {
        let shared = response["$ref"].as_str().and_then(|reference| description.pointer(reference.strip_prefix('#')?));
        let response = shared.unwrap_or(response);
        let schema = &response["content"]["application/json"]["schema"];
        let body = if schema.is_null() { String::new() } else { kind(schema) };
        table += &format!("| {status} | {} | {body} |\n", text(&response["description"]));
    }
    table
}

/// Returns the table of the properties of a schema. If the schema has no properties, returns a sentence that names its
/// type.
fn properties(schema: &Value) -> String {
    let Some(properties) = schema["properties"].as_object() else {
        return format!("\nIt is {}.\n", kind(schema));
    };
    let required = |name: &String| schema["required"].as_array().is_some_and(|names| names.iter().any(|n| n == name));
    let mut table = "\n| property | type | meaning |\n| --- | --- | --- |\n".to_owned();
    for (name, property) in properties {
        let star = if required(name) { " (required)" } else { "" };
        let default = match &property["default"] {
            Value::Null => String::new(),
            default => format!(" Default: `{}`.", default.to_string().trim_matches('"')),
        };
        table += &format!("| `{name}`{star} | {} | {}{default} |\n", kind(property), text(&property["description"]));
    }
    table
}

/// Returns the type of a schema in words.
fn kind(schema: &Value) -> String {
    if let Some(reference) = schema["$ref"].as_str() {
        let name = reference.rsplit('/').next().unwrap_or_default();
        return format!("[{name}](#{})", name.to_lowercase());
    }
    let literals = |values: &[Value]| values.iter().map(|value| format!("`{value}`")).collect::<Vec<_>>().join(" or ");
    if let Some(alternatives) = schema["oneOf"].as_array().filter(|_| !schema["type"].is_string()) {
        return alternatives.iter().map(kind).collect::<Vec<_>>().join(" or ");
    }
    if let Some(values) = schema["enum"].as_array() {
        return literals(values);
    }
    match (&schema["const"], schema["type"].as_str()) {
        (constant, None) if !constant.is_null() => literals(std::slice::from_ref(constant)),
        (_, Some("array")) => format!("array of {}", kind(&schema["items"])),
        (_, Some(name @ ("integer" | "number"))) => format!("{name}{}", range(schema)),
        (_, Some(name)) => name.to_owned(),
        (_, None) => "any JSON".to_owned(),
    }
}

fn range(schema: &Value) -> String {
    match (&schema["minimum"], &schema["maximum"]) {
        (Value::Null, Value::Null) => String::new(),
        (minimum, Value::Null) => format!(", {minimum} or more"),
        (minimum, maximum) => format!(", {minimum} to {maximum}"),
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn members(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn types_are_named_in_words() {
        for (schema, words) in [
            (json!({"$ref": "#/components/schemas/State"}), "[State](#state)"),
            (json!({"type": "array", "items": {"type": "string"}}), "array of string"),
            (json!({"enum": ["a", "b"]}), "`\"a\"` or `\"b\"`"),
            (json!({"const": 0}), "`0`"),
            (json!({"type": "integer", "minimum": 1, "maximum": 9}), "integer, 1 to 9"),
            (json!({"description": "a body"}), "any JSON"),
        ] {
            assert_eq!(kind(&schema), words);
        }
    }
}
