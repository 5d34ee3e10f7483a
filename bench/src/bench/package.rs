//! What the Python package costs before its first call: to import it, and to have it installed.

use std::process::Command;

use anyhow::{Result, bail};

use super::cores::{Cores, Pin};
use super::statistics::Summary;
use super::table::{markdown, spread};
use super::{in_turn, oneshot, python};

const ROUNDS: usize = 40;

/// The first does nothing: the others are compared with it.
const STATEMENTS: [&str; 7] =
    ["pass", OURS, "import typing", "import asyncio", "import pycurl, json", "import aiohttp", "import codat_platform"];
const OURS: &str = "import codat_keys";

pub(crate) struct Package {
    /// Milliseconds for each statement, round by round.
    imports: [Vec<f64>; STATEMENTS.len()],
    pub(crate) bytes: f64,
    pub(crate) dependencies: usize,
}

impl Package {
    pub(crate) fn measure(cores: &Cores) -> Result<Self> {
        cores.pin(*cores.pins().last().unwrap_or(&Pin::Same))?;
        let mut processes = STATEMENTS.map(interpreter);
        let mut imports = [const { Vec::new() }; STATEMENTS.len()];
        for round in 0..ROUNDS {
            eprint!("\rimports: round {} of {ROUNDS}", round + 1);
            for place in in_turn(STATEMENTS.len(), round) {
                imports[place].push(oneshot::time(&mut processes[place])?.as_secs_f64() * 1e3);
            }
        }
        eprintln!();
        let said = python::python().arg("bench/python/package.py").output()?;
        let said = String::from_utf8_lossy(&said.stdout).into_owned();
        let Some((bytes, dependencies)) = said.trim().split_once(' ') else { bail!("codat-keys is not installed") };
        Ok(Self { imports, bytes: bytes.parse()?, dependencies: dependencies.parse()? })
    }

    /// What the import adds to a bare interpreter, in milliseconds.
    pub(crate) fn import(&self) -> Summary {
        self.added(&self.imports[1])
    }

    /// What the others add.
    pub(crate) fn other_imports(&self) -> String {
        let others = STATEMENTS.iter().zip(&self.imports).skip(2);
        let others = others.map(|(statement, times)| format!("`{statement}` {:.0}", self.added(times).median));
        others.collect::<Vec<_>>().join(", ")
    }

    /// A row a statement.
    pub(crate) fn table(&self) -> String {
        let row = |(statement, times): (&&str, &Vec<f64>)| {
            let added = if *statement == STATEMENTS[0] { String::new() } else { spread(self.added(times), 1) };
            [format!("`python -c \"{statement}\"`"), spread(Summary::of(times.iter().copied()), 1), added]
        };
        let rows: Vec<_> = STATEMENTS.iter().zip(&self.imports).map(row).collect();
        markdown(["process", "ms from start to end", "ms more than the first"], &rows)
    }

    fn added(&self, times: &[f64]) -> Summary {
        Summary::of(times.iter().zip(&self.imports[0]).map(|(time, bare)| time - bare))
    }
}

fn interpreter(statement: &str) -> Command {
    let mut command = python::python();
    command.args(["-c", statement]);
    command
}
