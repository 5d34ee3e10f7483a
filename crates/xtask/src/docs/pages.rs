//! The pages of the site. Each Markdown file of the repository is a page of the English or of the French book.

use std::fs;

use anyhow::{Context as _, Result, ensure};

use crate::process::{command, stdout};

/// The Markdown files that are not pages. The README of this npm package repeats parts of other pages.
const NO_PAGES: [&str; 1] = ["crates/cli/npm/README.md"];

/// The generated pages of the English book. [`super::run`] writes these pages.
pub(super) const WRITTEN: [&str; 3] = ["reference/README.md", "reference/command-line.md", "reference/emulator.md"];

/// A book of the site.
pub(super) struct Book {
    /// The subfolder of `docs/site` that contains the table of contents and the header of the book.
    pub(super) language: &'static str,
    pub(super) title: &'static str,
    /// The path of the book's folder in the site: empty, or with a slash at the end.
    pub(super) folder: &'static str,
}

pub(super) const ENGLISH: Book = Book { language: "en", title: "codat-keys", folder: "" };
pub(super) const FRENCH: Book = Book { language: "fr", title: "codat-keys en français", folder: "fr/" };

impl Book {
    /// Returns the book that contains a page.
    pub(super) fn of(page: &str) -> &'static Book {
        if page.ends_with(".fr.md") { &FRENCH } else { &ENGLISH }
    }

    /// Returns the Markdown of the table of contents. Its links contain the paths of the pages in the repository.
    pub(super) fn summary(&self) -> Result<String> {
        let file = format!("docs/site/{}/SUMMARY.md", self.language);
        fs::read_to_string(&file).context(file)
    }
}

/// Returns the paths of all pages in the repository.
pub(super) fn all() -> Result<Vec<String>> {
    let listed = stdout(&mut command("git ls-files --cached --others --exclude-standard *.md"))?;
    let pages = listed.lines().filter(|file| !file.starts_with("docs/site/") && !NO_PAGES.contains(file));
    Ok(pages.map(str::to_owned).collect())
}

/// Returns the path of a page in its book, without the extension.
pub(super) fn place(page: &str) -> String {
    let name = page.strip_suffix(".fr.md").or(page.strip_suffix(".md")).unwrap_or(page);
    // A server shows `index.html` for the address of a folder.
    name.strip_suffix("README").map_or(name.to_owned(), |folder| format!("{folder}index"))
}

/// Returns the path of a page in the site.
pub(super) fn site_path(page: &str) -> String {
    format!("{}{}.html", Book::of(page).folder, place(page))
}

/// Fails if a table of contents lacks a page, contains a page of the other book, or contains a page twice.
pub(crate) fn check() -> Result<()> {
    let pages = all()?;
    for book in [&ENGLISH, &FRENCH] {
        let written = WRITTEN.map(str::to_owned);
        let mut wanted: Vec<_> =
            pages.iter().chain(&written).filter(|page| Book::of(page).folder == book.folder).collect();
        wanted.sort();
        check_summary(&book.summary()?, &wanted).with_context(|| format!("docs/site/{}/SUMMARY.md", book.language))?;
    }
    Ok(())
}

fn check_summary(summary: &str, wanted: &[&String]) -> Result<()> {
    let mut listed: Vec<_> = entries(summary).collect();
    listed.sort_unstable();
    for page in wanted {
        ensure!(listed.contains(&page.as_str()), "{page} is missing");
    }
    for pair in listed.windows(2) {
        ensure!(pair[0] != pair[1], "{} is listed twice", pair[0]);
    }
    let unknown = listed.iter().find(|page| !wanted.iter().any(|wanted| wanted == *page));
    ensure!(unknown.is_none(), "{} is not a page of this book", unknown.unwrap_or(&""));
    Ok(())
}

/// Returns the targets of the links in a table of contents.
pub(super) fn entries(summary: &str) -> impl Iterator<Item = &str> {
    summary.split("](").skip(1).filter_map(|rest| Some(rest.split_once(')')?.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_table_of_contents_is_an_error() {
        let pages = ["README.md".to_owned(), "docs/rotate.md".to_owned()];
        let wanted: Vec<_> = pages.iter().collect();
        let complete = "# Summary\n\n[Start](README.md)\n\n- [Rotating a key](docs/rotate.md)\n";
        check_summary(complete, &wanted).unwrap();
        for (summary, error) in [
            (complete.replace("docs/rotate.md", "docs/rust.md"), "docs/rotate.md is missing"),
            (format!("{complete}- [Again](README.md)\n"), "README.md is listed twice"),
            (format!("{complete}- [Rust](docs/rust.md)\n"), "docs/rust.md is not a page of this book"),
        ] {
            assert_eq!(check_summary(&summary, &wanted).unwrap_err().to_string(), error);
        }
    }

    #[test]
    fn a_page_has_one_place_in_the_site() {
        for (page, path) in [
            ("README.md", "index.html"),
            ("README.fr.md", "fr/index.html"),
            ("python/README.md", "python/index.html"),
            ("docs/errors.md", "docs/errors.html"),
            ("docs/errors.fr.md", "fr/docs/errors.html"),
        ] {
            assert_eq!(site_path(page), path);
        }
    }
}
