//! The pending calls of each JavaScript environment. An environment is the main thread or a worker. One native thread
//! runs the calls of all environments, and never waits for JavaScript. When a call completes, or needs its key callback
//! to run, the native thread adds an event to a JSON array. JavaScript then receives all collected events in one
//! function call.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::{io, thread};

use napi::bindgen_prelude::{FnArgs, Function};
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};
use napi::{Env, Status};
use napi_derive::napi;
use tokio::runtime::Builder;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;

use crate::calls::{Call, Ended, PageCursor, Stop, Work, catch_panic};
use crate::client::Core;
use crate::errors::{CallbackError, Data, text};
use crate::key_callback::{self, CallbackResult, SEND_REQUEST};
use crate::responses::{Response, to_json};

/// Passes the collected events and the HTTP responses to JavaScript. A pending call keeps the process alive only after
/// `hold(true)`.
type Waker = ThreadsafeFunction<(), (), FnArgs<(String, Vec<Response>)>, Status, false, true>;

/// The pending calls of one JavaScript environment. Dropping this value cancels the calls.
#[napi]
pub struct PendingCalls(Arc<Shared>);

/// The state that a JavaScript environment shares with its running calls.
struct Shared {
    state: Arc<Mutex<State>>,
    waker: Mutex<Waker>,
}

#[derive(Default)]
struct State {
    /// The running calls by number. Dropping the sender of a call cancels the call.
    running: HashMap<i64, oneshot::Sender<()>>,
    /// The events that JavaScript has not received yet: a JSON array without its closing bracket. Each event has one of
    /// these forms:
    /// - `[number, index, value]`: the call returned `value`. `index` is the index of its HTTP response in `responses`,
    ///   or `null` if there is none;
    /// - `[number, null, null, error]`: the call failed with `error`;
    /// - `[number, null, null, null]`: the call was cancelled. Only a call that reads data ends like this;
    /// - `[number, null, null, null, request]`: the call needs the key callback to run. `request` is the number of this
    ///   run.
    ///
    /// In each form, `number` is the number of the call.
    events: String,
    /// The pending runs of the key callback by number. Each value is the channel for the result of the run. Adding a
    /// run removes the runs of calls that have ended.
    requests: HashMap<i64, oneshot::Sender<CallbackResult>>,
    last_request: i64,
    responses: Vec<Response>,
}

#[napi]
impl PendingCalls {
    /// Creates an empty registry of pending calls for the current JavaScript environment. `settle` is a JavaScript
    /// function that handles events. The thread of the environment calls `settle` when there are new events. The first
    /// argument of `settle` is the JSON array of events. The second argument is the list of HTTP responses for these
    /// events.
    #[napi(constructor)]
    pub fn new(settle: Function<'_, FnArgs<(String, Vec<Response>)>, ()>) -> napi::Result<Self> {
        let state = Arc::<Mutex<State>>::default();
        let taken = Arc::clone(&state);
        let waker = settle.build_threadsafe_function().weak::<true>().build_callback(move |call| {
            let mut state = lock(&taken);
            let (events, responses) = (std::mem::take(&mut state.events), std::mem::take(&mut state.responses));
            for response in &responses {
                call.env.adjust_external_memory(response.bytes())?;
            }
            Ok((events + "]", responses).into())
        })?;
        Ok(Self(Arc::new(Shared { state, waker: Mutex::new(waker) })))
    }

    /// Starts a call. `number` identifies the call in its events.
    #[napi]
    pub fn start(&self, number: i64, core: &Core, timeout: Option<f64>, call: Call) -> napi::Result<()> {
        let client = core.for_a_call(timeout)?;
        self.run(number, core, |stop| call.perform(client, stop))
    }

    /// Starts a call that requests the next page. After the last page, the call returns `null`.
    #[napi]
    pub fn next(&self, number: i64, core: &Core, timeout: Option<f64>, cursor: &PageCursor) -> napi::Result<()> {
        let client = core.for_a_call(timeout)?;
        self.run(number, core, |stop| Ok(cursor.next(client, stop)))
    }

    /// Cancels a call, and closes the connection of its HTTP request. JavaScript still receives an event when the call
    /// ends. If a call that can change data fails, its error says whether the change may have taken effect.
    #[napi]
    pub fn stop(&self, number: i64) {
        lock(&self.0.state).running.remove(&number);
    }

    /// Passes `text`, which the key callback returned, to the call that needs the API key. `request` is the number of
    /// this run of the key callback.
    #[napi]
    pub fn complete(&self, request: i64, text: String) {
        self.0.complete(request, key_callback::returned(&text));
    }

    /// Reports that the key callback returned no API key, so that the call fails. `request` is the number of this run
    /// of the key callback. `why` is the message of the error.
    #[napi]
    pub fn fail(&self, request: i64, why: String) {
        self.0.complete(request, Err(Box::new(CallbackError { request, text: why })));
    }

    /// Sets whether pending calls keep the process alive.
    #[napi]
    #[allow(deprecated, reason = "no other function keeps an environment alive temporarily")]
    pub fn hold(&self, env: Env, held: bool) -> napi::Result<()> {
        let mut waker = lock(&self.0.waker);
        if held { waker.refer(&env) } else { waker.unref(&env) }
    }
}

impl PendingCalls {
    fn run(&self, number: i64, core: &Core, begin: impl FnOnce(Stop) -> napi::Result<Work>) -> napi::Result<()> {
        let (stop, stopped) = oneshot::channel();
        let work = begin(Box::pin(async { drop(stopped.await) }))?;
        let work = if core.has_callback() { with_callback(Arc::clone(&self.0), number, work) } else { work };
        let runtime = RUNTIME.as_ref().map_err(|error| napi::Error::from_reason(error.to_string()))?;
        lock(&self.0.state).running.insert(number, stop);
        let started = (Arc::clone(&self.0), number, work);
        runtime.send(started).map_err(|_| napi::Error::from_reason("the thread that makes calls has ended"))
    }
}

impl Drop for PendingCalls {
    fn drop(&mut self) {
        lock(&self.0.state).running.clear();
    }
}

impl Shared {
    fn end(&self, number: i64, ended: thread::Result<Ended>) {
        // Serializes the result before taking the lock, because JavaScript may wait for the lock.
        let (json, response) = match ended {
            Ok(Some(Ok(outcome))) => to_json(outcome),
            Ok(Some(Err(error))) => (format!("null,{}", text(&Data::of(&error))), None),
            Ok(None) => ("null,null".to_owned(), None),
            Err(_) => (format!("null,{}", text(&Data::of_a_defect())), None),
        };
        let mut state = lock(&self.state);
        state.running.remove(&number);
        let index = response.as_ref().map(|_| state.responses.len());
        state.responses.extend(response);
        self.send(state, &format!("[{number},{},{json}]", text(&index)));
    }

    fn request_key(&self, number: i64, tx: oneshot::Sender<CallbackResult>) {
        let mut state = lock(&self.state);
        state.requests.retain(|_, tx| !tx.is_closed());
        state.last_request += 1;
        let request = state.last_request;
        state.requests.insert(request, tx);
        self.send(state, &format!("[{number},null,null,null,{request}]"));
    }

    fn complete(&self, request: i64, result: CallbackResult) {
        let tx = lock(&self.state).requests.remove(&request);
        // Sending fails if the call was cancelled.
        tx.map(|tx| tx.send(result).ok());
    }

    fn send(&self, mut state: MutexGuard<'_, State>, event: &str) {
        let was_empty = state.events.is_empty();
        state.events.push(if was_empty { '[' } else { ',' });
        state.events += event;
        drop(state);
        if was_empty {
            // Fails if the JavaScript environment has ended.
            let _ = lock(&self.waker).call((), ThreadsafeFunctionCallMode::NonBlocking);
        }
    }
}

/// A started call: the state of its JavaScript environment, the number of the call, and its future.
type StartedCall = (Arc<Shared>, i64, Work);

/// The channel to the native thread that runs all calls.
static RUNTIME: LazyLock<io::Result<UnboundedSender<StartedCall>>> = LazyLock::new(|| {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let (tx, mut rx) = unbounded_channel();
    let begin = |(shared, number, work): StartedCall| async move { shared.end(number, catch_panic(work).await) };
    let run = move || {
        runtime.block_on(async {
            while let Some(started) = rx.recv().await {
                tokio::spawn(begin(started));
            }
        });
    };
    thread::Builder::new().name("codat-keys".into()).spawn(run)?;
    Ok(tx)
});

/// Returns the future of a call with a key callback. When the call needs the API key, the future asks the JavaScript
/// environment of the call to run the key callback.
fn with_callback(shared: Arc<Shared>, number: i64, work: Work) -> Work {
    Box::pin(SEND_REQUEST.scope(Box::new(move |tx| shared.request_key(number, tx)), work))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
