//! The reference of the command line: the help of every command.

use std::path::Path;

use anyhow::Result;

use crate::process::{program, stdout};

const START: &str = "# Every command

This is the text that each command prints with `--help`. The [guide](../docs/command-line.html) shows how the commands are used together.

";

/// Returns the page in Markdown. `codat_keys` is the command-line program.
pub(super) fn page(codat_keys: &Path) -> Result<String> {
    let (mut commands, mut waiting) = (Vec::new(), vec![Vec::new()]);
    while let Some(words) = waiting.pop() {
        let help = stdout(program(codat_keys).args(&words).arg("--help"))?;
        let children = subcommands(&help).into_iter().map(|name| [words.clone(), vec![name]].concat());
        // Puts the subcommands of a command directly after it, in their order in the help.
        waiting.extend(children.rev());
        commands.push((words, help));
    }
    let mut page = START.to_owned();
    for (words, _) in &commands {
        let (indent, title) = ("  ".repeat(words.len()), title(words));
        page += &format!("{indent}- [`{title}`](#{})\n", title.replace(' ', "-"));
    }
    for (words, help) in &commands {
        page += &format!("\n## {}\n\n```text\n{help}\n```\n", title(words));
    }
    let statuses = stdout(program(codat_keys).args(["help", "exit-status"]))?;
    Ok(page + &format!("\n## Exit statuses\n\n```text\n{statuses}\n```\n"))
}

fn title(words: &[String]) -> String {
    ["codat-keys"].into_iter().chain(words.iter().map(String::as_str)).collect::<Vec<_>>().join(" ")
}

/// Returns the names of the commands that a help text lists.
fn subcommands(help: &str) -> Vec<String> {
    let list = help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    let names = list.filter_map(|line| line.strip_prefix("  ")?.split(' ').next());
    names.filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subcommands_are_found_in_the_help() {
        let help = "Keys\n\nCommands:\n  list    List the keys,\n          masked\n  create  Create a key\n\nOptions:\n  -h  Help";
        assert_eq!(subcommands(help), ["list", "create"]);
        assert!(subcommands("List the keys\n\nOptions:\n  -h  Help").is_empty());
    }
}
