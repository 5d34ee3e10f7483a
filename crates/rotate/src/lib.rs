//! Replaces an API key of [Codat](https://codat.io) with a new one. A rotation creates the new key and tests it. It
//! then delivers the new key to the [sinks](Sink), which are the places where programs read their key. The rotation
//! deletes the old key only after it has read the new key back from the sinks.
//!
//! A rotation records every step in a [journal](JournalStore) before it takes the step. If the process ends before the
//! rotation is complete, another process can resume the rotation from the journal. The journal contains no secret.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let emulator = codat_keys_emulator::Emulator::start()?;
//! # let key = codat_keys::ApiKey::parse(emulator.api_key())?;
//! # let client = codat_keys::Client::builder().base_url(emulator.base_url()).api_key(key.clone()).build()?;
//! use codat_keys_rotate::{Grace, MemoryJournal, MemorySink, Rotation};
//!
//! let sink = MemorySink::new("memory:payments", Some(key));
//! let rotation = Rotation::builder(&client)
//!     .sink(sink.clone())
//!     .journal(MemoryJournal::new()) // or `FileJournal::new(folder)`
//!     .grace(Grace::None) // by default, the old key stays until `finish`
//!     .build()?;
//! let report = rotation.start().await?;
//! println!("{} replaces {}", report.new_key.expect("a new key"), report.old_key);
//! # Ok(())
//! # }
//! ```

#![cfg_attr(not(test), deny(clippy::non_ascii_literal, reason = "ASCII can be printed in every encoding"))]

// The modules are in the order of their layers, from top to bottom. A module uses only modules of its own layer and of
// lower layers.
mod rotation;
mod staged;

mod driver;

#[doc(hidden)]
pub mod machine;

mod journal;

mod error;

mod report;

mod event;

mod record;
mod sink;

mod name;

pub use error::{RotationError, RotationErrorKind};
pub use event::RotationEvent;
pub use journal::{Entry, FileJournal, JournalFuture, JournalLock, JournalStore, MemoryJournal};
pub use name::{Tag, base_of, tag_of};
pub use record::{Attempt, Record, SinkProgress, SinkRecord, State};
pub use report::{Report, Status};
pub use rotation::{Grace, Plan, Rotation, RotationBuilder, Run, SinkPlan};
pub use sink::{Content, MemorySink, Sink, SinkContent, SinkError, SinkFuture, Verification};
pub use staged::{StagedKeys, StagedPlan, plan_staged};
