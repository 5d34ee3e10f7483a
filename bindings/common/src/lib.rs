//! The code that the native modules of the Python and Node packages share. It contains data types for the options, the
//! calls, the results and the errors of a client. It also contains the protocols of the key callback and of the functions
//! of rotations, the thread that runs calls, and the scans for leaked keys. Each native module converts the data types to types of its language, and
//! waits for calls in a thread or on an event loop.

#![deny(clippy::non_ascii_literal, reason = "messages must be printable in any encoding")]

// Modules are grouped in layers, from the top layer to the bottom layer. A module uses only modules of its own layer
// and of lower layers.
mod calls;
mod options;

mod rotation;

mod journals;
mod sinks;

mod functions;
mod key_callback;

mod errors;

mod attempt_log;
mod emulator;
mod pages;
mod request;
mod responses;
mod runtime;
mod scan;

pub use attempt_log::{Line, with_listener};
pub use calls::{Call, Completion, Outcome, Stop, next_chunk};
pub use codat_keys_rotate::{StagedKeys, StagedPlan, plan_staged};
pub use emulator::Emulator;
pub use errors::{CallbackError, Cause, ErrorData, RotationErrorData};
pub use functions::{Function, FunctionRequest, Lock, Reply, Returned, RotationRequest, with_functions};
pub use key_callback::{KeyCallback, KeyReply, with_key_callback};
pub use options::{ClientOptions, KeyCommandOptions, KeySource, at_most_one};
pub use pages::{PageAndPosition, PageCursor, PageOptions};
pub use request::{BodyStream, Request};
pub use responses::headers;
pub use rotation::{JournalOptions, Rotation, RotationOptions, RotationVerb, SinkOptions};
pub use runtime::Runtime;
pub use scan::{Finding, Scan, ScanEvent, ScanKey, Scanner};
