//! Replacement of the generated part of a page. Two marker lines enclose the generated part.

use anyhow::{Context as _, Result};

/// The two marker lines that enclose a generated part of a page.
pub(crate) struct Marks {
    pub(crate) begin: &'static str,
    pub(crate) end: &'static str,
}

impl Marks {
    /// Returns a copy of the page `text` in which `between` replaces the generated part.
    pub(crate) fn splice(&self, text: &str, between: &str) -> Result<String> {
        let Self { begin, end } = self;
        let (before, rest) = text.split_once(begin).with_context(|| format!("there is no line `{begin}`"))?;
        let (_, after) = rest.split_once(end).with_context(|| format!("no line `{end}` follows `{begin}`"))?;
        Ok(format!("{before}{begin}\n\n{between}\n{end}{after}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MARKS: Marks = Marks { begin: "<!-- begin -->", end: "<!-- end -->" };

    #[test]
    fn splice_replaces_what_stands_between_the_marks_and_nothing_else() {
        let text = "# Errors\n<!-- begin -->\nold\n<!-- end -->\nafter\n";
        let spliced = MARKS.splice(text, "| new |\n").unwrap();
        assert_eq!(spliced, "# Errors\n<!-- begin -->\n\n| new |\n\n<!-- end -->\nafter\n");
        assert_eq!(MARKS.splice(&spliced, "| new |\n").unwrap(), spliced);
    }

    #[test]
    fn splice_names_the_mark_that_is_missing() {
        let missing = |text: &str| MARKS.splice(text, "").unwrap_err().to_string();
        assert_eq!(missing("no marks"), "there is no line `<!-- begin -->`");
        assert_eq!(missing("<!-- end --> <!-- begin -->"), "no line `<!-- end -->` follows `<!-- begin -->`");
    }
}
