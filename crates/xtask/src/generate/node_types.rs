//! Generation of `node/src/native-types.ts`, which declares the types of the native module for Node.

use std::fs;

use anyhow::{Context as _, Result};
use serde_json::Value;

/// The file to which napi-derive writes the types while cargo compiles the native module. `.cargo/config.toml` sets the
/// folder of this file. Each line of this file is a JSON object.
const DEFINITIONS: &str = "target/debug/codat-keys-node";

const HEAD: &str = "\
// Written by `cargo xtask generate` from `bindings/node/src`. Do not edit.
/** The functions and classes of the native module, and the types of their arguments and results. */
";

/// Returns the source code of `node/src/native-types.ts`.
pub(super) fn types() -> Result<String> {
    let text = fs::read_to_string(DEFINITIONS)
        .with_context(|| format!("cannot read {DEFINITIONS}: build the native module for Node first"))?;
    let definitions: Vec<Value> = text.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    let items = definitions.iter().filter(|item| item["kind"] != "impl");
    let declarations: String = items.map(|item| declaration(item, &definitions)).collect();
    // The comments come from Rust, where a missing value is `None`.
    Ok(HEAD.to_owned() + &declarations.replace("`None`", "`null`"))
}

/// Returns the declaration of `item`. The members of a class come from other items in `all`.
fn declaration(item: &Value, all: &[Value]) -> String {
    let text = |item: &Value, field: &str| item[field].as_str().unwrap_or_default().to_owned();
    let (name, docs, definition) = (text(item, "name"), text(item, "js_doc"), text(item, "def"));
    let declared = match text(item, "kind").as_str() {
        "struct" => {
            let members = all.iter().filter(|other| other["kind"] == "impl" && other["name"] == item["name"]);
            let members = members.map(|members| text(members, "def")).collect::<String>();
            format!("export declare class {name} {{\n{}}}", indented(&members))
        }
        "interface" => format!("export interface {name} {{\n{}}}", indented(&definition)),
        "type" => format!("export type {name} =\n{};", definition.replace('\'', "\"")),
        _ => format!("export declare {definition};"),
    };
    format!("\n{docs}{declared}\n")
}

/// Indents the members of a class or an interface. Each line of `members` is a member or a line of a comment. A line of
/// a comment begins with `/**`, ` *` or ` */`.
fn indented(members: &str) -> String {
    let line = |line: &str| match line.trim_start() {
        comment if comment.starts_with("/**") => format!("    {comment}\n"),
        comment if comment.starts_with('*') => format!("     {comment}\n"),
        member => format!("    {member};\n"),
    };
    members.lines().map(line).collect()
}
