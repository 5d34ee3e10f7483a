//! Handling of requests to which a fault applies.

use std::sync::Arc;
use std::time::Duration;

use axum::http::header::{LOCATION, RETRY_AFTER};
use axum::http::{Method, StatusCode};
use serde_json::Value;

use crate::fault::{Delay, Effect, Fault, Sender, StatusFault, When};
use crate::faulty_body::BodyFault;
use crate::listener::PausableListener;
use crate::operations;
use crate::pipeline::{Admission, ReceivedRequest};
use crate::server::{Server, SharedServer};
use crate::wire::{ApiError, ApiResponse, JSON};

const HTML: &str = "text/html; charset=utf-8";
const PAGE: &str =
    "<!DOCTYPE html>\n<html><head><title>Proxy</title></head><body><h1>Please sign in</h1></body></html>\n";
/// The body of a response with the fault `garbage`: bytes that are neither JSON nor UTF-8.
const GARBAGE: &[u8] = b"\x00\xff\xfe{\"id\":garbage";

/// What the client receives for a request after a fault was injected: a response, or a closed connection.
pub(crate) enum Outcome {
    /// A response of Codat's API.
    Api(ApiResponse),
    /// A response of Codat's API whose body has a fault.
    FaultyBody(ApiResponse, BodyFault),
    /// A response of a gateway between Codat and the client.
    Gateway(ApiResponse),
    /// The server closes the connection without a response.
    Dropped,
}

/// A request to which a fault applies, and the state that is needed to handle the request. The emulator handles the
/// request even if the client disconnects.
#[derive(Clone)]
pub(crate) struct FaultedRequest {
    pub(crate) server: SharedServer,
    pub(crate) listener: PausableListener,
    pub(crate) request: Arc<ReceivedRequest>,
}

impl FaultedRequest {
    pub(crate) async fn apply(self, fault: Fault) -> Outcome {
        match fault {
            Fault::DropBefore {} => Outcome::Dropped,
            Fault::DropAfter {} => {
                self.handle();
                Outcome::Dropped
            }
            Fault::Refuse(time) => {
                let response = self.handle();
                self.listener.refuse_for(time.duration());
                Outcome::Api(response)
            }
            Fault::DelayBefore(time) => Outcome::Api(self.delay_before(time.duration()).await),
            Fault::DelayAfter(time) => Outcome::Api(self.delay_after(time.duration()).await),
            Fault::Late(delay) => {
                self.handle_late(delay);
                Outcome::Dropped
            }
            Fault::Status(fault) => self.status(fault),
            Fault::Truncated {} => Outcome::FaultyBody(self.handle(), BodyFault::Truncated),
            Fault::Slow(pause) => Outcome::FaultyBody(self.handle(), BodyFault::Slow(pause.duration())),
            Fault::Endless {} => Outcome::FaultyBody(self.handle(), BodyFault::Endless),
            Fault::Huge { bytes } => {
                let length = usize::try_from(bytes.0).unwrap_or(usize::MAX);
                Outcome::FaultyBody(self.handle(), BodyFault::Huge(length))
            }
            Fault::Garbage {} => Outcome::Api(garbage(self.handle())),
            Fault::Empty {} => Outcome::Api(ApiResponse::new(self.handle().status, JSON, "")),
            Fault::Html {} => {
                self.handle();
                Outcome::Gateway(ApiResponse::new(StatusCode::OK, HTML, PAGE))
            }
            Fault::Twice {} => {
                self.handle();
                Outcome::Api(self.handle())
            }
            Fault::KeyWorksAfter(time) => Outcome::Api(self.with_inactive_key(time.duration())),
            Fault::StaleList {} => Outcome::Api(self.with_stale_list()),
            Fault::ForeignCreator { name, when } => Outcome::Api(self.with_foreign_creator(name, when)),
            Fault::Redirect { location, status } => {
                Outcome::Gateway(ApiResponse::empty(status).with_header(LOCATION, location))
            }
        }
    }

    fn handle(&self) -> ApiResponse {
        self.server.lock().handle(&self.request)
    }

    /// Performs the request if `admission` is [`Admission::Perform`]. Otherwise, returns the response in `admission`.
    fn complete(&self, admission: Admission) -> ApiResponse {
        let mut server = self.server.lock();
        server.complete(admission, |server| server.perform(&self.request))
    }

    /// Checks the API key, the quota and the idempotency key of the request immediately. Performs the request after
    /// `delay`.
    fn handle_late(self, delay: Delay) {
        let admission = self.server.lock().admit(&self.request);
        let request = self.request;
        self.server
            .perform_later(delay, move |server| drop(server.complete(admission, |server| server.perform(&request))));
    }

    async fn delay_before(&self, time: Duration) -> ApiResponse {
        let admission = self.server.lock().admit(&self.request);
        self.server.delay(time).await;
        self.complete(admission)
    }

    /// Performs the request immediately, and returns the response after `time`. Until then, the request counts as
    /// running, so a second request with the same idempotency key gets an error.
    async fn delay_after(&self, time: Duration) -> ApiResponse {
        let (response, claim) = {
            let mut server = self.server.lock();
            match server.admit(&self.request) {
                Admission::Respond(response) => (response, None),
                Admission::Perform(claim) => (server.perform(&self.request), claim),
            }
        };
        self.server.delay(time).await;
        self.server.lock().store_response(claim, &response);
        response
    }

    fn status(self, fault: StatusFault) -> Outcome {
        match fault.from {
            Sender::Codat => Outcome::Api(self.status_from_codat(&fault)),
            Sender::Gateway => Outcome::Gateway(self.status_from_gateway(&fault)),
        }
    }

    /// Returns a response of Codat that has the status of the fault. The emulator stores this response under the
    /// idempotency key of the request. If another response is already stored under this idempotency key, returns the
    /// stored response. The status 429 is an exception: see [`Server::handle_rate_limited`].
    fn status_from_codat(self, fault: &StatusFault) -> ApiResponse {
        let mut server = self.server.lock();
        let mut late = None;
        let request = &self.request;
        let perform = |server: &mut Server| {
            match fault.effect {
                Effect::None => {}
                Effect::Now => drop(server.perform(request)),
                Effect::Late(delay) => late = Some(delay),
            }
            fault.response(server)
        };
        let response = match fault.status {
            StatusCode::TOO_MANY_REQUESTS => server.handle_rate_limited(request, perform),
            _ => server.handle_with(request, perform),
        };
        drop(server);
        if let Some(delay) = late {
            let request = self.request;
            self.server.perform_later(delay, move |server| drop(server.perform(&request)));
        }
        response
    }

    /// Returns a response of a gateway in front of Codat. The response has the status of the fault. The field `effect`
    /// of the fault determines whether the emulator performs the request. If the emulator performs the request, the
    /// actual response is stored under the idempotency key of the request, but is not sent to the client.
    fn status_from_gateway(self, fault: &StatusFault) -> ApiResponse {
        let response = fault.response(&mut self.server.lock());
        match fault.effect {
            Effect::None => {}
            Effect::Now => drop(self.handle()),
            Effect::Late(delay) => self.handle_late(delay),
        }
        response
    }

    fn with_inactive_key(&self, time: Duration) -> ApiResponse {
        self.server.lock().handle_with(&self.request, |server| {
            let response = server.perform(&self.request);
            if response.status == StatusCode::CREATED {
                server.deactivate_newest_key(time);
            }
            response
        })
    }

    fn with_stale_list(&self) -> ApiResponse {
        let head = &self.request.head;
        self.server.lock().handle_with(&self.request, |server| match head.uri.path() {
            "/apiKeys" if head.method == Method::GET => operations::list_keys(&server.previous_keys),
            _ => server.perform(&self.request),
        })
    }

    fn with_foreign_creator(&self, name: Option<String>, when: When) -> ApiResponse {
        let mut server = self.server.lock();
        if when == When::Before {
            server.create_as_other_client(name.clone());
        }
        let response = server.handle(&self.request);
        if when == When::After {
            server.create_as_other_client(name);
        }
        response
    }
}

impl StatusFault {
    fn response(&self, server: &mut Server) -> ApiResponse {
        let mut response = match &self.body {
            _ if self.is_bodiless() => ApiResponse::empty(self.status),
            None => server.error_response(ApiError::for_status(self.status)),
            Some(Value::String(text)) => ApiResponse::new(self.status, HTML, text.clone()),
            Some(json) => ApiResponse {
                correlation_id: json["correlationId"].as_str().map(str::to_owned),
                ..ApiResponse::json(self.status, json)
            },
        };
        if let Some(retry_after) = &self.retry_after {
            response.headers.insert(RETRY_AFTER, retry_after.clone());
        }
        response
    }
}

fn garbage(response: ApiResponse) -> ApiResponse {
    let status = if response.status == StatusCode::CREATED { response.status } else { StatusCode::OK };
    ApiResponse::new(status, JSON, GARBAGE)
}
