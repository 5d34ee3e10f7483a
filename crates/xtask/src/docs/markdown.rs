//! The links in the Markdown of a page. In the repository, these links lead to files of the repository. In the site,
//! the same links must lead to files of the site.

use std::collections::BTreeSet;
use std::ops::Range;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

use super::pages::site_path;

/// The files of the repository that pages link to. The site contains copies of them.
#[derive(Default)]
pub(super) struct Linked {
    /// The images.
    pub(super) images: BTreeSet<String>,
    /// The files other than pages and images, such as source code. The copies in the site are text files.
    pub(super) files: BTreeSet<String>,
}

impl Linked {
    /// Returns the path of the copy of a file. The path is relative to the site.
    pub(super) fn copy_of(file: &str) -> String {
        format!("files/{file}.txt")
    }
}

/// Returns the Markdown `text` of `page` with links that work in the site. `pages` are all pages of the site. Adds the
/// linked files to `linked`. A link to a folder becomes plain text. An image of another host, such as a badge, is
/// replaced with its alternative text, because the site loads nothing from other hosts.
pub(super) fn with_site_links(text: &str, page: &str, pages: &[String], linked: &mut Linked) -> Result<String> {
    let mut edits: Vec<(Range<usize>, String)> = Vec::new();
    let (is_french, mut in_code, mut replaced_to) = (page.ends_with(".fr.md"), false, 0);
    for (event, range) in Parser::new_ext(text, Options::ENABLE_TABLES).into_offset_iter() {
        let (is_image, target) = match event {
            Event::Start(Tag::Link { dest_url, .. }) => (false, dest_url),
            Event::Start(Tag::Image { dest_url, .. }) => (true, dest_url),
            Event::Start(Tag::CodeBlock(_)) | Event::End(TagEnd::CodeBlock) => {
                in_code = !in_code;
                continue;
            }
            Event::Text(_) if is_french && !in_code && range.start >= replaced_to => {
                edits.push((range.clone(), with_french_spaces(&text[range])));
                continue;
            }
            _ => continue,
        };
        if is_image && target.contains("://") {
            let (_, rest) = text[range.clone()].split_once('[').context("an image without a text")?;
            let (alternative, _) = rest.split_once(']').context("an image without a text")?;
            replaced_to = range.end;
            edits.push((range.clone(), format!("`{alternative}`")));
            continue;
        }
        if target.contains("://") || target.starts_with("mailto:") || target.starts_with('#') {
            continue;
        }
        let before = text[range.clone()].rfind(&format!("]({target}")).context("a link without its target")?;
        let start = range.start + before;
        let end = start + 2 + target.len();
        let (path, fragment) = target.split_at(target.find('#').unwrap_or(target.len()));
        let file = join(page, path);
        match in_site(&file, is_image, pages, linked) {
            Some(to) => edits.push((start + 2..end, relative(&site_path(page), &to) + fragment)),
            None if Path::new(&file).is_dir() => {
                edits.extend([(range.start..range.start + 1, String::new()), (start..range.end, String::new())]);
            }
            None => bail!("{page} links to {target}, which does not exist"),
        }
    }
    edits.sort_by_key(|(range, _)| range.start);
    let mut text = text.to_owned();
    for (range, new) in edits.into_iter().rev() {
        text.replace_range(range, &new);
    }
    Ok(text)
}

/// Returns the path in the site for a file of the repository. Returns `None` if there is no such file. Adds a file that
/// is not a page to `linked`.
fn in_site(file: &str, is_image: bool, pages: &[String], linked: &mut Linked) -> Option<String> {
    if pages.iter().any(|page| page == file) {
        return Some(site_path(file));
    }
    if !Path::new(file).is_file() {
        return None;
    }
    if is_image {
        linked.images.insert(file.to_owned());
        return Some(file.to_owned());
    }
    linked.files.insert(file.to_owned());
    Some(Linked::copy_of(file))
}

/// Returns a French text with no-break spaces inside quotation marks and before punctuation, so that no line begins with
/// punctuation.
fn with_french_spaces(text: &str) -> String {
    let text = text.replace("« ", "«\u{a0}").replace(" »", "\u{a0}»");
    [':', ';', '?', '!'].iter().fold(text, |text, mark| text.replace(&format!(" {mark}"), &format!("\u{a0}{mark}")))
}

/// Returns the path to which the relative link `target` in the file `from` leads.
pub(super) fn join(from: &str, target: &str) -> String {
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in target.split('/') {
        match part {
            "." | "" => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// Returns a relative link from the file `from` to the file `to`.
fn relative(from: &str, to: &str) -> String {
    let (from, to): (Vec<_>, Vec<_>) = (from.split('/').collect(), to.split('/').collect());
    let common = from[..from.len() - 1].iter().zip(&to).take_while(|(one, other)| one == other).count();
    "../".repeat(from.len() - 1 - common) + &to[common..].join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rewritten(text: &str, page: &str) -> (String, Linked) {
        let pages = ["README.md", "README.fr.md", "docs/rotate.md", "docs/errors.fr.md", "bench/README.md"];
        let mut linked = Linked::default();
        (with_site_links(text, page, &pages.map(str::to_owned), &mut linked).unwrap(), linked)
    }

    #[test]
    fn links_to_pages_lead_to_their_place_in_the_site() {
        for (page, text, expected) in [
            ("README.md", "a [b](docs/rotate.md#places) c", "a [b](docs/rotate.html#places) c"),
            ("docs/rotate.md", "[a](../README.md)", "[a](../index.html)"),
            ("docs/rotate.md", "[a](errors.fr.md)", "[a](../fr/docs/errors.html)"),
            (
                "docs/errors.fr.md",
                "[a](rotate.md), [b](../README.fr.md)",
                "[a](../../docs/rotate.html), [b](../index.html)",
            ),
            ("README.md", "| [a](bench/README.md) |\n| --- |\n", "| [a](bench/index.html) |\n| --- |\n"),
            ("README.md", "[a](#b), [c](https://codat.io)", "[a](#b), [c](https://codat.io)"),
            ("README.md", "`[a](docs/rotate.md)`", "`[a](docs/rotate.md)`"),
        ] {
            assert_eq!(rewritten(text, page).0, expected);
        }
    }

    #[test]
    fn punctuation_in_a_french_text_does_not_begin_a_line() {
        let text = "Voici « la clé » :\n\n```sh\necho a ; b\n```\n\n`a ; b` [ici ?](https://codat.io)";
        let expected = text.replacen("« la clé » :", "«\u{a0}la clé\u{a0}»\u{a0}:", 1).replace("ici ?", "ici\u{a0}?");
        assert_eq!(rewritten(text, "README.fr.md").0, expected);
        assert_eq!(rewritten(text, "README.md").0, text);
    }

    #[test]
    fn files_are_copied_and_folders_and_images_of_other_hosts_become_text() {
        // The folder of this crate is the current folder of its tests.
        let (text, linked) = rewritten("[a](../Cargo.toml) ![b](main.rs) [c *d*](docs)", "src/page.md");
        assert_eq!(text, "[a](../files/Cargo.toml.txt) ![b](main.rs) c *d*");
        assert_eq!((linked.files, linked.images), (["Cargo.toml".into()].into(), ["src/main.rs".into()].into()));
        for page in ["README.md", "README.fr.md"] {
            assert_eq!(rewritten("![Rust : 1.95+](https://example.com/a.svg)", page).0, "`Rust : 1.95+`");
        }
        let text = with_site_links("[a](missing.md)", "README.md", &[], &mut Linked::default());
        assert_eq!(text.unwrap_err().to_string(), "README.md links to missing.md, which does not exist");
    }
}
