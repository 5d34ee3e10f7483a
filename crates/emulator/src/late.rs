//! Effects that take place after their request, even if the client has disconnected.

use std::mem;
use std::time::Duration;

use tokio::time::sleep;

use crate::members::{Members, required};
use crate::server::{Server, Shared};

const MAX_REQUESTS: u64 = 1_000_000;

#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Delay {
    Time(Duration),
    /// Until this many more requests have arrived. The effect takes place just before the last of them is handled.
    Requests(u64),
}

/// The effects that wait for requests, each with the number of requests left.
#[derive(Default)]
pub(crate) struct Pending(Vec<(u64, Effect)>);

type Effect = Box<dyn FnOnce(&mut Server) + Send>;

impl Delay {
    pub(crate) fn take(members: &mut Members) -> Result<Delay, String> {
        if let Some(requests) = members.number("requests", 1, MAX_REQUESTS)? {
            return Ok(Delay::Requests(requests));
        }
        let time = members.number_of_milliseconds()?;
        required("milliseconds` or `requests", time).map(Delay::Time)
    }
}

impl Shared {
    pub(crate) fn put_off(&self, delay: Delay, effect: impl FnOnce(&mut Server) + Send + 'static) {
        match delay {
            Delay::Time(time) => {
                let server = self.clone();
                tokio::spawn(async move {
                    sleep(time).await;
                    effect(&mut server.lock());
                });
            }
            Delay::Requests(requests) => self.lock().pending.0.push((requests, Box::new(effect))),
        }
    }
}

impl Server {
    /// Performs the effects that waited for this request.
    pub(crate) fn bring_pending_effects(&mut self) {
        for (requests, effect) in mem::take(&mut self.pending.0) {
            if requests == 1 {
                effect(self);
            } else {
                self.pending.0.push((requests - 1, effect));
            }
        }
    }
}
