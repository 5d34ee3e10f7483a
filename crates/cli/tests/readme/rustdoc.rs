//! Checks that every public type has an example. (`cargo test` runs the examples.)

use std::path::Path;

use super::markdown::ROOT;

#[test]
fn every_public_type_has_an_example_that_runs() {
    for (library, at_least) in [("core", 20), ("emulator", 4)] {
        let sources = format!("{ROOT}/crates/{library}/src");
        let exported = std::fs::read_to_string(format!("{sources}/lib.rs")).unwrap();
        let types = types_in(Path::new(&sources));
        let public = types.iter().filter(|(name, _)| is_exported(&exported, name));
        let without: Vec<_> = public.clone().filter(|(_, docs)| !shows(docs)).map(|(name, _)| name).collect();
        assert!(without.is_empty(), "{library}: {without:?} have no example, or one that does not run");
        assert!(public.count() >= at_least, "the types of {library} are not found any more");
    }
}

fn shows(docs: &str) -> bool {
    let mut fences = docs.lines().filter_map(|line| line.strip_prefix("/// ```"));
    docs.contains("```\n")
        && fences.all(|kind| ["no_run", "ignore", "compile_fail"].iter().all(|word| !kind.contains(word)))
}

fn is_exported(library: &str, name: &str) -> bool {
    let exports = library.split("\npub use ").skip(1).filter_map(|rest| rest.split(';').next());
    exports.flat_map(|names| names.split(|c: char| !c.is_alphanumeric())).any(|word| word == name)
}

/// Returns the name and the documentation of each public type.
fn types_in(folder: &Path) -> Vec<(String, String)> {
    let mut types = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            types.extend(types_in(&path));
            continue;
        }
        let (source, mut docs) = (std::fs::read_to_string(&path).unwrap(), String::new());
        for line in source.lines() {
            let kind = ["pub struct ", "pub enum "].iter().find_map(|kind| line.strip_prefix(kind));
            match kind {
                Some(rest) => {
                    let name = rest.split(|c: char| !c.is_alphanumeric()).next().unwrap();
                    types.push((name.to_owned(), std::mem::take(&mut docs)));
                }
                None if line.starts_with("///") => docs += &format!("{line}\n"),
                None if line.starts_with("#[") => {}
                None => docs.clear(),
            }
        }
    }
    types
}
