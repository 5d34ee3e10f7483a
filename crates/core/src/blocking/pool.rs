//! The connection pool of a blocking client. Each entry is a pair of a tokio runtime and an asynchronous client. A pair
//! is used by one thread at a time, because connections only work with the runtime that opened them.

use std::collections::VecDeque;
use std::future::Future;
use std::sync::atomic::Ordering;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use once_cell::race::OnceBox;
use tokio::runtime::{Builder, Runtime};

use crate::client::Client;
use crate::credentials::CredentialCache;
use crate::error::{Error, ErrorKind};
use crate::fork;
use crate::handle::{ClientConfig, Handle};
use crate::transport::LatestRateLimit;
use crate::wire::RateLimit;

/// The idle time after which a pair of a runtime and a client checks whether the server has closed the connection. An
/// earlier check would usually find nothing, because the FIN packet of the server has not arrived yet.
const IDLE_BEFORE_CHECK: Duration = Duration::from_millis(1);

/// The idle time after which a pair of a runtime and a client is dropped. Servers close connections that are idle for
/// longer.
const LONGEST_IDLE: Duration = Duration::from_secs(30);

/// The connection pool of a blocking client. The pool contains the idle pairs of a runtime and a client. After a fork,
/// the child process uses a new pool, in the field `after_fork`. The child process never takes a lock of its parent
/// process, because that lock may stay locked forever.
pub(super) struct Pool {
    config: ClientConfig,
    latest_rate_limit: LatestRateLimit,
    /// The idle pairs. The pair that was returned last is taken first, because its connection is most likely still
    /// open.
    idle: Mutex<VecDeque<Pair>>,
    generation: u64,
    after_fork: OnceBox<Pool>,
}

/// A runtime and a client. While an operation or a response stream uses the pair, the pair is not in the pool.
pub(super) struct Pair {
    /// `None` only during `drop`.
    held: Option<(Runtime, Client)>,
    generation: u64,
    last_used: Instant,
}

impl Pool {
    pub(super) fn new(config: &ClientConfig) -> Self {
        Self {
            config: config.for_this_process(),
            latest_rate_limit: LatestRateLimit::default(),
            idle: Mutex::default(),
            generation: fork::generation(),
            after_fork: OnceBox::new(),
        }
    }

    pub(super) fn take(&self) -> Result<Pair, Error> {
        let pool = self.of_this_process();
        pool.config.transport.check_open()?;
        let idle = pool.idle.lock().unwrap_or_else(PoisonError::into_inner).pop_back();
        match idle {
            Some(pair) => Ok(pair),
            None => Pair::new(&pool.config, &pool.latest_rate_limit),
        }
    }

    /// Returns `pair` to the pool. Drops the pair instead if the client is closed, or if the parent process created the
    /// pair.
    pub(super) fn put(&self, mut pair: Pair) {
        if !pair.is_of_this_process() {
            return;
        }
        let pool = self.of_this_process();
        if pool.config.transport.closed.load(Ordering::Relaxed) {
            return;
        }
        pair.last_used = Instant::now();
        let mut idle = pool.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.push_back(pair);
        // Drops at most one other pair, if it was idle too long. The pool thus shrinks gradually after a peak.
        let oldest = idle.pop_front_if(|oldest| oldest.last_used.elapsed() > LONGEST_IDLE);
        drop(idle);
        drop(oldest);
    }

    pub(super) fn close(&self) {
        let pool = self.of_this_process();
        pool.config.transport.closed.store(true, Ordering::Relaxed);
        let idle = std::mem::take(&mut *pool.idle.lock().unwrap_or_else(PoisonError::into_inner));
        drop(idle);
    }

    pub(super) fn check_open(&self) -> Result<(), Error> {
        self.of_this_process().config.transport.check_open()
    }

    pub(super) fn credentials(&self) -> &CredentialCache {
        &self.of_this_process().config.transport.credentials
    }

    pub(super) fn rate_limit(&self) -> Option<RateLimit> {
        *self.of_this_process().latest_rate_limit.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn of_this_process(&self) -> &Self {
        let mut pool = self;
        while pool.generation != fork::generation() {
            pool = pool.after_fork.get_or_init(|| Box::new(Self::new(&pool.config)));
        }
        pool
    }
}

impl Pair {
    fn new(config: &ClientConfig, latest_rate_limit: &LatestRateLimit) -> Result<Self, Error> {
        let runtime = Builder::new_current_thread().enable_all().build().map_err(|source| {
            Error::new(ErrorKind::Connect, format!("no connection could be prepared: {source}"))
                .with_hint("check the limit of open files; nothing was sent")
                .with_source(source)
        })?;
        let client = Client::new(Handle::new(config.clone(), latest_rate_limit)?);
        Ok(Self { held: Some((runtime, client)), generation: fork::generation(), last_used: Instant::now() })
    }

    /// Whether this process created the pair. After a fork, a child process must not use the pairs of its parent
    /// process.
    pub(super) fn is_of_this_process(&self) -> bool {
        self.generation == fork::generation()
    }

    /// Runs an asynchronous function with the client, and blocks until the function returns.
    pub(super) fn run<T>(&self, call: impl AsyncFnOnce(&Client) -> T) -> T {
        let (runtime, client) = self.held();
        runtime.block_on(async {
            // The server may have closed the idle connection. A request on this connection would be lost. The first
            // yield detects that the connection is closed, and the second one removes the connection.
            if self.last_used.elapsed() > IDLE_BEFORE_CHECK {
                tokio::task::yield_now().await;
                tokio::task::yield_now().await;
            }
            call(client).await
        })
    }

    /// Runs a future on the runtime, and blocks until it completes.
    pub(super) fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        self.held().0.block_on(future)
    }

    fn held(&self) -> &(Runtime, Client) {
        self.held.as_ref().expect("a pair is held until it is dropped")
    }
}

impl Drop for Pair {
    fn drop(&mut self) {
        let Some((runtime, client)) = self.held.take() else { return };
        if self.is_of_this_process() {
            // Shuts the runtime down in the background, because the client can be dropped inside another runtime.
            drop(client);
            runtime.shutdown_background();
        } else {
            // The runtime and the client are copies from the parent process. Closing them would affect the parent
            // process: both processes share an epoll instance.
            std::mem::forget((runtime, client));
        }
    }
}
