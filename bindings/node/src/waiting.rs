//! How JavaScript waits. One thread a process runs every call; what ends is written into one text for each environment,
//! and JavaScript is called once for all of it. The runtime's thread never waits for JavaScript.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::{future, io, thread};

use napi::bindgen_prelude::{FnArgs, Function};
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};
use napi::{Env, Status};
use napi_derive::napi;
use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

use crate::calls::{Call, Ended, Stop, Walk, Work, to_its_end};
use crate::client::Core;
use crate::details::{Response, told};
use crate::errors::{Data, text};

/// Takes the text and the answers of all that has ended. Without `hold`, it does not keep the process alive.
type Bell = ThreadsafeFunction<(), (), FnArgs<(String, Vec<Response>)>, Status, false, true>;

/// The calls that one environment, the main thread or a worker, waits for. Dropped with it, which stops them.
#[napi]
pub struct Waiting(Arc<Shared>);

struct Shared {
    board: Arc<Mutex<Board>>,
    bell: Mutex<Bell>,
}

#[derive(Default)]
struct Board {
    running: HashMap<i64, oneshot::Sender<()>>,
    /// A list in JSON, without its end: `[[number, value], [number, null, error], [number, null, null]`, the last for a call
    /// that was stopped and has changed nothing.
    ended: String,
    /// What values of `ended` count into.
    answers: Vec<Response>,
}

#[napi]
impl Waiting {
    /// With what is to be called on the thread of the environment.
    #[napi(constructor)]
    pub fn new(settle: Function<'_, FnArgs<(String, Vec<Response>)>, ()>) -> napi::Result<Self> {
        let board = Arc::<Mutex<Board>>::default();
        let taken = Arc::clone(&board);
        let bell = settle.build_threadsafe_function().weak::<true>().build_callback(move |call| {
            let mut board = lock(&taken);
            let (ended, answers) = (std::mem::take(&mut board.ended), std::mem::take(&mut board.answers));
            for answer in &answers {
                call.env.adjust_external_memory(answer.bytes())?;
            }
            Ok((ended + "]", answers).into())
        })?;
        Ok(Self(Arc::new(Shared { board, bell: Mutex::new(bell) })))
    }

    /// Begins a call, which will end under this number.
    #[napi]
    pub fn start(&self, number: i64, core: &Core, timeout: Option<f64>, call: Call) -> napi::Result<()> {
        let client = core.for_a_call(timeout)?;
        self.run(number, |stop| call.perform(client, stop))
    }

    /// Begins the call for the next page, which brings `null` after the last one.
    #[napi]
    pub fn next(&self, number: i64, core: &Core, timeout: Option<f64>, walk: &Walk) -> napi::Result<()> {
        let client = core.for_a_call(timeout)?;
        self.run(number, |stop| Ok(walk.next(client, stop)))
    }

    /// Lets the call go, and with it its connection. It ends all the same: a change says then what is known of it.
    #[napi]
    pub fn stop(&self, number: i64) {
        lock(&self.0.board).running.remove(&number);
    }

    /// Whether calls are in flight, which keep the process alive.
    #[napi]
    #[allow(deprecated, reason = "nothing else keeps an environment alive for a time")]
    pub fn hold(&self, env: Env, held: bool) -> napi::Result<()> {
        let mut bell = lock(&self.0.bell);
        if held { bell.refer(&env) } else { bell.unref(&env) }
    }
}

impl Waiting {
    fn run(&self, number: i64, begin: impl FnOnce(Stop) -> napi::Result<Work>) -> napi::Result<()> {
        let (stop, stopped) = oneshot::channel();
        let work = begin(Box::pin(async { drop(stopped.await) }))?;
        let runtime = RUNTIME.as_ref().map_err(|error| napi::Error::from_reason(error.to_string()))?;
        let shared = Arc::clone(&self.0);
        lock(&shared.board).running.insert(number, stop);
        runtime.spawn(async move { shared.end(number, to_its_end(work).await) });
        Ok(())
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        lock(&self.0.board).running.clear();
    }
}

impl Shared {
    fn end(&self, number: i64, ended: thread::Result<Ended>) {
        let mut board = lock(&self.board);
        board.running.remove(&number);
        let was_empty = board.ended.is_empty();
        let told = match ended {
            Ok(Some(Ok(outcome))) => format!("[{number},{}]", told(outcome, &mut board.answers)),
            Ok(Some(Err(error))) => format!("[{number},null,{}]", text(&Data::of(&error))),
            Ok(None) => format!("[{number},null,null]"),
            Err(_) => format!("[{number},null,{}]", text(&Data::of_a_defect())),
        };
        board.ended += if was_empty { "[" } else { "," };
        board.ended += &told;
        drop(board);
        if was_empty {
            // An environment that is gone hears nothing.
            let _ = lock(&self.bell).call((), ThreadsafeFunctionCallMode::NonBlocking);
        }
    }
}

/// The thread that drives every connection.
static RUNTIME: LazyLock<io::Result<Handle>> = LazyLock::new(|| {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let handle = runtime.handle().clone();
    let run = move || runtime.block_on(future::pending::<()>());
    thread::Builder::new().name("codat-keys".into()).spawn(run)?;
    Ok(handle)
});

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
