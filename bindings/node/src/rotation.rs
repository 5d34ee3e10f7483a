//! The native part of rotations. The functions of the sinks run in JavaScript.

use codat_keys::KeyId;
use codat_keys_bindings::{RotationOptions, RotationRequest, RotationVerb, SinkOptions, SinkReply, SinkRequest};
use napi::Env;
use napi_derive::napi;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::client::milliseconds;
use crate::errors::{raise, wrong};

/// The options of a rotation. Times are in milliseconds.
#[napi(object, object_to_js = false)]
pub struct RotationData {
    pub sinks: Vec<SinkData>,
    pub key: Option<String>,
    pub journal: Option<String>,
    pub journal_name: String,
    pub name: Option<String>,
    pub grace: Option<f64>,
    pub overwrite: bool,
    pub delete_first: Vec<String>,
}

/// A sink without its functions. The timeout is in milliseconds.
#[napi(object, object_to_js = false)]
pub struct SinkData {
    pub name: String,
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
            sinks: sinks.map(|sink| SinkOptions { name: sink.name, timeout: sink.timeout.map(milliseconds) }).collect(),
            key: options.key.map(key_id).transpose()?,
            journal: options.journal.map(Into::into),
            journal_name: options.journal_name,
            name: options.name,
            grace: options.grace.map(milliseconds),
            overwrite: options.overwrite,
            delete_first: options.delete_first.into_iter().map(key_id).collect::<Result<_, _>>()?,
        })))
    }

    /// Returns the call that performs an operation of the rotation. `verb` is the operation, such as `start`.
    pub(crate) fn call(&self, verb: &str) -> napi::Result<codat_keys_bindings::Call> {
        let verb = RotationVerb::parse(verb).ok_or_else(|| wrong("there is no such verb"))?;
        Ok(codat_keys_bindings::Call::Rotation(self.0.clone(), verb))
    }
}

/// A message of a rotation to JavaScript: an event, or the request to run a function of a sink.
#[derive(Serialize)]
pub(crate) struct Message {
    /// The index of the sink. `None` for an event.
    sink: Option<usize>,
    /// The key to deliver. `None` if the sink is to be read.
    key: Option<String>,
    event: Option<Box<RawValue>>,
}

/// Converts a request to a message. If the request asks to run a function, also returns the [`SinkReply`] that receives
/// the result of the function.
pub(crate) fn message(request: RotationRequest) -> (Message, Option<SinkReply>) {
    match request {
        RotationRequest::Event(event) => {
            (Message { sink: None, key: None, event: RawValue::from_string(event).ok() }, None)
        }
        RotationRequest::Sink(sink, SinkRequest { key, reply }) => {
            let key = key.map(|key| key.expose_secret().to_owned());
            (Message { sink: Some(sink), key, event: None }, Some(reply))
        }
    }
}
