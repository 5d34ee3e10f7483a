//! How JavaScript waits. One thread a process runs every call; what ends is written into one text for each environment,
//! and JavaScript is called once for all of it. The runtime's thread never waits for JavaScript.

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

use crate::asking::{self, ASK, Answer, NoAnswer};
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
    /// A list in JSON, without its end: `[[number, place, value], [number, place, null, error], [number, place, null, null]`,
    /// the last for a call that was stopped and has changed nothing. A place is that of its answer, if it has one. And
    /// `[number, null, null, null, question]` for one that asks for the key.
    told: String,
    /// Who waits for the key. Those who have gone are let go with the next question.
    questions: HashMap<i64, oneshot::Sender<Answer>>,
    asked: i64,
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
            let (ended, answers) = (std::mem::take(&mut board.told), std::mem::take(&mut board.answers));
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
        self.run(number, core, |stop| call.perform(client, stop))
    }

    /// Begins the call for the next page, which brings `null` after the last one.
    #[napi]
    pub fn next(&self, number: i64, core: &Core, timeout: Option<f64>, walk: &Walk) -> napi::Result<()> {
        let client = core.for_a_call(timeout)?;
        self.run(number, core, |stop| Ok(walk.next(client, stop)))
    }

    /// Lets the call go, and with it its connection. It ends all the same: a change says then what is known of it.
    #[napi]
    pub fn stop(&self, number: i64) {
        lock(&self.0.board).running.remove(&number);
    }

    /// What the function returned to which a question went.
    #[napi]
    pub fn answer(&self, question: i64, text: String) {
        self.0.answer(question, asking::returned(&text));
    }

    /// Why it returned no key.
    #[napi]
    pub fn fail(&self, question: i64, why: String) {
        self.0.answer(question, Err(Box::new(NoAnswer { question, text: why })));
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
    fn run(&self, number: i64, core: &Core, begin: impl FnOnce(Stop) -> napi::Result<Work>) -> napi::Result<()> {
        let (stop, stopped) = oneshot::channel();
        let work = begin(Box::pin(async { drop(stopped.await) }))?;
        let work = if core.asks() { asking(Arc::clone(&self.0), number, work) } else { work };
        let runtime = RUNTIME.as_ref().map_err(|error| napi::Error::from_reason(error.to_string()))?;
        lock(&self.0.board).running.insert(number, stop);
        let begun = (Arc::clone(&self.0), number, work);
        runtime.send(begun).map_err(|_| napi::Error::from_reason("the thread that makes calls has ended"))
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        lock(&self.0.board).running.clear();
    }
}

impl Shared {
    fn end(&self, number: i64, ended: thread::Result<Ended>) {
        // Written before the lock is taken, for which JavaScript may wait.
        let (told, answer) = match ended {
            Ok(Some(Ok(outcome))) => told(outcome),
            Ok(Some(Err(error))) => (format!("null,{}", text(&Data::of(&error))), None),
            Ok(None) => ("null,null".to_owned(), None),
            Err(_) => (format!("null,{}", text(&Data::of_a_defect())), None),
        };
        let mut board = lock(&self.board);
        board.running.remove(&number);
        let place = answer.as_ref().map(|_| board.answers.len());
        board.answers.extend(answer);
        self.tell(board, &format!("[{number},{},{told}]", text(&place)));
    }

    fn ask(&self, number: i64, waits: oneshot::Sender<Answer>) {
        let mut board = lock(&self.board);
        board.questions.retain(|_, waits| !waits.is_closed());
        board.asked += 1;
        let question = board.asked;
        board.questions.insert(question, waits);
        self.tell(board, &format!("[{number},null,null,null,{question}]"));
    }

    fn answer(&self, question: i64, answer: Answer) {
        let waits = lock(&self.board).questions.remove(&question);
        // It may have been stopped meanwhile.
        waits.map(|waits| waits.send(answer).ok());
    }

    fn tell(&self, mut board: MutexGuard<'_, Board>, told: &str) {
        let was_empty = board.told.is_empty();
        board.told.push(if was_empty { '[' } else { ',' });
        board.told += told;
        drop(board);
        if was_empty {
            // An environment that is gone hears nothing.
            let _ = lock(&self.bell).call((), ThreadsafeFunctionCallMode::NonBlocking);
        }
    }
}

/// A call on its way to the thread that makes it, with its number.
type Begun = (Arc<Shared>, i64, Work);

/// The thread that drives every connection. It is woken once for all the calls that begin meanwhile.
static RUNTIME: LazyLock<io::Result<UnboundedSender<Begun>>> = LazyLock::new(|| {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let (sender, mut calls) = unbounded_channel();
    let begin = |(shared, number, work): Begun| async move { shared.end(number, to_its_end(work).await) };
    let run = move || {
        runtime.block_on(async {
            while let Some(begun) = calls.recv().await {
                tokio::spawn(begin(begun));
            }
        });
    };
    thread::Builder::new().name("codat-keys".into()).spawn(run)?;
    Ok(sender)
});

/// The work of a call that asks for its key where it is waited for.
fn asking(shared: Arc<Shared>, number: i64, work: Work) -> Work {
    Box::pin(ASK.scope(Box::new(move |waits| shared.ask(number, waits)), work))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
