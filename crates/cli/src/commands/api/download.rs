//! `api --output FILE`: writes the body of a response to a file or to standard output while it arrives.

use std::io;
use std::path::Path;

use codat_keys::{Request, ResponseStream};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressFinish, ProgressStyle};

use super::arguments::is_dash;
use crate::atomic_file::AtomicFile;
use crate::failure::Failure;
use crate::output::{print_bytes, refuse_terminal};
use crate::secret_file::{Denial, cannot_be_written, check_path, folder_of, open_existing};
use crate::signals::{begin_change, end_change};

const KNOWN_LENGTH: &str = "{wide_bar} {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left";
const UNKNOWN_LENGTH: &str = "{spinner} {bytes}, {bytes_per_sec}";

/// The download of a response body.
pub(super) enum Download<'a> {
    StandardOutput,
    File(Destination<'a>),
}

/// The file at `path`. The body is first written to a temporary file in the same folder. When the body is complete, the
/// temporary file is renamed to `path`. The temporary file is removed after an error or a signal. On Unix, the file has
/// mode 0600, because the body can contain keys.
pub(super) struct Destination<'a> {
    path: &'a Path,
    overwrite: bool,
    file: AtomicFile,
}

impl<'a> Download<'a> {
    /// Prepares the download to `path`. The path `-` means standard output. Returns an error if no file can be written
    /// at `path`, or if standard output is a terminal. A terminal is not accepted, because the keys in the body are not
    /// masked.
    pub(super) fn new(path: &'a Path, overwrite: bool) -> Result<Self, Failure> {
        if is_dash(path) {
            let hint = "name a file, or leave --output out: keys are then masked; nothing was sent";
            refuse_terminal(false, hint)?;
            return Ok(Self::StandardOutput);
        }
        Destination::new(path, overwrite).map(Self::File)
    }

    /// Sends a request that changes nothing.
    pub(super) async fn read(self, call: Request) -> Result<(), Failure> {
        let response = call.send_streaming().await?;
        self.write(response).await
    }

    /// Sends a request that changes data. If an error occurs after the response headers have arrived, the error says
    /// that the request was sent.
    pub(super) async fn change(self, call: Request) -> Result<(), Failure> {
        begin_change();
        let response = call.send_streaming().await?;
        let done = format!("the call was made and answered: HTTP {}", response.status().as_u16());
        end_change(done.clone());
        self.write(response).await.map_err(|failure| failure.even_on_closed_pipe().with_note(done))
    }

    async fn write(self, mut response: ResponseStream) -> Result<(), Failure> {
        match self {
            Self::File(destination) => destination.write(response).await,
            Self::StandardOutput => {
                while let Some(chunk) = response.chunk().await? {
                    print_bytes(&chunk)?;
                }
                Ok(())
            }
        }
    }
}

impl<'a> Destination<'a> {
    /// Creates the temporary file. Returns an error if no file can be created in the folder, or if the file at `path`
    /// must not be replaced.
    fn new(path: &'a Path, overwrite: bool) -> Result<Self, Failure> {
        check_path(path)?;
        if path.symlink_metadata().is_ok() {
            open_existing(path, overwrite)?;
        }
        let file = AtomicFile::new_in(folder_of(path)).map_err(|error| cannot_be_written(path, &error))?;
        Ok(Self { path, overwrite, file })
    }

    async fn write(mut self, mut response: ResponseStream) -> Result<(), Failure> {
        let failed = failed(self.path);
        let progress = progress(response.content_length());
        while let Some(chunk) = response.chunk().await? {
            self.file.append(&chunk).map_err(&failed)?;
            progress.inc(chunk.len() as u64);
        }
        drop(progress);
        self.finish()
    }

    /// Renames the temporary file. Another program may have created or replaced the file at the destination path after
    /// the checks in [`new`](Self::new). Therefore this function checks the file at the destination path again.
    fn finish(self) -> Result<(), Failure> {
        let failed = failed(self.path);
        self.file.sync().map_err(&failed)?;
        if !self.overwrite {
            return self.file.persist_new(self.path).map_err(failed);
        }
        if self.path.symlink_metadata().is_ok() {
            open_existing(self.path, true).map_err(Denial::after_response)?;
        }
        self.file.persist(self.path).map_err(failed)
    }
}

fn failed(path: &Path) -> impl Fn(io::Error) -> Failure {
    move |error| {
        let what = format!("{} could not be written: {error}", path.display());
        Failure::local(what, "check that there is free space, and that no other program made the file meanwhile")
    }
}

/// Returns a progress bar on standard error. The progress bar is hidden if standard error is not a terminal. When the
/// progress bar is dropped, it disappears from the terminal.
fn progress(length: Option<u64>) -> ProgressBar {
    let template = if length.is_some() { KNOWN_LENGTH } else { UNKNOWN_LENGTH };
    let bar = ProgressBar::with_draw_target(length, ProgressDrawTarget::stderr()).with_finish(ProgressFinish::AndClear);
    match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style.progress_chars("=> ")),
        Err(_) => bar,
    }
}
