//! The example programs on the documentation pages. Two marker comments enclose each program on a page. The text
//! between the markers is copied from the source file of the program.

use std::fs;

use anyhow::{Context as _, Result, ensure};

const BEGIN: &str = "<!-- example: ";
const NAMED: &str = " -->";
const END: &str = "<!-- end of example -->";

/// For each kind of example: the end of the file name, the language of the code block, and the folder of the files.
const LANGUAGES: [(&str, &str, &str); 4] = [
    (".rs", "rust", "crates/core/examples"),
    (".py", "python", "python/examples"),
    (".mjs", "js", "node/examples"),
    (".mts", "ts", "node/examples"),
];

/// Returns a copy of the page `text` with the current source code in every example.
pub(super) fn splice(text: &str) -> Result<String> {
    splice_from(text, |folder, name| {
        let path = format!("{folder}/{name}");
        fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))
    })
}

fn splice_from(text: &str, source: impl Fn(&str, &str) -> Result<String>) -> Result<String> {
    let (mut spliced, mut rest) = (String::new(), text);
    while let Some((before, after)) = rest.split_once(BEGIN) {
        let (name, after) = after.split_once(NAMED).context("a mark of an example does not end")?;
        let (old, after) = after.split_once(END).with_context(|| format!("no `{END}` follows the example {name}"))?;
        ensure!(!old.contains(BEGIN), "no `{END}` follows the example {name}");
        let language = LANGUAGES.iter().find(|(end, ..)| name.ends_with(end));
        let (_, language, folder) = language.with_context(|| format!("no language has examples like {name}"))?;
        let program = without_heading(&source(folder, name)?).to_owned();
        spliced += &format!("{before}{BEGIN}{name}{NAMED}\n```{language}\n{program}```\n{END}");
        rest = after;
    }
    Ok(spliced + rest)
}

/// Removes the first line of an example, which describes the example. The page has its own description.
fn without_heading(program: &str) -> &str {
    program.trim_start_matches(|c| c != '\n').trim_start()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn splice(text: &str) -> Result<String> {
        splice_from(text, |folder, name| Ok(format!("//! What it is.\n\n{folder}/{name}\n")))
    }

    #[test]
    fn every_example_is_replaced_and_nothing_else() {
        let spliced = splice("a\n<!-- example: b.py -->old<!-- end of example -->\nc\n").unwrap();
        let expected = "a\n<!-- example: b.py -->\n```python\npython/examples/b.py\n```\n<!-- end of example -->\nc\n";
        assert_eq!(spliced, expected);
        assert_eq!(splice(&spliced).unwrap(), spliced);
        assert_eq!(splice(&spliced.repeat(2)).unwrap(), spliced.repeat(2));
    }

    #[test]
    fn a_mark_that_is_missing_is_said() {
        let twice = "<!-- example: a.rs -->\n<!-- example: b.rs -->\n<!-- end of example -->";
        for text in ["<!-- example: a.rs -->\n", twice] {
            let error = splice(text).unwrap_err().to_string();
            assert_eq!(error, format!("no `{END}` follows the example a.rs"));
        }
        let unknown = "<!-- example: a.cob -->\n<!-- end of example -->";
        assert_eq!(splice(unknown).unwrap_err().to_string(), "no language has examples like a.cob");
    }
}
