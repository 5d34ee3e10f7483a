//! Finds out from the source code of a crate which modules use which other modules of the crate.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use proc_macro2::{Delimiter, TokenStream, TokenTree};

use super::Uses;

/// The path of a module as a list of names, without `crate`.
type Module = Vec<String>;

#[derive(Default)]
pub(super) struct Imports {
    modules: BTreeSet<Module>,
    /// The modules that are compiled only for tests and fuzz targets. The Rust paths in these modules are ignored.
    tests: BTreeSet<Module>,
    /// Every Rust path in the source code, such as `crate::a::B`, together with the module that contains the path.
    paths: BTreeSet<(Module, Vec<String>)>,
    /// For each name that a `use` declaration adds to a module, the Rust path of this name.
    names: BTreeMap<(Module, String), Vec<String>>,
}

impl Imports {
    pub(super) fn read(folder: &Path) -> Result<Self> {
        let mut imports = Self::default();
        imports.read_folder(folder, &Module::new())?;
        Ok(imports)
    }

    /// Returns the modules that have submodules.
    pub(super) fn parents(&self) -> BTreeSet<Module> {
        self.modules.iter().filter_map(|module| Some(module.split_last()?.1.to_vec())).collect()
    }

    /// Returns which submodules of `parent` use which other submodules of `parent`. A module inside a submodule counts
    /// as a part of the submodule.
    pub(super) fn uses(&self, parent: &[String]) -> Uses {
        let mut uses = Uses::new();
        let child = |module: &Module| module.strip_prefix(parent).and_then(|rest| rest.first().cloned());
        for (from, path) in &self.paths {
            if self.tests.iter().any(|test| from.starts_with(test)) {
                continue;
            }
            let to = self.resolve(from, path, 0).unwrap_or_default();
            if let (Some(user), Some(used)) = (child(from), child(&to))
                && user != used
            {
                uses.entry(user).or_default().entry(used).or_insert_with(|| path.join("::"));
            }
        }
        uses
    }

    fn read_folder(&mut self, folder: &Path, module: &Module) -> Result<()> {
        for entry in fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))? {
            let path = entry?.path();
            let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            if path.is_dir() {
                self.read_folder(&path, &submodule(module, &name))?;
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let is_parent = ["lib", "main", "mod"].contains(&name.as_str());
                let module = if is_parent { module.clone() } else { submodule(module, &name) };
                let tokens = fs::read_to_string(&path)?.parse();
                let tokens = tokens.map_err(|error| anyhow::anyhow!("{}: {error}", path.display()))?;
                self.read_tokens(tokens, &module);
            }
        }
        Ok(())
    }

    fn read_tokens(&mut self, tokens: TokenStream, module: &Module) {
        self.modules.insert(module.clone());
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let mut rest = tokens.as_slice();
        // Whether the current item is compiled only for tests or fuzzing.
        let mut is_test = false;
        while let [first, after @ ..] = rest {
            rest = after;
            match (first, after) {
                (TokenTree::Punct(punct), [TokenTree::Group(attribute), ..]) if punct.as_char() == '#' => {
                    is_test |= ["cfg (test)", "cfg (fuzzing)"].contains(&attribute.stream().to_string().as_str());
                    rest = &after[1..];
                }
                (TokenTree::Ident(word), [TokenTree::Ident(name), ..]) if word == "mod" => {
                    let inner = submodule(module, &name.to_string());
                    if is_test {
                        self.tests.insert(inner.clone());
                    }
                    if let Some(TokenTree::Group(body)) = after.get(1) {
                        self.read_tokens(body.stream(), &inner);
                        rest = &after[2..];
                        is_test = false;
                    }
                }
                (TokenTree::Group(group), _) if is_test => is_test = group.delimiter() != Delimiter::Brace,
                (TokenTree::Punct(punct), _) if is_test => is_test = punct.as_char() != ';',
                _ if is_test => {}
                (TokenTree::Ident(word), _) if word == "use" => {
                    let end = after.iter().position(|token| is_punct(token, ';')).unwrap_or(after.len());
                    self.read_use(&after[..end], &[], module);
                    rest = &after[end..];
                }
                (TokenTree::Ident(word), _) if ["crate", "self", "super"].iter().any(|root| word == root) => {
                    let mut path = vec![word.to_string()];
                    while let [colon, other, TokenTree::Ident(name), ..] = rest
                        && is_punct(colon, ':')
                        && is_punct(other, ':')
                    {
                        path.push(name.to_string());
                        rest = &rest[3..];
                    }
                    if path.len() > 1 {
                        self.paths.insert((module.clone(), path));
                    }
                }
                (TokenTree::Group(group), _) => self.read_tokens(group.stream(), module),
                _ => {}
            }
        }
    }

    /// Reads the tokens of a `use` declaration, or the tokens between the braces of a `use` declaration. `before` is
    /// the path in front of the braces. `module` is the module that contains the declaration.
    fn read_use(&mut self, tokens: &[TokenTree], before: &[String], module: &Module) {
        for tree in tokens.split(|token| is_punct(token, ',')) {
            let mut path = before.to_vec();
            let mut name = None;
            for token in tree {
                match token {
                    TokenTree::Ident(word) if word == "as" => name = Some(String::new()),
                    TokenTree::Ident(word) if name.is_some() => name = Some(word.to_string()),
                    // In braces, `self` stands for the path in front of the braces.
                    TokenTree::Ident(word) if word == "self" && !path.is_empty() => {}
                    TokenTree::Ident(word) => path.push(word.to_string()),
                    TokenTree::Group(group) => {
                        self.read_use(&group.stream().into_iter().collect::<Vec<_>>(), &path, module);
                        path.clear();
                    }
                    _ => {}
                }
            }
            if let Some(last) = path.last() {
                let name = name.unwrap_or_else(|| last.clone());
                self.names.insert((module.clone(), name), path.clone());
                self.paths.insert((module.clone(), path));
            }
        }
    }

    /// Returns the module that a Rust path leads to. If the path leads to a type or a function, returns the module that
    /// defines this item. Returns `None` if the path leads to another crate.
    fn resolve(&self, from: &Module, path: &[String], depth: usize) -> Option<Module> {
        let (first, mut rest) = path.split_first()?;
        let mut module = match first.as_str() {
            "crate" => Module::new(),
            "self" => from.clone(),
            "super" => from.split_last()?.1.to_vec(),
            name if self.modules.contains(&submodule(from, name)) => submodule(from, name),
            _ => return None,
        };
        while let [name, after @ ..] = rest {
            let inner = submodule(&module, name);
            if name == "super" {
                module.pop();
            } else if self.modules.contains(&inner) {
                module = inner;
            } else if let Some(path) = self.names.get(&(module.clone(), name.clone()))
                && depth < 10
            {
                return self.resolve(&module, &[path.as_slice(), after].concat(), depth + 1);
            } else {
                break;
            }
            rest = after;
        }
        Some(module)
    }
}

fn submodule(module: &[String], name: &str) -> Module {
    [module, &[name.to_owned()]].concat()
}

fn is_punct(token: &TokenTree, character: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == character)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the imports between top-level modules. `a → b` means that the module `a` uses the module `b`.
    fn uses(files: &[(&str, &str)]) -> Vec<String> {
        let mut imports = Imports::default();
        for (module, text) in files {
            let module: Module = module.split("::").filter(|name| !name.is_empty()).map(str::to_owned).collect();
            imports.read_tokens(text.parse().unwrap(), &module);
        }
        let uses = imports.uses(&[]);
        uses.iter().flat_map(|(user, used)| used.keys().map(move |used| format!("{user} → {used}"))).collect()
    }

    #[test]
    fn every_form_of_a_path_is_read() {
        for text in [
            "use crate::b::X;",
            "use crate::b;",
            "use crate::b::*;",
            "use crate::{b::{self, X}, c::Y};",
            "use super::b::X as Z;",
            "fn f() { crate::b::g(); }",
            "fn f() -> super::b::X { todo!() }",
            "fn f() { println!(\"{}\", crate::b::g()); }",
            "mod inner { fn f() { super::super::b::g(); } }",
            "pub(super) use crate::X;",
        ] {
            let found = uses(&[("", "mod a; mod b; mod c; pub use b::X;"), ("a", text), ("b", ""), ("c", "")]);
            assert!(found.contains(&"a → b".to_owned()), "{text}: {found:?}");
        }
    }

    #[test]
    fn other_crates_parents_and_tests_are_no_uses() {
        for text in [
            "use std::b::X;",
            "use crate::X;",
            "// crate::b\n/// [`crate::b`]\nfn f() { \"crate::b\"; }",
            "#[cfg(test)] mod tests { use crate::b::X; }",
            "#[cfg(test)] use crate::b::X;",
            "#[cfg(fuzzing)] pub fn f() { crate::b::g(); }",
            "pub(crate) fn f() {}",
        ] {
            assert_eq!(uses(&[("", "mod a; mod b; struct X;"), ("a", text), ("b", "")]), [""; 0], "{text}");
        }
    }

    #[test]
    fn a_file_that_only_tests_declare_is_not_read() {
        let root = "mod a; mod b; #[cfg(test)] mod cases;";
        assert_eq!(
            uses(&[("", root), ("a", "#[cfg(test)] mod tests;"), ("a::tests", "use crate::b::X;"), ("b", "")]),
            [""; 0]
        );
        assert_eq!(uses(&[("", root), ("cases", "use crate::b::X;"), ("b", "")]), [""; 0]);
    }
}
