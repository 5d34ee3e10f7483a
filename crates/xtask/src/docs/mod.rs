//! `cargo xtask docs`: builds the documentation site in `target/docs`. The site consists of an English and a French book,
//! and of the references of all interfaces.

mod command_line;
mod controls;
mod files;
mod links;
mod markdown;
mod pages;
mod pictures;
mod references;

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};

use crate::npm::install_locked;
use crate::process::run_quietly;
use crate::{rust, tools};
use files::{SOURCES, copy, write};
use markdown::{Linked, with_site_links};
pub(crate) use pages::check;
use pages::{Book, ENGLISH, FRENCH, entries, place};
pub(crate) use pictures::pictures;
use references::FOLDER;

/// The folder of the site.
const SITE: &str = "target/docs";

/// Builds the site, and checks its links.
pub(crate) fn run() -> Result<()> {
    check()?;
    install_locked(Path::new(FOLDER))?;
    rust::build_programs()?;
    fs::remove_dir_all(SITE).ok();
    fs::remove_dir_all(SOURCES).ok();
    let mut linked = Linked::default();
    for book in [&ENGLISH, &FRENCH] {
        collect(book, &mut linked)?;
        build(book)?;
    }
    let site = Path::new(SITE);
    for image in &linked.images {
        copy(Path::new(image), &site.join(image))?;
    }
    for file in &linked.files {
        copy(Path::new(file), &site.join(Linked::copy_of(file)))?;
    }
    copy(&Path::new(FOLDER).join("node_modules/mermaid/dist/mermaid.min.js"), &site.join("mermaid.min.js"))?;
    copy(Path::new(controls::DESCRIPTION), &site.join("reference/emulator-openapi.json"))?;
    references::write(&site.join("reference"))?;
    let checked = links::check(site)?;
    println!("checked {checked} links; the site is in {SITE}/index.html");
    Ok(())
}

/// Writes the input of mdBook for a book: the pages with links that work in the site, and the settings of the book.
fn collect(book: &Book, linked: &mut Linked) -> Result<()> {
    let (folder, pages) = (Path::new(SOURCES).join(book.language), pages::all()?);
    let mut summary = book.summary()?;
    for page in entries(&summary.clone()) {
        let text = match page {
            "reference/README.md" => fs::read_to_string("docs/site/en/reference.md")?,
            "reference/command-line.md" => command_line::page(&rust::built_program("codat-keys"))?,
            "reference/emulator.md" => controls::page()?,
            _ => with_site_links(&fs::read_to_string(page)?, page, &pages, linked).context(page.to_owned())?,
        };
        let file = format!("{}.md", place(page));
        write(&folder.join("src").join(&file), &text)?;
        summary = summary.replace(&format!("]({page})"), &format!("]({file})"));
    }
    write(&folder.join("src/SUMMARY.md"), &summary)?;
    for file in ["book.toml", "site.css", "site.js"] {
        copy(&Path::new(FOLDER).join(file), &folder.join(file))?;
    }
    copy(&Path::new(FOLDER).join(book.language).join("header.hbs"), &folder.join("theme/header.hbs"))
}

fn build(book: &Book) -> Result<()> {
    let target = Path::new(SITE).join(book.folder);
    let mut mdbook = tools::mdbook()?;
    mdbook.arg("build").arg(Path::new(SOURCES).join(book.language));
    mdbook.arg("--dest-dir").arg(std::path::absolute(&target)?);
    mdbook.envs([("MDBOOK_BOOK__TITLE", book.title), ("MDBOOK_BOOK__LANGUAGE", book.language)]);
    run_quietly(&mut mdbook)
}
