//! Journals in a bucket of S3, Google Cloud Storage or Azure. The entries of the journal `NAME` are the objects
//! `PREFIX/NAME/00000001.json`, `PREFIX/NAME/00000002.json` and so on. An entry is created with a conditional request,
//! so that exactly one process creates it. A bucket has no locks, so only the lease in the journal prevents two
//! processes from running a rotation at the same time.

mod attempt;
mod http_service;
mod store;
mod url;

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use codat_keys_rotate::{JournalFuture, JournalStore};
use object_store::path::Path;
use object_store::{ObjectStoreExt, PutMode, PutOptions};

use crate::connection::Connection;
use crate::failure::Failure;
use attempt::Failed;
use store::Store;
use url::BucketUrl;

/// The maximum number of times that an operation is attempted.
const ATTEMPTS: u32 = 3;

/// The wait before the second attempt. The wait before the third attempt is twice as long.
const WAIT: Duration = Duration::from_millis(200);

/// The maximum size of an entry in bytes. An entry with ten keys and ten sinks is smaller by far.
const MAX_ENTRY_BYTES: u64 = 1024 * 1024;

/// The journals in a bucket. Clones share their connections.
#[derive(Clone)]
pub(crate) struct BucketJournal(Arc<Bucket>);

struct Bucket {
    store: Store,
    /// The prefix of the names of all objects. The prefix is empty or ends with `/`.
    prefix: String,
    /// The URL for messages.
    url: String,
    /// The timeout of an operation, including all attempts.
    timeout: Duration,
}

impl BucketJournal {
    /// Opens the journals at a URL. Reads the credentials and the endpoint from the environment. Sends no request.
    ///
    /// # Errors
    /// `InvalidInput` for a URL that is not valid. A local failure if the settings in the environment cannot be used.
    pub(super) fn open(url: &str, connection: &Connection) -> Result<Self, Failure> {
        let parsed = BucketUrl::parse(url)?;
        let store = Store::from_environment(&parsed, connection)?;
        let timeout = connection.key.bucket_timeout();
        Ok(Self(Arc::new(Bucket { store, prefix: parsed.prefix(), url: url.to_owned(), timeout })))
    }
}

impl Bucket {
    async fn list(&self, name: &str) -> io::Result<Vec<u64>> {
        let folder = Path::from(format!("{}{name}", self.prefix));
        let listed = self.repeat(|| self.attempt(self.store.objects().list_with_delimiter(Some(&folder)))).await?;
        let number = |location: &Path| {
            let digits = location.filename()?.strip_suffix(".json")?;
            Some(digits).filter(|digits| digits.len() >= 8)?.parse().ok()
        };
        Ok(listed.objects.iter().filter_map(|object| number(&object.location)).collect())
    }

    async fn get(&self, name: &str, seq: u64) -> io::Result<Option<Vec<u8>>> {
        let path = self.path(name, seq);
        let stored = self.repeat(|| self.stored(&path)).await?;
        Ok(stored.map(Into::into))
    }

    async fn create(&self, name: &str, seq: u64, bytes: Vec<u8>) -> io::Result<bool> {
        let (path, bytes) = (self.path(name, seq), Bytes::from(bytes));
        self.repeat(|| self.create_once(&path, &bytes)).await
    }

    /// Creates an entry, unless it exists. Returns whether this process created the entry. If the response to an
    /// attempt was lost, the attempt may have created the entry. In this case, the next attempt finds an entry with the
    /// same bytes. No other process writes the same bytes, because each entry contains an identifier of its writer.
    async fn create_once(&self, path: &Path, bytes: &Bytes) -> Result<bool, Failed> {
        let options = PutOptions::from(PutMode::Create);
        let put = self.store.objects().put_opts(path, bytes.clone().into(), options);
        match self.attempt(put).await {
            Ok(_) => Ok(true),
            Err(Failed::Exists) => match self.stored(path).await? {
                Some(stored) => Ok(stored == *bytes),
                // S3 also reports a conflict if another process is creating the object at the same time.
                None => Err(Failed::Repeat("the server reports a conflict with another request".into())),
            },
            Err(error) => Err(error),
        }
    }

    /// Returns the bytes of an entry, or `None` if there is no such entry.
    async fn stored(&self, path: &Path) -> Result<Option<Bytes>, Failed> {
        let read = async {
            let object = self.store.objects().get(path).await?;
            if object.meta.size > MAX_ENTRY_BYTES { Ok(None) } else { object.bytes().await.map(Some) }
        };
        match self.attempt(read).await {
            Ok(Some(bytes)) => Ok(Some(bytes)),
            Ok(None) => Err(Failed::Final("an entry of the journal is larger than 1 MiB".into())),
            Err(Failed::Missing) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Calls `call` until it returns something other than [`Failed::Repeat`]. Makes at most [`ATTEMPTS`] calls, and
    /// stops at the timeout of the operation.
    async fn repeat<T, F>(&self, call: impl Fn() -> F) -> io::Result<T>
    where
        F: Future<Output = Result<T, Failed>>,
    {
        let attempts = async {
            let mut wait = WAIT;
            for _ in 1..ATTEMPTS {
                match call().await {
                    Err(Failed::Repeat(_)) => tokio::time::sleep(wait).await,
                    ended => return ended,
                }
                wait *= 2;
            }
            call().await
        };
        let ended =
            tokio::time::timeout(self.timeout, attempts).await.unwrap_or_else(|_| Err(Failed::timeout(self.timeout)));
        ended.map_err(|failed| io::Error::other(format!("{}: {failed}", self.url)))
    }

    fn path(&self, name: &str, seq: u64) -> Path {
        Path::from(format!("{}{name}/{seq:08}.json", self.prefix))
    }
}

impl JournalStore for BucketJournal {
    fn list<'a>(&'a self, name: &'a str) -> JournalFuture<'a, Vec<u64>> {
        Box::pin(self.0.list(name))
    }

    fn get<'a>(&'a self, name: &'a str, seq: u64) -> JournalFuture<'a, Option<Vec<u8>>> {
        Box::pin(self.0.get(name, seq))
    }

    fn create<'a>(&'a self, name: &'a str, seq: u64, bytes: Vec<u8>) -> JournalFuture<'a, bool> {
        Box::pin(self.0.create(name, seq, bytes))
    }

    fn location(&self) -> Option<String> {
        Some(self.0.url.clone())
    }
}
