//! The cost of a package before its first call: the import time and the installed size.

use std::process::Command;

use anyhow::{Result, bail};

use crate::cores::{Cores, Pin};
use crate::statistics::Summary;
use crate::table::{markdown, spread};
use crate::{in_turn, oneshot, scripts};

const ROUNDS: usize = 40;
/// The maximum installed size of a package.
pub(crate) const MEGABYTES: f64 = 10.0;

pub(crate) struct Language {
    pub(crate) name: &'static str,
    /// The measured statements. The first does nothing and is the baseline. The second imports codat-keys.
    pub(crate) statements: &'static [&'static str],
    /// The maximum import time of codat-keys, in milliseconds.
    pub(crate) import: f64,
    /// The command that runs a statement, as shown in the table.
    shown: &'static str,
    run: fn(&str) -> Command,
    /// Returns the command that prints the installed size of codat-keys in bytes and the number of its dependencies.
    size: fn() -> Command,
}

pub(crate) const PYTHON: Language = Language {
    name: "Python",
    statements: &[
        "pass",
        "import codat_keys",
        "import typing",
        "import asyncio",
        "import pycurl, json",
        "import aiohttp",
        "import codat_platform",
    ],
    import: 10.0,
    shown: "python -c",
    run: |statement| {
        let mut python = scripts::python();
        python.args(["-c", statement]);
        python
    },
    size: || {
        let mut python = scripts::python();
        python.arg("bench/python/package.py");
        python
    },
};

pub(crate) const NODE: Language = Language {
    name: "Node",
    statements: &["0", "import 'codat-keys'", "import 'undici'", "import '@codat/platform'"],
    import: 15.0,
    shown: "node --input-type=module -e",
    run: |statement| {
        let mut node = scripts::node();
        // Node resolves the imports from this folder.
        node.args(["--input-type=module", "-e", statement]).current_dir("bench/node");
        node
    },
    size: || {
        let mut node = scripts::node();
        node.arg("bench/node/package.mjs");
        node
    },
};

pub(crate) struct Package {
    pub(crate) language: &'static Language,
    /// The milliseconds of each statement in each round.
    imports: Vec<Vec<f64>>,
    pub(crate) bytes: f64,
    pub(crate) dependencies: usize,
}

impl Package {
    pub(crate) fn measure(language: &'static Language, cores: &Cores) -> Result<Self> {
        cores.pin(*cores.pins().last().unwrap_or(&Pin::Same))?;
        let mut processes: Vec<_> = language.statements.iter().map(|statement| (language.run)(statement)).collect();
        let mut imports = vec![Vec::new(); processes.len()];
        for round in 0..ROUNDS {
            eprint!("\rimports in {}: round {} of {ROUNDS}", language.name, round + 1);
            for place in in_turn(processes.len(), round) {
                imports[place].push(oneshot::time(&mut processes[place])?.as_secs_f64() * 1e3);
            }
        }
        eprintln!();
        let said = (language.size)().output()?;
        let said = String::from_utf8_lossy(&said.stdout).into_owned();
        let Some((bytes, dependencies)) = said.trim().split_once(' ') else { bail!("codat-keys is not installed") };
        Ok(Self { language, imports, bytes: bytes.parse()?, dependencies: dependencies.parse()? })
    }

    /// Returns the import time of codat-keys in milliseconds, relative to a bare interpreter.
    pub(crate) fn import(&self) -> Summary {
        self.added(&self.imports[1])
    }

    /// Returns the import times of the other packages.
    pub(crate) fn other_imports(&self) -> String {
        let others = self.language.statements.iter().zip(&self.imports).skip(2);
        let others = others.map(|(statement, times)| format!("`{statement}` {:.0}", self.added(times).median));
        others.collect::<Vec<_>>().join(", ")
    }

    /// Returns a table with one row per statement.
    pub(crate) fn table(&self) -> String {
        let row = |(statement, times): (&&str, &Vec<f64>)| {
            let added =
                if *statement == self.language.statements[0] { String::new() } else { spread(self.added(times), 1) };
            [format!("`{} \"{statement}\"`", self.language.shown), spread(Summary::of(times.iter().copied()), 1), added]
        };
        let rows: Vec<_> = self.language.statements.iter().zip(&self.imports).map(row).collect();
        markdown(["process", "ms from start to end", "ms more than the first"], &rows)
    }

    fn added(&self, times: &[f64]) -> Summary {
        Summary::of(times.iter().zip(&self.imports[0]).map(|(time, bare)| time - bare))
    }
}
