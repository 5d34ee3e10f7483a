//! The steps of the demonstration that rotate a key. The rotation starts in a separate process, which is killed. Other
//! processes resume and finish the rotation.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use codat_keys::{ApiKey, ApiKeyDetails, KeyId};
use tokio::process::Command;

use super::{Demo, client, expect};
use crate::failure::Failure;
use crate::secret_file::SecretFile;

/// The time between two requests that check whether the rotation has created a key.
const POLL_INTERVAL: Duration = Duration::from_millis(10);

impl Demo<'_> {
    /// Rotates a key that is stored in a file. Three processes run one after another: they start, resume and finish the
    /// rotation. The first process is killed after it has created the new key.
    pub(super) async fn rotate(&self, key: &ApiKeyDetails) -> Result<(), Failure> {
        let folder = tempfile::tempdir().map_err(|error| failure("no temporary folder", &error))?;
        let file = folder.path().join("key.txt");
        SecretFile::reserve(&file, false)?.write(key.api_key.expose_secret(), "please report it")?;

        let sink = format!("file:{}", file.display());
        self.start_and_kill(self.command(folder.path(), &["rotate", "--to", &sink])?).await?;
        let unchanged = self.key_in(&file).await?.id == key.id;
        expect(unchanged, "the file has the old key, which works")?;
        self.print_step("rotate", "its process is killed when Codat has made the new key; the old key works").await?;

        self.run(self.command(folder.path(), &["rotate", "resume"])?).await?;
        let new = self.key_in(&file).await?;
        let name = new.name.as_ref().map(ToString::to_string).unwrap_or_default();
        expect(new.id != key.id && name.starts_with("lost-answer~"), "the file has the new key, which works")?;
        self.print_step("resume", &format!("the file now has the new key {}, \"{name}\"; both keys work", new.id))
            .await?;

        self.run(self.command(folder.path(), &["rotate", "finish"])?).await?;
        let keys = self.client.keys().list().await?;
        let is_listed = |id: &KeyId| keys.iter().any(|listed| listed.id == *id);
        expect(is_listed(&new.id) && !is_listed(&key.id), "the new key has replaced the old one")?;
        self.print_step("finish", "the old key is deleted").await
    }

    /// Returns a command that runs this program with `arguments`. The program reads its key from a file in `folder`,
    /// and stores its journal in `folder`.
    fn command(&self, folder: &Path, arguments: &[&str]) -> Result<Command, Failure> {
        let program = std::env::current_exe().map_err(|error| failure("this program", &error))?;
        let mut command = Command::new(program);
        command.args(arguments).arg("--journal").arg(folder.join("journal"));
        for variable in ["CODAT_API_KEY", "CODAT_AUTH_HEADER", "CODAT_PROFILE", "CODAT_CA_FILE"] {
            command.env_remove(variable);
        }
        command.env("CODAT_BASE_URL", self.emulator.base_url()).env("CODAT_API_KEY_FILE", folder.join("key.txt"));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
        Ok(command)
    }

    /// Runs a rotation in a process until the rotation has created a key, and then kills the process.
    async fn start_and_kill(&self, mut command: Command) -> Result<(), Failure> {
        let before = self.client.keys().list().await?.len();
        let mut rotation = command.stderr(Stdio::null()).spawn().map_err(|error| failure("the rotation", &error))?;
        while self.client.keys().list().await?.len() == before {
            let is_running = rotation.try_wait().is_ok_and(|ended| ended.is_none());
            expect(is_running, "the rotation creates a key")?;
            tokio::time::sleep(POLL_INTERVAL).await;
        }
        rotation.kill().await.map_err(|error| failure("the rotation", &error))
    }

    async fn run(&self, mut command: Command) -> Result<(), Failure> {
        let ended = command.output().await.map_err(|error| failure("the rotation", &error))?;
        let text = String::from_utf8_lossy(&ended.stderr);
        expect(ended.status.success(), &format!("the rotation succeeds, but it said: {}", text.trim()))
    }

    /// Returns the key in a file. Sends a request with the key, and returns an error if the emulator rejects the key.
    async fn key_in(&self, file: &Path) -> Result<ApiKeyDetails, Failure> {
        let text = std::fs::read_to_string(file).map_err(|error| failure("the file of the key", &error))?;
        Ok(client(self.emulator, &ApiKey::parse(&text)?)?.whoami().await?)
    }
}

fn failure(what: &str, error: &std::io::Error) -> Failure {
    Failure::local(format!("{what} cannot be used: {error}"), "check that programs can run and files can be written")
}
