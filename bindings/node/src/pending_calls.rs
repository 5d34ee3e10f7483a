//! The pending calls of each JavaScript environment. An environment is the main thread or a worker. One native thread
//! runs the calls of all environments, and never waits for JavaScript. When a call completes, or needs a JavaScript
//! function to run, the native thread adds an event to a JSON array. JavaScript then receives all collected events in
//! one function call.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use codat_keys::Client;
use codat_keys_bindings::{
    Completion, KeyReply, Line, RotationRequest, Runtime, with_functions, with_key_callback, with_listener,
};
use napi::bindgen_prelude::{Either3, FnArgs, Function};
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};
use napi::{Env, Status};
use napi_derive::napi;
use tokio::sync::oneshot;

use crate::calls::Call;
use crate::client::{Core, PageCursor};
use crate::diagnostics;
use crate::errors::{ErrorData, wrong};
use crate::responses::{Attachment, ResponseStream, text, to_json};
use crate::rotation::{self, RotationCore};

/// The arguments of the JavaScript function that handles events: the JSON array of events, and the attachments and
/// errors of these events.
type Events = FnArgs<(String, Vec<Attachment>, Vec<ErrorData>)>;
/// Passes the collected events to JavaScript. By default, pending calls do not keep the process alive.
/// [`PendingCalls::hold`] changes this.
type Waker = ThreadsafeFunction<(), (), Events, Status, false, true>;

/// The native thread that runs all calls.
static RUNTIME: LazyLock<io::Result<Runtime>> = LazyLock::new(Runtime::start);

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
    /// - `[number, index, value]`: the call returned `value`. `index` is the index of the attachment of the call in
    ///   `attachments`, or `null` if the call has no attachment;
    /// - `[number, null, null, error]`: the call failed. `error` is the index of the error in `errors`;
    /// - `[number, null, null, null]`: the call was cancelled. A call that can change data never ends like this;
    /// - `[number, null, null, null, request]`: the call needs the key callback to run. `request` is the number of this
    ///   run;
    /// - `[number, null, null, null, null, attempt]`: an attempt of the call ended. `attempt` is an object that
    ///   describes the attempt;
    /// - `[number, null, null, null, request, null, message]`: a rotation sends `message`. If the message requests a
    ///   run of a function, `request` is the number of this run. Otherwise, `request` is `null`.
    ///
    /// In each form, `number` is the number of the call.
    events: String,
    attachments: Vec<Attachment>,
    errors: Vec<ErrorData>,
    /// The pending runs of JavaScript functions, by number. The functions are key callbacks and functions of rotations.
    /// Each reply receives the result of a run. When a run is added, each earlier run of a key callback is removed if
    /// the call that needed the API key has ended.
    requests: HashMap<i64, Reply>,
    last_request: i64,
}

/// Receives the result of one run of a JavaScript function.
enum Reply {
    Key(KeyReply),
    Rotation(rotation::Run),
}

impl Reply {
    /// Whether the reply can be dropped. The reply for a function of a sink holds the lock of the sink, so this reply
    /// must not be dropped before the function has ended.
    fn is_abandoned(&self) -> bool {
        matches!(self, Self::Key(reply) if reply.is_abandoned())
    }
}

#[napi]
impl PendingCalls {
    /// Creates an empty registry of pending calls for the current JavaScript environment. `settle` is a JavaScript
    /// function that handles events. The thread of the environment calls `settle` when there are new events.
    #[napi(constructor)]
    pub fn new(
        #[napi(
            ts_arg_type = "(events: string, attachments: (Response | ResponseStream | Uint8Array)[], errors: ErrorData[]) => void"
        )]
        settle: Function<'_, Events, ()>,
    ) -> napi::Result<Self> {
        let state = Arc::<Mutex<State>>::default();
        let taken = Arc::clone(&state);
        let waker = settle.build_threadsafe_function().weak::<true>().build_callback(move |call| {
            let mut state = lock(&taken);
            let (events, attachments) = (std::mem::take(&mut state.events), std::mem::take(&mut state.attachments));
            let errors = std::mem::take(&mut state.errors);
            for attachment in &attachments {
                if let Either3::A(response) = attachment {
                    call.env.adjust_external_memory(response.bytes())?;
                }
            }
            Ok((events + "]", attachments, errors).into())
        })?;
        Ok(Self(Arc::new(Shared { state, waker: Mutex::new(waker) })))
    }

    /// Starts a call. `number` identifies the call in the events of the call. If `observed` is true, JavaScript also
    /// receives an event at the end of each HTTP request of the call.
    #[napi]
    pub fn start(
        &self,
        env: Env,
        number: i64,
        observed: bool,
        core: &Core,
        timeout: Option<f64>,
        call: Call,
    ) -> napi::Result<()> {
        self.run(number, observed, core.for_a_call(env, timeout)?, core.has_callback(), call.parse(env)?)
    }

    /// Starts a call that requests the next page. The event at the end of the call has the response as its attachment.
    /// After the last page, this event has no attachment.
    #[napi]
    pub fn next(
        &self,
        env: Env,
        number: i64,
        observed: bool,
        core: &Core,
        timeout: Option<f64>,
        cursor: &PageCursor,
    ) -> napi::Result<()> {
        let call = codat_keys_bindings::Call::NextUnparsedPage(cursor.0.clone());
        self.run(number, observed, core.for_a_call(env, timeout)?, core.has_callback(), call)
    }

    /// Starts a call that reads the next chunk of a response. At the end of the body, the call returns no chunk.
    #[napi]
    pub fn read(&self, env: Env, number: i64, core: &Core, response: &ResponseStream) -> napi::Result<()> {
        let body = response.body().ok_or_else(|| wrong("the response is closed"))?;
        self.run(number, false, core.for_a_call(env, None)?, false, codat_keys_bindings::Call::NextChunk(body))
    }

    /// Starts an operation of a rotation, such as `resume` or `status`.
    #[napi]
    pub fn rotate(
        &self,
        env: Env,
        number: i64,
        observed: bool,
        core: &Core,
        rotation: &RotationCore,
        verb: String,
    ) -> napi::Result<()> {
        self.run(number, observed, core.for_a_call(env, None)?, core.has_callback(), rotation.call(&verb)?)
    }

    /// Cancels a call, and closes the connection of its HTTP request. JavaScript still receives an event when the call
    /// ends. If a call that can change data fails, its error says whether data may have changed.
    #[napi]
    pub fn stop(&self, number: i64) {
        lock(&self.0.state).running.remove(&number);
    }

    /// Passes the return value of a JavaScript function to the call that waits for this value. The function is the key
    /// callback or a function of a rotation. `request` is the number from the event that requested the run of the
    /// function. `text` is `None` if the function returned nothing.
    #[napi]
    pub fn complete(&self, request: i64, text: Option<String>) {
        self.0.reply(request, |reply| match reply {
            Reply::Key(reply) => reply.returned_text(&text.unwrap_or_default()),
            Reply::Rotation(run) => rotation::complete(run, request, text),
        });
    }

    /// Reports that the key callback or a function of a rotation failed. `request` is the number from the event that
    /// requested the run of the function. `why` is the message of the error. `thrown` is true if the function threw an
    /// exception, and false if the function returned a wrong value.
    #[napi]
    pub fn fail(&self, request: i64, why: String, thrown: bool) {
        self.0.reply(request, |reply| match reply {
            Reply::Key(reply) => reply.raised(why, request),
            Reply::Rotation((_, reply)) if thrown => reply.raised(why, request),
            Reply::Rotation((_, reply)) => reply.failed(why),
        });
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
    fn run(
        &self,
        number: i64,
        observed: bool,
        client: Client,
        has_callback: bool,
        call: codat_keys_bindings::Call,
    ) -> napi::Result<()> {
        let runtime = RUNTIME.as_ref().map_err(|error| napi::Error::from_reason(error.to_string()))?;
        let ask = has_callback.then(|| {
            let shared = Arc::clone(&self.0);
            move |reply| shared.request_key(number, reply)
        });
        let requests = matches!(call, codat_keys_bindings::Call::Rotation(..)).then(|| {
            let shared = Arc::clone(&self.0);
            move |request| shared.request_of_rotation(number, request)
        });
        let listener = observed.then(|| {
            let shared = Arc::clone(&self.0);
            move |line| shared.attempt_ended(number, &line)
        });
        let (stop, stopped) = oneshot::channel();
        lock(&self.0.state).running.insert(number, stop);
        let shared = Arc::clone(&self.0);
        let started = runtime.spawn(async move {
            let stopped = Box::pin(async { drop(stopped.await) });
            let work = with_functions(requests, with_listener(call.perform(client, stopped), listener));
            shared.end(number, with_key_callback(ask, work).await);
        });
        Ok(started?)
    }
}

impl Drop for PendingCalls {
    fn drop(&mut self) {
        lock(&self.0.state).running.clear();
    }
}

impl State {
    /// Adds a run of a JavaScript function, and returns the number of the run.
    fn add(&mut self, reply: Reply) -> i64 {
        self.requests.retain(|_, reply| !reply.is_abandoned());
        self.last_request += 1;
        self.requests.insert(self.last_request, reply);
        self.last_request
    }
}

impl Shared {
    fn end(&self, number: i64, completion: Completion<i64>) {
        // Serializes the result before taking the lock, because JavaScript may wait for the lock.
        let (json, attachment, error) = match completion {
            Completion::Returned(outcome) => {
                let (json, attachment) = to_json(outcome);
                (json, attachment, None)
            }
            Completion::Failed(error) => ("null".to_owned(), None, Some(ErrorData::from(*error))),
            Completion::Cancelled => ("null,null".to_owned(), None, None),
        };
        let mut state = lock(&self.state);
        state.running.remove(&number);
        let index = text(&attachment.as_ref().map(|_| state.attachments.len()));
        let error_index = error.as_ref().map_or_else(String::new, |_| format!(",{}", state.errors.len()));
        state.attachments.extend(attachment);
        state.errors.extend(error);
        self.send(state, &format!("[{number},{index},{json}{error_index}]"));
    }

    fn request_key(&self, number: i64, reply: KeyReply) {
        let mut state = lock(&self.state);
        let request = state.add(Reply::Key(reply));
        self.send(state, &format!("[{number},null,null,null,{request}]"));
    }

    fn request_of_rotation(&self, number: i64, request: RotationRequest) {
        let (message, run) = rotation::message(request);
        let message = text(&message);
        let mut state = lock(&self.state);
        let request = text(&run.map(|run| state.add(Reply::Rotation(run))));
        self.send(state, &format!("[{number},null,null,null,{request},null,{message}]"));
    }

    fn attempt_ended(&self, number: i64, line: &Line) {
        if let Some(attempt) = diagnostics::attempt(line) {
            self.send(lock(&self.state), &format!("[{number},null,null,null,null,{attempt}]"));
        }
    }

    fn reply(&self, request: i64, send: impl FnOnce(Reply)) {
        let reply = lock(&self.state).requests.remove(&request);
        reply.map(send);
    }

    fn send(&self, mut state: MutexGuard<'_, State>, event: &str) {
        let was_empty = state.events.is_empty();
        state.events.push(if was_empty { '[' } else { ',' });
        state.events += event;
        drop(state);
        if was_empty {
            // The call of the waker fails if the JavaScript environment has ended.
            let _ = lock(&self.waker).call((), ThreadsafeFunctionCallMode::NonBlocking);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
