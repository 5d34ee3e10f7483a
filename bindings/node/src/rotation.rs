//! The native part of rotations. The functions of the sinks and of the journal store run in JavaScript.

use codat_keys::KeyId;
use codat_keys_bindings::{
    Function, JournalOptions, Reply, Returned, RotationOptions, RotationRequest, RotationVerb, SinkOptions,
};
use napi::Env;
use napi_derive::napi;
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::client::milliseconds;
use crate::errors::{raise, wrong};

/// The options of a rotation. Times are in milliseconds.
#[napi(object, object_to_js = false)]
pub struct RotationData {
    pub sinks: Vec<SinkData>,
    pub key: Option<String>,
    /// The folder of the journals.
    pub journal: Option<String>,
    /// The journal store. If `store` has a value, the rotation ignores `journal`.
    pub store: Option<StoreData>,
    pub journal_name: String,
    pub name: Option<String>,
    pub grace: Option<f64>,
    pub overwrite: bool,
    pub delete_first: Vec<String>,
    pub lease: Option<f64>,
    pub probe_timeout: Option<f64>,
}

/// The data of a sink. The functions of the sink stay in JavaScript. The timeout is in milliseconds.
#[napi(object, object_to_js = false)]
pub struct SinkData {
    pub name: String,
    /// Whether the sink has the function `confirm` instead of `read`.
    pub confirms: bool,
    pub timeout: Option<f64>,
}

/// The data of a journal store. The functions of the store stay in JavaScript. The timeout is in milliseconds.
#[napi(object, object_to_js = false)]
pub struct StoreData {
    /// Identifies the store within this process.
    pub id: String,
    /// Whether the store has the function `lock`.
    pub locks: bool,
    pub machine: Option<String>,
    pub timeout: Option<f64>,
}

/// The native part of the JavaScript class `Rotation`.
#[napi]
pub struct RotationCore(codat_keys_bindings::Rotation);

#[napi]
impl RotationCore {
    #[napi(constructor)]
    pub fn new(env: Env, options: RotationData) -> napi::Result<Self> {
        let key_id = |id: String| KeyId::parse(&id).map_err(raise(env));
        let sinks = options.sinks.into_iter();
        Ok(Self(codat_keys_bindings::Rotation::new(RotationOptions {
            sinks: sinks.map(Into::into).collect(),
            key: options.key.map(key_id).transpose()?,
            journal: match (options.store, options.journal) {
                (Some(store), _) => store.into(),
                (None, Some(folder)) => JournalOptions::Folder(folder.into()),
                (None, None) => JournalOptions::OfThisUser,
            },
            journal_name: options.journal_name,
            name: options.name,
            grace: options.grace.map(milliseconds),
            overwrite: options.overwrite,
            delete_first: options.delete_first.into_iter().map(key_id).collect::<Result<_, _>>()?,
            lease: options.lease.map(milliseconds),
            probe_timeout: options.probe_timeout.map(milliseconds),
        })))
    }

    /// Returns the call that performs an operation of the rotation. `verb` is the operation, such as `start`.
    pub(crate) fn call(&self, verb: &str) -> napi::Result<codat_keys_bindings::Call> {
        let verb = RotationVerb::parse(verb).ok_or_else(|| wrong("there is no such verb"))?;
        Ok(codat_keys_bindings::Call::Rotation(self.0.clone(), verb))
    }
}

impl From<SinkData> for SinkOptions {
    fn from(SinkData { name, confirms, timeout }: SinkData) -> Self {
        Self { name, confirms, timeout: timeout.map(milliseconds) }
    }
}

impl From<StoreData> for JournalOptions {
    fn from(StoreData { id, locks, machine, timeout }: StoreData) -> Self {
        Self::Functions { id, locks, machine, timeout: timeout.map(milliseconds) }
    }
}

/// A message of a rotation to JavaScript: an event, the request to run a function, or the request to release a lock.
#[derive(Default, Serialize)]
pub(crate) struct Message {
    /// The index of the sink whose function is to run. `None` for a function of the journal store, and for a message
    /// that requests no function.
    sink: Option<usize>,
    /// The name of the function to run.
    function: Option<&'static str>,
    /// The arguments of the function. Keys and entries are JSON strings.
    arguments: Vec<Value>,
    event: Option<Box<RawValue>>,
    /// Identifies the lock to release. Each run of the function `lock` has a number. The number of a lock is the number
    /// of the run that acquired the lock.
    unlock: Option<i64>,
}

/// The run of a function: the function, and the receiver of its result.
pub(crate) type Run = (Function, Reply);

/// Returns the message for a request. If the message requests a run of a function, the second value is this run.
pub(crate) fn message(request: RotationRequest) -> (Message, Option<Run>) {
    match request {
        RotationRequest::Event(event) => {
            (Message { event: RawValue::from_string(event).ok(), ..Message::default() }, None)
        }
        RotationRequest::Unlock(lock) => {
            (Message { unlock: lock.downcast_ref::<i64>().copied(), ..Message::default() }, None)
        }
        RotationRequest::Run(request) => {
            let function = request.function;
            let (sink, name, arguments) = (request.sink, Some(function.name()), arguments(&function));
            (Message { sink, function: name, arguments, ..Message::default() }, Some((function, request.reply)))
        }
    }
}

fn arguments(function: &Function) -> Vec<Value> {
    match function {
        Function::Read => Vec::new(),
        Function::Deliver(key) | Function::Confirm(key) => vec![json!(key.expose_secret())],
        Function::List(name) | Function::Lock(name) => vec![json!(name)],
        Function::Get(name, seq) => vec![json!(name), json!(seq)],
        // Entries are JSON.
        Function::Create(name, seq, entry) => vec![json!(name), json!(seq), json!(String::from_utf8_lossy(entry))],
    }
}

/// Passes the return value of a function to the rotation. Each run of a function has a number, and `request` is the
/// number of this run. `text` is the return value: a key, an entry, or JSON for any other value.
pub(crate) fn complete((function, reply): Run, request: i64, text: Option<String>) {
    let text = match (&function, text) {
        (Function::Deliver(_), _) | (_, None) => return reply.returned(Returned::Nothing),
        (_, Some(text)) => text,
    };
    match function {
        Function::Read | Function::Deliver(_) => reply.returned(Returned::Text(text)),
        Function::Get(..) => reply.returned(Returned::Entry(text.into_bytes())),
        Function::List(_) => match serde_json::from_str(&text) {
            Ok(numbers) => reply.returned(Returned::Numbers(numbers)),
            Err(_) => reply.failed("list returned a number that is not an integer, or is too large".into()),
        },
        Function::Lock(_) if text == "true" => reply.locked(Box::new(request)),
        Function::Lock(_) | Function::Confirm(_) | Function::Create(..) => {
            reply.returned(Returned::Yes(text == "true"));
        }
    }
}
