//! Checks the relative links of all Markdown files: each leads to a file, and to a heading of this file if it has a
//! fragment.

use std::path::Path;

use super::markdown::{ROOT, pages, prose, read};

#[test]
fn every_link_leads_to_a_file_and_a_heading() {
    let mut broken = Vec::new();
    let mut checked = 0;
    for page in pages().into_iter().chain(OTHER_PAGES.map(str::to_owned)) {
        for target in targets(&prose(&read(&page))) {
            if target.contains("://") {
                continue;
            }
            checked += 1;
            let (file, fragment) = target.split_once('#').unwrap_or((&target, ""));
            let file = if file.is_empty() { page.clone() } else { beside(&page, file) };
            if !Path::new(ROOT).join(&file).exists() || !(fragment.is_empty() || anchors(&file).any(|a| a == fragment))
            {
                broken.push(format!("{page}: {target}"));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
    assert!(checked > 50, "the links are not found any more");
}

/// The Markdown files with links that are neither a README of the repository nor a guide.
const OTHER_PAGES: [&str; 7] = [
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "bench/README.md",
    "node/README.md",
    "python/README.md",
    "tests/README.md",
];

/// Returns the targets of the links and images.
fn targets(text: &str) -> Vec<String> {
    let after = text.split("](").skip(1);
    after.filter_map(|rest| rest.split_once(')')).map(|(target, _)| target.to_owned()).collect()
}

fn beside(page: &str, file: &str) -> String {
    let folder = Path::new(page).parent().unwrap();
    folder.join(file).to_str().unwrap().to_owned()
}

/// Returns the fragments of the headings, in the form of GitHub.
fn anchors(page: &str) -> impl Iterator<Item = String> {
    let text = prose(&read(page));
    let headings: Vec<String> = text
        .lines()
        .filter_map(|line| Some(line.strip_prefix('#')?.trim_start_matches('#').trim().to_owned()))
        .collect();
    headings.into_iter().map(|heading| {
        let kept = heading.to_lowercase().replace(' ', "-");
        kept.chars().filter(|c| c.is_alphanumeric() || *c == '-' || *c == '_').collect()
    })
}

#[test]
fn a_link_and_a_heading_are_found() {
    assert_eq!(targets("see [a](b.md#c) and ![d](e.png)"), ["b.md#c", "e.png"]);
    assert!(anchors("docs/errors.md").any(|anchor| anchor == "when-the-outcome-is-unknown"));
}
