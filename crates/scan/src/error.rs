use thiserror::Error;

/// An error of this crate. It never contains a key.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// A key that the scanner cannot search for. The text says what a key must be.
    #[error("the scanner cannot search for this key: {0}")]
    InvalidKey(&'static str),
    /// The scanner was given no key.
    #[error("the scanner needs at least one key")]
    NoKey,
    /// The scanner was given more than 100 keys. A client of Codat has at most ten.
    #[error("the scanner searches for at most 100 keys")]
    TooManyKeys,
    /// A file, a folder or a stream could not be read.
    #[error("cannot read {place}: {source}")]
    Unreadable {
        /// What could not be read.
        place: String,
        /// The error of the operating system.
        source: std::io::Error,
    },
    /// The program `git` cannot be run.
    #[error("cannot run git, which must be installed to scan a repository: {0}")]
    GitNotStarted(#[source] std::io::Error),
    /// A folder is not in a git repository.
    #[error("{0} is not in a git repository")]
    NotARepository(String),
    /// A folder is in the git repository of another user.
    #[error("another user owns the git repository around {0}: give the path of the repository itself to scan it")]
    UnsafeOwner(String),
    /// A repository does not have this revision.
    #[error("the git repository has no commit {0}: in a shallow clone, fetch the history first")]
    UnknownRevision(String),
    /// Git fails. The message is that of git, without keys and control characters.
    #[error("git cannot read {place}: {message}")]
    Git {
        /// The repository.
        place: String,
        /// The message of git.
        message: String,
    },
}
