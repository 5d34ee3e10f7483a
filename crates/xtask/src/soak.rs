//! `cargo xtask soak`: rotates keys on emulators with the program `codat-keys`, kills the program at random moments,
//! and lets other processes complete the rotation. Checks the keys after each process has ended.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use codat_keys::{ApiKey, ApiKeyDetails, AuthorizationHeader, Client, MAX_KEYS};
use codat_keys_emulator::Emulator;
use serde_json::json;

use crate::process::program;
use crate::{parallel, rust};

/// The number of rotations that are in progress at the same time. A rotation mostly waits, so several rotations share
/// one core.
const CONCURRENT: usize = 8;
/// The maximum time of [`Kill::After`]. A rotation without faults takes at least this long, so most kills interrupt a
/// rotation.
const LAST_KILL: Duration = Duration::from_millis(3500);
/// The highest number in [`Kill::AtRequest`]. A rotation without faults sends about this many requests.
const LAST_REQUEST: usize = 12;
/// The maximum number of kills of a rotation.
const KILLS: u32 = 4;
const TIMEOUT: Duration = Duration::from_secs(120);
const NAME: &str = "billing";

/// The moment at which a process is killed.
#[derive(Clone, Copy)]
enum Kill {
    After(Duration),
    /// The moment when the emulator has received this number of requests from the process.
    AtRequest(usize),
}

/// The result of the rotations. Each field except `kills` is a number of rotations.
#[derive(Default)]
struct Totals {
    rotated: u32,
    aborted: u32,
    kills: u32,
    violations: u32,
}

/// Rotates `number` keys, each with its own seed and its own emulator. Returns whether all checks have passed. The last
/// line of the output has the form of a test result.
pub(crate) fn run(number: u64) -> Result<ExitCode> {
    rust::build()?;
    let seeds: Vec<u64> = (0..number).collect();
    let started = Instant::now();
    let outcomes = parallel::map(&seeds, CONCURRENT, |seed| Rotation::start(*seed).and_then(Rotation::run));
    let mut totals = Totals::default();
    for (seed, outcome) in seeds.iter().zip(outcomes) {
        match outcome {
            Ok((is_rotated, kills)) => {
                totals.kills += kills;
                *(if is_rotated { &mut totals.rotated } else { &mut totals.aborted }) += 1;
            }
            Err(error) => {
                totals.violations += 1;
                println!("violated: {error:#}: cargo xtask soak --seed {seed}");
            }
        }
    }
    let Totals { rotated, aborted, kills, violations } = totals;
    let seconds = started.elapsed().as_secs();
    println!("soak: {rotated} rotations done, {aborted} aborted, {kills} kills, {violations} violations, {seconds} s");
    let word = if violations == 0 { "ok" } else { "FAILED" };
    println!("test result: {word}. {} passed; {violations} failed; 0 ignored", rotated + aborted);
    Ok(if violations == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Repeats the rotation with this seed. The kills occur at the same moments in each run with this seed. How far the
/// program gets before a kill depends on the speed of the machine.
pub(crate) fn repeat(seed: u64) -> Result<()> {
    rust::build()?;
    let (is_rotated, kills) = Rotation::start(seed)?.run()?;
    println!("{} after {kills} kills", if is_rotated { "rotated" } else { "aborted" });
    Ok(())
}

/// A rotation of a key that is stored in a file.
struct Rotation {
    random: fastrand::Rng,
    emulator: Emulator,
    folder: PathBuf,
    /// The ids of the keys before the rotation. The first key is the key to replace.
    ids: Vec<String>,
    old: String,
    /// The values of all keys that the checks have found so far.
    values: Vec<ApiKey>,
}

impl Rotation {
    fn start(seed: u64) -> Result<Self> {
        // The first numbers of adjacent seeds are alike, so the seeds are spread.
        let mut random = fastrand::Rng::with_seed(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let folder = std::env::current_dir()?.join(format!("target/soak/{seed}"));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(folder.join("another"))?;
        let emulator = Emulator::builder().seed(seed).start()?;
        let old = format!("MadeUpKeyOfTheSoak{seed:022}");
        let others = 1..random.usize(2..MAX_KEYS);
        let mut keys = vec![json!({ "id": "0", "name": NAME, "apiKey": old })];
        keys.extend(others.map(|id| json!({ "id": id.to_string(), "name": format!("other {id}") })));
        let ids = keys.iter().map(|key| key["id"].as_str().unwrap_or_default().to_owned()).collect();
        emulator.set_state(&json!({ "keys": keys }).to_string()).map_err(anyhow::Error::msg)?;
        write_private(&folder.join("key"), &old)?;
        Ok(Self { random, emulator, folder, ids, old, values: Vec::new() })
    }

    /// Starts the rotation, kills its processes up to [`KILLS`] times, and lets a last process complete it. Returns
    /// whether the key was replaced, and the number of kills.
    fn run(mut self) -> Result<(bool, u32)> {
        if self.random.bool() {
            let method = self.random.choice(["POST", "DELETE", "GET"]).context("no method")?;
            let mut fault = self.random.choice([
                json!({ "fault": "drop-before" }),
                json!({ "fault": "drop-after" }),
                json!({ "fault": "status", "status": 503 }),
                json!({ "fault": "delay-before", "milliseconds": 500 }),
            ]);
            let fault = fault.as_mut().context("no fault")?;
            fault["method"] = method.into();
            self.emulator.set_faults(&json!([fault]).to_string()).map_err(anyhow::Error::msg)?;
        }
        let start = ["--to", "file:../key", "--grace", "0"];
        let mut kills = self.killed(&start)?;
        // `resume` stops at the grace period.
        let [between, last] = if self.random.u8(..4) == 0 { ["abort"; 2] } else { ["resume", "finish"] };
        while kills < self.random.u32(0..=KILLS) && self.killed(&[between])? == 1 {
            kills += 1;
        }
        // Status 7: there is no unfinished rotation, because an earlier process has completed it, or has not begun it.
        let status = self.process(&[last], Kill::After(TIMEOUT))?.context("the process does not end")?;
        ensure!([0, 7].contains(&status), "`rotate {last}` ended with status {status}");
        Ok((self.check_end()?, kills))
    }

    /// Runs `rotate` and kills it at a random moment. Returns the number of kills: 1, or 0 if the process ended before
    /// it was killed.
    fn killed(&mut self, arguments: &[&str]) -> Result<u32> {
        let kill = match self.random.bool() {
            true => Kill::After(LAST_KILL.mul_f64(self.random.f64())),
            false => Kill::AtRequest(self.random.usize(1..=LAST_REQUEST)),
        };
        Ok(u32::from(self.process(arguments, kill)?.is_none()))
    }

    /// Runs `rotate`, kills it at the given moment, and checks the keys. Returns the exit status, or `None` if the process
    /// was killed.
    fn process(&mut self, arguments: &[&str], kill: Kill) -> Result<Option<i32>> {
        self.emulator.clear_journal();
        let mut child = self.command(arguments)?.spawn().context("`codat-keys` cannot start")?;
        let started = Instant::now();
        let is_due = || match kill {
            Kill::After(time) => started.elapsed() >= time,
            Kill::AtRequest(number) => self.emulator.journal().len() >= number,
        };
        let status = loop {
            match child.try_wait()? {
                Some(status) => break Some(status.code().context("the process was killed by another signal")?),
                None if is_due() => {
                    child.kill()?;
                    child.wait()?;
                    break None;
                }
                None => thread::sleep(Duration::from_millis(1)),
            }
        };
        self.check()?;
        Ok(status)
    }

    /// Returns the command of `rotate`. The working directory of the command is not the folder of the key, because
    /// scheduled jobs often run in another folder.
    fn command(&self, arguments: &[&str]) -> Result<Command> {
        let mut command = program(std::env::current_dir()?.join("target/debug/codat-keys"));
        command
            .args(["rotate"])
            .args(arguments)
            .args(["--journal", "../journal"])
            .current_dir(self.folder.join("another"))
            .env_clear()
            .env("HOME", &self.folder)
            .env("CODAT_BASE_URL", self.emulator.base_url())
            .env("CODAT_API_KEY_FILE", self.folder.join("key"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        Ok(command)
    }

    /// Checks what must hold at each moment: the key in the file works, no file of the journal contains a key, and
    /// every key from before the rotation still exists, except the key to replace.
    fn check(&mut self) -> Result<()> {
        let keys = self.keys().context("the key in the file does not work")?;
        let is_gone = |id: &&String| keys.iter().all(|key| key.id.as_str() != **id);
        ensure!(!self.ids[1..].iter().any(|id| is_gone(&id)), "a key of others is gone");
        for key in keys {
            if !self.values.contains(&key.api_key) {
                self.values.push(key.api_key);
            }
        }
        let journal = contents(&self.folder.join("journal"))?;
        for value in &self.values {
            let header = AuthorizationHeader::from(value);
            let encoded = header.expose_secret().trim_start_matches("Basic ").trim_end_matches('=');
            let is_there = [value.expose_secret(), encoded].iter().any(|secret| journal.contains(secret));
            ensure!(!is_there, "the journal contains a key");
        }
        Ok(())
    }

    /// Checks what must hold after the rotation: there are as many keys as before the rotation, and one of them is the
    /// key in the file. Returns whether the key was replaced.
    fn check_end(&self) -> Result<bool> {
        let keys = self.keys()?;
        ensure!(keys.len() == self.ids.len(), "{} keys before, {} after", self.ids.len(), keys.len());
        let own: Vec<_> = keys.iter().filter(|key| self.ids[1..].iter().all(|id| key.id.as_str() != *id)).collect();
        let [key] = own.as_slice() else { bail!("{} keys of the rotation remain", own.len()) };
        let value = fs::read_to_string(self.folder.join("key"))?;
        ensure!(key.api_key.expose_secret() == value, "the file has another key");
        Ok(value != self.old)
    }

    /// Lists the keys with the key in the file.
    fn keys(&self) -> Result<Vec<ApiKeyDetails>> {
        let client =
            Client::builder().base_url(self.emulator.base_url()).api_key_file(self.folder.join("key")).build()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        Ok(runtime.block_on(client.keys().list().send())?)
    }
}

/// Returns the contents of all files in a folder, or an empty text if the folder does not exist.
fn contents(folder: &Path) -> Result<String> {
    let mut text = String::new();
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry?.path();
        text += &match path.is_dir() {
            true => contents(&path)?,
            false => String::from_utf8_lossy(&fs::read(&path).unwrap_or_default()).into_owned(),
        };
    }
    Ok(text)
}

fn write_private(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text)?;
    #[cfg(unix)]
    fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
    Ok(())
}
