//! How a fault comes to pass: what happens before, after and in place of the handling of a request.

use std::sync::Arc;
use std::time::Duration;

use axum::http::header::{LOCATION, RETRY_AFTER};
use axum::http::{Method, StatusCode};
use serde_json::Value;
use tokio::time::sleep;

use crate::codat;
use crate::fault::{Effect, Fault, From, StatusFault, When};
use crate::gate::Gate;
use crate::handling::{Admission, Arrival};
use crate::late::Delay;
use crate::server::{Server, Shared};
use crate::stream::Stream;
use crate::wire::{Answer, JSON, Refusal};

const HTML: &str = "text/html; charset=utf-8";
const PAGE: &str =
    "<!DOCTYPE html>\n<html><head><title>Proxy</title></head><body><h1>Please sign in</h1></body></html>\n";
/// No JSON, and no UTF-8 either.
const GARBAGE: &[u8] = b"\x00\xff\xfe{\"id\":garbage";

/// How a request ends.
pub(crate) enum Ending {
    Codat(Answer),
    Streamed(Answer, Stream),
    /// An answer of something between Codat and the client.
    Gateway(Answer),
    /// The connection ends without an answer.
    Dropped,
}

/// A request, and what is needed to answer it. It outlives a client that goes away.
#[derive(Clone)]
pub(crate) struct Scene {
    pub(crate) server: Shared,
    pub(crate) gate: Gate,
    pub(crate) arrival: Arc<Arrival>,
}

impl Scene {
    pub(crate) async fn play(self, fault: Fault) -> Ending {
        match fault {
            Fault::DropBefore => Ending::Dropped,
            Fault::DropAfter => {
                self.handle();
                Ending::Dropped
            }
            Fault::Refuse(time) => {
                let answer = self.handle();
                self.gate.shut(time);
                Ending::Codat(answer)
            }
            Fault::DelayBefore(time) => Ending::Codat(self.delay_before(time).await),
            Fault::DelayAfter(time) => Ending::Codat(self.delay_after(time).await),
            Fault::Late(delay) => {
                self.handle_late(delay);
                Ending::Dropped
            }
            Fault::Status(fault) => self.status(fault),
            Fault::Streamed(stream) => Ending::Streamed(self.handle(), stream),
            Fault::Garbage => Ending::Codat(garbage(self.handle())),
            Fault::Empty => Ending::Codat(Answer::new(self.handle().status, JSON, "")),
            Fault::Html => {
                self.handle();
                Ending::Gateway(Answer::new(StatusCode::OK, HTML, PAGE))
            }
            Fault::Twice => {
                self.handle();
                Ending::Codat(self.handle())
            }
            Fault::KeyWorksAfter(time) => Ending::Codat(self.with_sleeping_key(time)),
            Fault::StaleList => Ending::Codat(self.with_stale_list()),
            Fault::ForeignCreator { name, when } => Ending::Codat(self.with_foreign_creator(name, when)),
            Fault::Redirect { location, status } => {
                Ending::Gateway(Answer::empty(status).with_header(LOCATION, location))
            }
        }
    }

    fn handle(&self) -> Answer {
        self.server.lock().handle(&self.arrival)
    }

    /// Performs what was admitted before.
    fn finish(&self, admission: Admission) -> Answer {
        let mut server = self.server.lock();
        server.finish(admission, |server| server.perform(&self.arrival))
    }

    /// Admits a request now, and performs its effect later.
    fn handle_late(self, delay: Delay) {
        let admission = self.server.lock().admit(&self.arrival);
        let arrival = self.arrival;
        self.server.put_off(delay, move |server| drop(server.finish(admission, |server| server.perform(&arrival))));
    }

    async fn delay_before(&self, time: Duration) -> Answer {
        let admission = self.server.lock().admit(&self.arrival);
        sleep(time).await;
        self.finish(admission)
    }

    /// The idempotency key stays in use until the delay is over.
    async fn delay_after(&self, time: Duration) -> Answer {
        let (answer, claim) = {
            let mut server = self.server.lock();
            match server.admit(&self.arrival) {
                Admission::Answered(answer) => (answer, None),
                Admission::Open(claim) => (server.perform(&self.arrival), claim),
            }
        };
        sleep(time).await;
        self.server.lock().keep(claim, &answer);
        answer
    }

    fn status(self, fault: StatusFault) -> Ending {
        match fault.from {
            From::Codat => Ending::Codat(self.status_of_codat(&fault)),
            From::Gateway => Ending::Gateway(self.status_of_gateway(&fault)),
        }
    }

    /// The answer counts as Codat's own: the cache keeps it, and one that the cache has comes before it.
    fn status_of_codat(self, fault: &StatusFault) -> Answer {
        let mut server = self.server.lock();
        let mut late = None;
        let arrival = &self.arrival;
        let effect = |server: &mut Server| {
            match fault.effect {
                Effect::None => {}
                Effect::Now => drop(server.perform(arrival)),
                Effect::Late(delay) => late = Some(delay),
            }
            fault.answer(server)
        };
        let answer = match fault.status {
            StatusCode::TOO_MANY_REQUESTS => server.handle_throttled(arrival, effect),
            _ => server.handle_with(arrival, effect),
        };
        drop(server);
        if let Some(delay) = late {
            let arrival = self.arrival;
            self.server.put_off(delay, move |server| drop(server.perform(&arrival)));
        }
        answer
    }

    /// The answer is not Codat's: the cache keeps the one that got lost.
    fn status_of_gateway(self, fault: &StatusFault) -> Answer {
        let answer = fault.answer(&mut self.server.lock());
        match fault.effect {
            Effect::None => {}
            Effect::Now => drop(self.handle()),
            Effect::Late(delay) => self.handle_late(delay),
        }
        answer
    }

    fn with_sleeping_key(&self, time: Duration) -> Answer {
        self.server.lock().handle_with(&self.arrival, |server| {
            let answer = server.perform(&self.arrival);
            if answer.status == StatusCode::CREATED {
                server.let_newest_key_sleep(time);
            }
            answer
        })
    }

    fn with_stale_list(&self) -> Answer {
        let head = &self.arrival.head;
        self.server.lock().handle_with(&self.arrival, |server| match head.uri.path() {
            "/apiKeys" if head.method == Method::GET => codat::list_keys(&server.keys_before),
            _ => server.perform(&self.arrival),
        })
    }

    fn with_foreign_creator(&self, name: Option<String>, when: When) -> Answer {
        let mut server = self.server.lock();
        if when == When::Before {
            server.create_for_another(name.clone());
        }
        let answer = server.handle(&self.arrival);
        if when == When::After {
            server.create_for_another(name);
        }
        answer
    }
}

impl StatusFault {
    fn answer(&self, server: &mut Server) -> Answer {
        let mut answer = match &self.body {
            _ if self.is_empty() => Answer::empty(self.status),
            None => server.refuse(Refusal::of(self.status)),
            Some(Value::String(text)) => Answer::new(self.status, HTML, text.clone()),
            Some(json) => Answer {
                correlation_id: json["correlationId"].as_str().map(str::to_owned),
                ..Answer::json(self.status, json)
            },
        };
        if let Some(seconds) = &self.retry_after {
            answer.headers.insert(RETRY_AFTER, seconds.clone());
        }
        answer
    }
}

fn garbage(answer: Answer) -> Answer {
    let status = if answer.status == StatusCode::CREATED { answer.status } else { StatusCode::OK };
    Answer::new(status, JSON, GARBAGE)
}
