//! The check of the built site. Every link must lead to a file. A link with a fragment must lead to an element of the
//! file. The site must load no script, style, font or image from another host.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use anyhow::{Result, ensure};
use html5gum::emitters::default::DefaultEmitter;
use html5gum::{Token, Tokenizer};
use percent_encoding::percent_decode_str;

use super::files::below;
use super::markdown::join;

/// The links of an HTML file, and the ids and names of its elements.
#[derive(Default)]
struct Document {
    links: Vec<String>,
    ids: BTreeSet<String>,
    /// The URLs of the scripts, styles, images and frames that a browser loads with the document.
    assets: Vec<String>,
}

/// The links and the assets in the files of a folder.
struct Found {
    links: usize,
    /// The links that lead nowhere, each with the file that contains the link.
    dead: Vec<(String, String)>,
    /// The assets of other hosts, each with the file that loads the asset.
    foreign: Vec<(String, String)>,
}

/// Checks all files below the folder `site`. Returns the number of the checked links.
pub(super) fn check(site: &Path) -> Result<usize> {
    let Found { links, dead, foreign } = examine(site)?;
    let dead = dead.iter().map(|(file, link)| format!("{file} links to {link}"));
    let problems: Vec<_> = dead.chain(foreign.iter().map(|(file, url)| format!("{file} loads {url}"))).collect();
    ensure!(problems.is_empty(), "links that lead nowhere, and assets of other hosts:\n{}", problems.join("\n"));
    Ok(links)
}

/// Removes the `href` attribute of each dead link in the files below `folder`. rustdoc copies texts of other crates.
/// The relative links in these texts are dead, because they lead to pages of the other crates, and these pages are not
/// below `folder`.
pub(super) fn remove_dead(folder: &Path) -> Result<()> {
    for (file, link) in examine(folder)?.dead {
        let path = folder.join(file);
        let html = fs::read_to_string(&path)?;
        fs::write(path, html.replace(&format!(" href=\"{link}\""), ""))?;
    }
    Ok(())
}

fn examine(folder: &Path) -> Result<Found> {
    let mut documents = BTreeMap::new();
    let mut found = Found { links: 0, dead: Vec::new(), foreign: Vec::new() };
    let files = below(folder)?;
    for file in &files {
        let read = || fs::read(folder.join(file)).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        match Path::new(file).extension().and_then(|extension| extension.to_str()) {
            Some("html") => drop(documents.insert(file.clone(), document(&read()?))),
            Some("css") => found.foreign.extend(foreign_urls(&read()?).map(|url| (file.clone(), url.to_owned()))),
            _ => {}
        }
    }
    for (file, document) in &documents {
        let foreign = document.assets.iter().filter(|url| is_foreign(url));
        found.foreign.extend(foreign.map(|url| (file.clone(), url.clone())));
        for link in document.links.iter().chain(&document.assets).filter(|link| is_internal(link)) {
            found.links += 1;
            if !leads_somewhere(file, link, &files, &documents) {
                found.dead.push((file.clone(), link.clone()));
            }
        }
    }
    Ok(found)
}

fn leads_somewhere(from: &str, link: &str, files: &BTreeSet<String>, documents: &BTreeMap<String, Document>) -> bool {
    let (path, fragment) = link.split_once('#').unwrap_or((link, ""));
    let path = decoded(path.split('?').next().unwrap_or_default());
    let mut file = if path.is_empty() { from.to_owned() } else { join(from, &path) };
    if !files.contains(&file) {
        file = join(&format!("{file}/"), "index.html");
    }
    if !files.contains(&file) {
        return false;
    }
    let Some(document) = documents.get(&file) else { return fragment.is_empty() };
    // On a source code page of rustdoc, each line has an element. The fragment of a link to several lines names the
    // first and the last line.
    let first_line =
        || fragment.split_once('-').is_some_and(|(first, _)| file.contains("/src/") && document.ids.contains(first));
    fragment.is_empty() || document.ids.contains(&decoded(fragment)) || document.ids.contains(fragment) || first_line()
}

fn document(html: &str) -> Document {
    let mut emitter = DefaultEmitter::default();
    // The text of a script is not HTML.
    emitter.naively_switch_states(true);
    let mut document = Document::default();
    for Ok(token) in Tokenizer::new_with_emitter(html, emitter) {
        let Token::StartTag(tag) = token else { continue };
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let attribute = |name: &[u8]| tag.attributes.get(name).map(|value| text(value));
        let name = text(&tag.name);
        document.ids.extend(attribute(b"id"));
        match name.as_str() {
            "a" => {
                document.ids.extend(attribute(b"name"));
                document.links.extend(attribute(b"href"));
            }
            // The address of the page itself is not an asset.
            "link" if attribute(b"rel").is_some_and(|rel| rel == "canonical" || rel == "alternate") => {}
            "link" => document.assets.extend(attribute(b"href")),
            _ => document.assets.extend(attribute(b"src")),
        }
    }
    document
}

/// Returns the URLs that a stylesheet loads from other hosts.
fn foreign_urls(css: &str) -> impl Iterator<Item = &str> {
    let urls = css.split("url(").skip(1).chain(css.split("@import").skip(1));
    let urls = urls.map(|rest| rest.trim_start().trim_start_matches(['"', '\'']));
    let ends = |c: char| matches!(c, ')' | '"' | '\'' | ';') || c.is_whitespace();
    urls.map(move |rest| rest.split(ends).next().unwrap_or_default()).filter(|url| is_foreign(url))
}

fn is_foreign(url: &str) -> bool {
    url.starts_with("//") || url.contains("://") && !url.starts_with("data:")
}

fn is_internal(link: &str) -> bool {
    let scheme = link.split(['/', '?', '#']).next().is_some_and(|start| start.contains(':'));
    !scheme && !link.starts_with("//")
}

fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::super::files::write;
    use super::*;

    fn site(page: &str, style: &str) -> Result<usize> {
        let folder = tempfile::tempdir()?;
        let a = "<h1 id='top'>A</h1><script>'<a href=\"missing.html\">'</script>";
        for (file, text) in [("index.html", page), ("a/index.html", a), ("site.css", style)] {
            write(&folder.path().join(file), text)?;
        }
        check(folder.path())
    }

    #[test]
    fn links_that_lead_somewhere_are_accepted() {
        let page = r##"<h2 id="b">B</h2><a href="#b">b</a> <a href="a/">a</a> <a href="a/index.html#top">top</a>
            <a href="https://codat.io">Codat</a> <a href="mailto:a@example.com">a</a> <img src="data:image/png;base64,AA=="/>
            <link rel="stylesheet" href="site.css"> <a href="a/index.html?query#%74op">top</a>"##;
        assert_eq!(site(page, "p { background: url(\"a/index.html\") }").unwrap(), 5);
    }

    #[test]
    fn the_address_of_a_dead_link_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let page = folder.path().join("index.html");
        write(&page, "<a id=\"a\" href=\"missing.html\">missing</a> <a href=\"#a\">here</a>").unwrap();
        remove_dead(folder.path()).unwrap();
        assert_eq!(check(folder.path()).unwrap(), 1);
        assert_eq!(fs::read_to_string(page).unwrap(), "<a id=\"a\">missing</a> <a href=\"#a\">here</a>");
    }

    #[test]
    fn every_other_link_and_asset_is_an_error() {
        for (page, style, problem) in [
            ("<a href=missing.html>", "", "index.html links to missing.html"),
            ("<a href='a/index.html#missing'>", "", "index.html links to a/index.html#missing"),
            ("<a href='#missing'>", "", "index.html links to #missing"),
            ("<img src=missing.png>", "", "index.html links to missing.png"),
            ("<script src='https://example.com/a.js'>", "", "index.html loads https://example.com/a.js"),
            ("<link rel=stylesheet href='//example.com/a.css'>", "", "index.html loads //example.com/a.css"),
            ("", "@import 'https://example.com/a.css';", "site.css loads https://example.com/a.css"),
            ("", "p { src: url(https://example.com/a.woff2) }", "site.css loads https://example.com/a.woff2"),
        ] {
            let error = site(page, style).unwrap_err().to_string();
            assert!(error.ends_with(problem), "{error}");
        }
    }
}
