//! Processes that make one call: the command line compared with curl.

use std::io::ErrorKind;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use codat_keys::{ApiKey, AuthorizationHeader};

use crate::cores::{Cores, Pin};
use crate::server::Server;
use crate::statistics::Summary;
use crate::table::{markdown, spread};
use crate::{KEY, PATH, in_turn};

const ROUNDS: usize = 200;

pub(crate) const OURS: &str = "`codat-keys list`";
const CURL: &str = "`curl`";
/// The program that measures the startup time of a codat-keys process without a call.
pub(crate) const FLOOR: &str = "`codat-keys --version`";

/// The scheme of a process that makes no call.
pub(crate) const NONE: &str = "none";

/// The times of one program in all rounds.
pub(crate) struct Line {
    pub(crate) pin: Pin,
    pub(crate) scheme: &'static str,
    pub(crate) program: &'static str,
    milliseconds: Vec<f64>,
}

impl Line {
    pub(crate) fn time(&self) -> Summary {
        Summary::of(self.milliseconds.iter().copied())
    }
}

/// Finds the line of a program.
pub(crate) fn line<'a>(lines: &'a [Line], pin: Pin, scheme: &str, program: &str) -> Result<&'a Line> {
    let is_it = |line: &&Line| line.pin == pin && line.scheme == scheme && line.program == program;
    lines.iter().find(is_it).with_context(|| format!("{program} was not measured over {scheme}, {pin}"))
}

/// The measured programs, each with its scheme, name and command.
pub(crate) struct Programs(Vec<(&'static str, &'static str, Command)>);

impl Programs {
    /// Finds the programs: codat-keys, and curl if it is installed.
    pub(crate) fn find(server: &Server) -> Result<Self> {
        let ours = std::env::current_exe()?.with_file_name("codat-keys");
        ensure!(ours.is_file(), "codat-keys is not built beside this program: start it with `cargo xtask bench`");
        let mut programs = vec![
            ("HTTP", OURS, list(&ours, server, &server.http)),
            ("HTTPS", OURS, list(&ours, server, &server.https)),
            (NONE, FLOOR, version(&ours)),
        ];
        if curl_is_there()? {
            programs.push(("HTTP", CURL, curl(server, &server.http)?));
            programs.push(("HTTPS", CURL, curl(server, &server.https)?));
        } else {
            eprintln!("curl is not installed: the command line is measured alone");
        }
        Ok(Self(programs))
    }

    pub(crate) fn measure(mut self, cores: &Cores) -> Result<Vec<Line>> {
        let programs = &mut self.0;
        let mut lines = Vec::new();
        for &pin in cores.pins() {
            lines.extend(programs.iter().map(|&(scheme, program, _)| Line {
                pin,
                scheme,
                program,
                milliseconds: Vec::with_capacity(ROUNDS),
            }));
        }
        for round in 0..ROUNDS {
            eprint!("\rprocesses: round {} of {ROUNDS}", round + 1);
            for (&pin, lines) in cores.pins().iter().zip(lines.chunks_mut(programs.len())) {
                cores.pin(pin)?;
                for place in in_turn(programs.len(), round) {
                    lines[place].milliseconds.push(time(&mut programs[place].2)?.as_secs_f64() * 1e3);
                }
            }
        }
        eprintln!();
        Ok(lines)
    }
}

/// Returns a table with one row per line.
pub(crate) fn table(lines: &[Line]) -> String {
    let row = |of: &Line| {
        let ratio = match line(lines, of.pin, of.scheme, CURL) {
            Ok(curl) if of.program != CURL => spread(Summary::of_ratios(&of.milliseconds, &curl.milliseconds), 2),
            _ => String::new(),
        };
        [of.pin.to_string(), of.scheme.to_owned(), of.program.to_owned(), spread(of.time(), 2), ratio]
    };
    let rows: Vec<_> = lines.iter().map(row).collect();
    markdown(["cores", "over", "program", "ms from start to end", "× curl's time"], &rows)
}

fn list(program: &Path, server: &Server, url: &str) -> Command {
    let mut command = Command::new(program);
    // The environment of the user must not influence the measurement.
    command.arg("list").env_clear().env("CODAT_API_KEY", KEY).env("CODAT_BASE_URL", url);
    command.env("CODAT_CA_FILE", server.authority());
    command
}

fn version(program: &Path) -> Command {
    let mut command = Command::new(program);
    command.arg("--version").env_clear();
    command
}

fn curl_is_there() -> Result<bool> {
    match Command::new("curl").arg("--version").output() {
        Ok(output) => Ok(output.status.success()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error).context("curl cannot be started"),
    }
}

fn curl(server: &Server, url: &str) -> Result<Command> {
    let mut command = Command::new("curl");
    let key = ApiKey::parse(KEY)?;
    // curl ignores the user's configuration and proxy.
    command.args(["--disable", "--silent", "--fail", "--noproxy", "*", "--cacert"]).arg(server.authority());
    command.arg("--header").arg(format!("Authorization: {}", AuthorizationHeader::from(&key).expose_secret()));
    command.arg(format!("{url}{PATH}"));
    Ok(command)
}

/// Runs a command and returns the time from its start to its end.
pub(crate) fn time(command: &mut Command) -> Result<Duration> {
    command.stdin(Stdio::null()).stdout(Stdio::null());
    let started = Instant::now();
    let status = command.status()?;
    let time = started.elapsed();
    ensure!(status.success(), "{:?} failed: {status}", command.get_program());
    Ok(time)
}
