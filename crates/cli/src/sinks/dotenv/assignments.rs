//! The assignments of a variable in a file such as `.env`: `NAME=value`, with or without `export`, spaces, quotes and a
//! comment. A value in quotes can have several lines.

use std::ops::Range;

/// The assignments of one variable in a text.
pub(super) struct Assignments<'a> {
    text: &'a [u8],
    name: &'a str,
    found: Vec<Assignment>,
}

struct Assignment {
    /// The value with its quotes.
    whole: Range<usize>,
    /// The value without its quotes.
    inner: Range<usize>,
    quote: Option<u8>,
    /// Whether something other than a comment follows the closing quote, or the closing quote is missing.
    is_malformed: bool,
}

impl<'a> Assignments<'a> {
    /// Finds the assignments of `name`. Ignores comments, and text within the quoted values of other variables.
    ///
    /// Returns an error if some programs might read another value of the variable. This is possible if the text is not
    /// in UTF-8, or has unusual line breaks or an unclosed quote. It is also possible if a line contains the name in a
    /// form other than an assignment.
    pub(super) fn find(text: &'a [u8], name: &'a str) -> Result<Self, String> {
        check_encoding(text)?;
        let (mut found, mut unclosed) = (Vec::new(), None);
        let mut at = if text.starts_with(b"\xEF\xBB\xBF") { 3 } else { 0 };
        while at < text.len() {
            let line = at;
            at = end_of_line(text, at);
            let Some((own, after_sign)) = name_at(text, line) else {
                match is_in_line(&text[line..at], name) {
                    true => return Err(other_form(text, line, name)),
                    false => at += 1,
                }
                continue;
            };
            let assignment = value_at(text, after_sign);
            at = end_of_line(text, assignment.whole.end) + 1;
            if own == name.as_bytes() {
                found.push(assignment);
            } else if assignment.contains(text, after_sign, name) {
                return Err(other_form(text, line, name));
            } else if assignment.is_unclosed() {
                unclosed = Some(line);
                continue;
            }
            if let Some(line) = unclosed.filter(|_| own == name.as_bytes()) {
                return Err(in_quotes(text, line, name));
            }
        }
        match unclosed.filter(|_| found.is_empty()) {
            Some(line) => Err(in_quotes(text, line, name)),
            None => Ok(Self { text, name, found }),
        }
    }

    /// Returns the values of the variable, or `None` if one of them cannot be read.
    pub(super) fn values(&self) -> Option<impl Iterator<Item = &'a [u8]>> {
        let can_be_read = self.found.iter().all(|assignment| !assignment.is_malformed);
        can_be_read.then(|| self.found.iter().map(|assignment| &self.text[assignment.inner.clone()]))
    }

    /// Returns the text with `value` in all assignments of the variable. If there is no assignment, adds one at the end
    /// of the text.
    pub(super) fn replaced(&self, value: &str) -> Result<Vec<u8>, String> {
        if self.found.iter().any(|assignment| assignment.is_malformed) {
            return Err(format!("the value of {} has quotes that do not match: correct the line by hand", self.name));
        }
        let written = |quote| {
            quoted(value, quote).ok_or_else(|| "the key contains a quote, which the file cannot represent".to_owned())
        };
        // A buffer that grows would leave a copy of the key in memory.
        let mut new =
            Vec::with_capacity(self.text.len() + self.name.len() + (self.found.len() + 1) * (value.len() + 6));
        let mut rest = 0;
        for assignment in &self.found {
            new.extend_from_slice(&self.text[rest..assignment.whole.start]);
            new.extend_from_slice(written(assignment.quote)?.as_bytes());
            rest = assignment.whole.end;
        }
        new.extend_from_slice(&self.text[rest..]);
        if self.found.is_empty() {
            let line_break = line_break(self.text);
            if !self.text.is_empty() && !self.text.ends_with(b"\n") {
                new.extend_from_slice(line_break);
            }
            new.extend_from_slice(format!("{}={}", self.name, written(None)?).as_bytes());
            new.extend_from_slice(line_break);
        }
        Ok(new)
    }
}

impl Assignment {
    /// Whether the closing quote is missing.
    fn is_unclosed(&self) -> bool {
        self.is_malformed && self.quote.is_none()
    }

    /// Whether some programs would find an assignment of `name` within this assignment of another variable.
    fn contains(&self, text: &[u8], after_sign: usize, name: &str) -> bool {
        let value = &text[after_sign..self.whole.end];
        match (self.is_malformed, self.quote) {
            (true, _) => is_in_line(&text[after_sign..end_of_line(text, self.whole.end)], name),
            (false, Some(_)) => false,
            (false, None) => words(value, name).any(|(before, after)| {
                before.last().is_some_and(|byte| byte.is_ascii_whitespace() || *byte == b';') && after.starts_with(b"=")
            }),
        }
    }
}

/// Returns an error if a text is not in UTF-8, or has line breaks that consist of CR alone.
fn check_encoding(text: &[u8]) -> Result<(), String> {
    if text.starts_with(b"\xFF\xFE") || text.starts_with(b"\xFE\xFF") || text.contains(&0) {
        return Err("it is in UTF-16, or contains NUL bytes: save it in UTF-8".into());
    }
    if text.windows(2).any(|pair| pair[0] == b'\r' && pair[1] != b'\n') {
        return Err("it has line breaks that consist of CR alone: save it with LF or CR LF".into());
    }
    Ok(())
}

/// Whether `line` contains `name`. `line` must not be an assignment. Ignores comments, `export NAME`, and references
/// such as `$NAME`.
fn is_in_line(line: &[u8], name: &str) -> bool {
    let line = line.trim_ascii_start();
    let comment = (0..line.len()).find(|&at| line[at] == b'#' && (at == 0 || is_blank(line[at - 1])));
    let line = &line[..comment.unwrap_or(line.len())];
    let exported = line.strip_prefix(b"export").filter(|rest| rest.first().is_some_and(|byte| is_blank(*byte)));
    let is_export = exported.is_some_and(|rest| !rest.contains(&b'=') && !rest.contains(&b':'));
    !is_export && words(line, name).any(|(before, _)| !(before.ends_with(b"$") || before.ends_with(b"${")))
}

/// Finds each place where `name` is a whole word, and returns the text before `name` and the text after `name`.
fn words<'t>(text: &'t [u8], name: &str) -> impl Iterator<Item = (&'t [u8], &'t [u8])> {
    let length = name.len();
    let found = text.windows(length).enumerate().filter(move |(_, word)| *word == name.as_bytes());
    let parts = found.map(move |(at, _)| (&text[..at], &text[at + length..]));
    parts.filter(|(before, after)| !before.last().is_some_and(is_of_name) && !after.first().is_some_and(is_of_name))
}

fn other_form(text: &[u8], at: usize, name: &str) -> String {
    let line = line_number(text, at);
    format!("line {line} contains {name}, and is no assignment {name}=VALUE: write the line in this form by hand")
}

fn in_quotes(text: &[u8], at: usize, name: &str) -> String {
    let line = line_number(text, at);
    format!("line {line} has a quote that is not closed, so the assignment of {name} below it may be ignored: close it")
}

fn line_number(text: &[u8], at: usize) -> usize {
    text[..at].iter().filter(|byte| **byte == b'\n').count() + 1
}

/// Returns the name of the variable to which the line at `start` assigns a value, and the position after the `=`.
fn name_at(text: &[u8], start: usize) -> Option<(&[u8], usize)> {
    let mut at = skip_blanks(text, start);
    if let Some(rest) = text[at..].strip_prefix(b"export")
        && rest.first().is_some_and(|byte| is_blank(*byte))
    {
        at = skip_blanks(text, at + b"export".len());
    }
    let length = text[at..].iter().take_while(|byte| is_of_name(byte)).count();
    let sign = skip_blanks(text, at + length);
    (length > 0 && text.get(sign) == Some(&b'=')).then(|| (&text[at..at + length], sign + 1))
}

fn value_at(text: &[u8], after_sign: usize) -> Assignment {
    let start = skip_blanks(text, after_sign);
    let end = end_of_line(text, start);
    if let Some(quote) = text.get(start).copied().filter(|byte| matches!(byte, b'\'' | b'"')) {
        let Some(close) = closing_quote(text, start + 1, quote) else {
            return Assignment { whole: start..end, inner: start..end, quote: None, is_malformed: true };
        };
        let after = skip_blanks(text, close + 1);
        let is_end =
            after >= end_of_line(text, close) || text[after] == b'\r' || (text[after] == b'#' && after > close + 1);
        return Assignment {
            whole: start..close + 1,
            inner: start + 1..close,
            quote: Some(quote),
            is_malformed: !is_end,
        };
    }
    let line = &text[start..end];
    // A comment begins with `#` after a blank.
    let comment = (0..line.len()).find(|&at| line[at] == b'#' && is_blank(text[start + at - 1]));
    let length = line[..comment.unwrap_or(line.len())].trim_ascii_end().len();
    // For an empty value, the range is empty and directly after the `=`, so that the blank before a comment stays.
    let value = if length == 0 { after_sign..after_sign } else { start..start + length };
    Assignment { whole: value.clone(), inner: value, quote: None, is_malformed: false }
}

/// Returns the position of the closing quote. In double quotes, a backslash escapes the next character.
fn closing_quote(text: &[u8], start: usize, quote: u8) -> Option<usize> {
    let mut at = start;
    while at < text.len() {
        match text[at] {
            byte if byte == quote => return Some(at),
            b'\\' if quote == b'"' => at += 2,
            _ => at += 1,
        }
    }
    None
}

/// Returns `value` between two quotes of the kind `quote`, or without quotes if `quote` is `None`. If `value` cannot be
/// written in this form, uses single quotes. Returns `None` if `value` cannot be written in single quotes either.
fn quoted(value: &str, quote: Option<u8>) -> Option<String> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "+/=_-.:@,%".contains(c);
    match quote {
        None if value.chars().all(is_plain) => Some(value.to_owned()),
        Some(b'"') if value.chars().all(|c| is_plain(c) || c == ' ') => Some(format!("\"{value}\"")),
        _ => (!value.contains('\'')).then(|| format!("'{value}'")),
    }
}

fn line_break(text: &[u8]) -> &'static [u8] {
    let first = text.iter().position(|byte| *byte == b'\n');
    if first.is_some_and(|at| text[..at].ends_with(b"\r")) { b"\r\n" } else { b"\n" }
}

fn end_of_line(text: &[u8], start: usize) -> usize {
    let start = start.min(text.len());
    text[start..].iter().position(|byte| *byte == b'\n').map_or(text.len(), |length| start + length)
}

fn skip_blanks(text: &[u8], start: usize) -> usize {
    start + text[start.min(text.len())..].iter().take_while(|byte| is_blank(**byte)).count()
}

fn is_of_name(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-')
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn replaced(text: &str, value: &str) -> Result<String, String> {
        let found = Assignments::find(text.as_bytes(), "KEY")?;
        found.replaced(value).map(|new| String::from_utf8(new).unwrap())
    }

    fn values(text: &str) -> Option<Vec<String>> {
        let found = Assignments::find(text.as_bytes(), "KEY").unwrap();
        found.values().map(|values| values.map(|value| String::from_utf8(value.to_vec()).unwrap()).collect())
    }

    #[test]
    fn only_the_value_changes() {
        for (text, value, new) in [
            ("", "", "KEY=new\n"),
            ("KEY=old", "old", "KEY=new"),
            ("KEY=old\n", "old", "KEY=new\n"),
            ("A=1\r\nKEY=old\r\nB=2\r\n", "old", "A=1\r\nKEY=new\r\nB=2\r\n"),
            ("export KEY='old' # the key\n", "old", "export KEY='new' # the key\n"),
            ("  export\tKEY = \"old\"\t#c\nX=1", "old", "  export\tKEY = \"new\"\t#c\nX=1"),
            ("KEY=old # c", "old", "KEY=new # c"),
            ("KEY=\n", "", "KEY=new\n"),
            ("KEY= # c\n", "", "KEY=new # c\n"),
            ("KEY=\t# c", "", "KEY=new\t# c"),
            ("\u{feff}KEY=old\n", "old", "\u{feff}KEY=new\n"),
        ] {
            assert_eq!(values(text).unwrap().concat(), value, "{text:?}");
            assert_eq!(replaced(text, "new").unwrap(), new, "{text:?}");
        }
    }

    #[test]
    fn other_lines_are_not_assignments() {
        for text in [
            "#KEY=old\n",
            " # KEY=old\n",
            "MY_KEY=old\n",
            "KEYS=old\n",
            "A='1\nKEY=old\n2'\n",
            "A=\"\\\"\nKEY=old\n\"\n",
            "exportKEY=old\n",
            "A=1 # KEY=old\n",
            "A=\"$KEY\" B=${KEY}\n",
            "echo ${KEY:-none} $KEY # KEY\n",
            "export KEY\n",
            "A=KEY\n",
            "A=http://a/?KEY=1\n",
            "A='x'y\n",
        ] {
            assert_eq!(values(text).unwrap(), [""; 0], "{text:?}");
            assert_eq!(replaced(text, "new").unwrap(), format!("{text}KEY=new\n"), "{text:?}");
        }
        assert_eq!(replaced("A=1", "new").unwrap(), "A=1\nKEY=new\n");
        assert_eq!(replaced("A=1\r\nB=2", "new").unwrap(), "A=1\r\nB=2\r\nKEY=new\r\n");
    }

    #[test]
    fn all_assignments_of_the_variable_change() {
        assert_eq!(values("KEY=a\nB=1\nexport KEY=\"b\"\n").unwrap(), ["a", "b"]);
        assert_eq!(replaced("KEY=a\nB=1\nexport KEY=\"b\"\n", "new").unwrap(), "KEY=new\nB=1\nexport KEY=\"new\"\n");
    }

    #[test]
    fn a_value_with_a_space_is_quoted() {
        assert_eq!(replaced("KEY=old\n", "Basic bmV3").unwrap(), "KEY='Basic bmV3'\n");
        assert_eq!(replaced("KEY=\"old\"\n", "Basic bmV3").unwrap(), "KEY=\"Basic bmV3\"\n");
        assert_eq!(replaced("KEY=\"old\"\n", "a$b").unwrap(), "KEY='a$b'\n");
        assert_eq!(values("KEY='Basic bmV3'\n").unwrap(), ["Basic bmV3"]);
        assert!(replaced("KEY=old\n", "a'b").is_err());
    }

    #[test]
    fn quotes_that_do_not_match_are_an_error() {
        for text in ["KEY='old\n", "KEY=\"old\nB=1\n", "KEY='old'x\n", "KEY=\"old\"# c\n"] {
            assert_eq!(values(text), None, "{text:?}");
            assert!(replaced(text, "new").is_err(), "{text:?}");
        }
    }

    /// Some programs read a value from lines such as `KEY: old`, but a rotation replaces only assignments of the form
    /// `KEY=old`.
    #[test]
    fn a_name_in_another_form_is_an_error() {
        for (text, problem) in [
            ("KEY: old\n", "line 1 contains KEY"),
            ("A=1\nKEY old\n", "line 2 contains KEY"),
            ("KEY=old\nKEY+=x\n", "line 2 contains KEY"),
            ("declare -x KEY=\"old\"\n", "line 1 contains KEY"),
            ("export -x KEY=old\n", "line 1 contains KEY"),
            ("set KEY=old\n", "line 1 contains KEY"),
            ("{\"KEY\": \"old\"}\n", "line 1 contains KEY"),
            ("A=1 KEY=old\n", "line 1 contains KEY"),
            ("A=1;KEY=old\n", "line 1 contains KEY"),
            ("A='1' KEY=old\n", "line 1 contains KEY"),
            ("A='open\nKEY=\"old\"\nB='x'\n", "line 1 contains KEY"),
            ("B=1\nA='open\nKEY=\"old\"\n", "line 2 has a quote that is not closed"),
            ("A='open\n", "line 1 has a quote that is not closed"),
            ("A=1\rKEY=old\rB=2", "CR alone"),
            ("KEY=old\rA=1\r", "CR alone"),
            ("A=\0\nKEY=old\n", "UTF-16"),
        ] {
            assert!(replaced(text, "new").unwrap_err().contains(problem), "{text:?}");
        }
        let utf16 = |text: &str, to_bytes: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(to_bytes).collect();
        let (marked, plain) = ("\u{feff}KEY=old\r\n", "KEY=old\r\n");
        for text in [utf16(marked, u16::to_le_bytes), utf16(marked, u16::to_be_bytes), utf16(plain, u16::to_le_bytes)] {
            let text: Vec<u8> = text;
            assert!(Assignments::find(&text, "KEY").is_err_and(|problem| problem.contains("UTF-16")), "{text:?}");
        }
        assert_eq!(replaced("KEY=old\nB='2\n", "new").unwrap(), "KEY=new\nB='2\n", "a quote below");
    }

    proptest! {
        #[test]
        fn the_new_value_is_read_back_and_the_rest_stays(text in "(KEY|A|export |=|'|\"|#| |\n|\r\n|x|\\\\|é){0,24}") {
            if let Ok(new) = replaced(&text, "new") {
                let before = values(&text).unwrap();
                prop_assert_eq!(values(&new).unwrap(), vec!["new"; before.len().max(1)]);
                prop_assert_eq!(replaced(&new, "new").unwrap(), new.clone());
                // A value with several lines is replaced as a whole.
                if !before.concat().contains('\n') {
                    for line in text.lines().filter(|line| !line.contains("KEY")) {
                        prop_assert!(new.contains(line));
                    }
                }
            }
        }
    }
}
