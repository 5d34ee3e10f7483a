//! The HTTP service of the emulator. It passes each request to a mounted router, the control endpoints or the emulated
//! API.

use std::io::{self, ErrorKind};
use std::sync::{Arc, PoisonError, RwLock};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use http_body_util::BodyExt as _;
use http_body_util::channel::SendError;
use tower::ServiceExt as _;

use crate::fault_injection::{FaultedRequest, Outcome};
use crate::listener::PausableListener;
use crate::origin_check::OriginCheck;
use crate::server::SharedServer;
use crate::wire::{ApiError, is_control_path};
use crate::{controls, faulty_body};

/// The maximum length of a request body in bytes. The service reads a longer body to the end without storing it, so
/// that the client receives the error response.
const MAX_BODY: usize = 1024 * 1024;

/// The state that all requests share.
#[derive(Clone)]
pub(crate) struct AppState {
    pub(crate) server: SharedServer,
    pub(crate) mounted: MountedRouters,
    pub(crate) origin_check: OriginCheck,
}

/// The mounted routers, each with its path prefix. They serve paths outside Codat's API.
#[derive(Clone, Default)]
pub(crate) struct MountedRouters(Arc<RwLock<Vec<(String, Router)>>>);

impl MountedRouters {
    pub(crate) fn add(&self, prefix: &str, router: Router) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).push((prefix.to_owned(), router));
    }

    fn find(&self, path: &str) -> Option<Router> {
        let routers = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let is_below =
            |prefix: &str| path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        routers.iter().find(|(prefix, _)| is_below(prefix)).map(|(_, router)| router.clone())
    }
}

/// Responds to a request. Returns an error if the connection must close without a response.
pub(crate) async fn respond(app: AppState, listener: PausableListener, request: Request) -> io::Result<Response> {
    if let Some(router) = app.mounted.find(request.uri().path()) {
        return Ok(router.oneshot(request).await.into_response());
    }
    let AppState { server, origin_check, .. } = app;
    let (head, body) = request.into_parts();
    let body = read(body).await;
    if let Err(error) = origin_check.check(&head, &body) {
        return Ok(server.lock().error_response(error).into_response());
    }
    match is_control_path(head.uri.path()) {
        true if controls::is_journal(&head) => Ok(controls::journal(server)),
        true => Ok(controls::respond(&mut server.lock(), &head, body).into_response()),
        false => respond_as_api(server, listener, head, body).await,
    }
}

async fn respond_as_api(
    server: SharedServer,
    listener: PausableListener,
    head: Parts,
    body: Result<Bytes, ApiError>,
) -> io::Result<Response> {
    let (request, fault) = server.lock().receive(head, body);
    let seq = request.seq;
    let guard = DisconnectGuard { server: server.clone(), seq };
    let outcome = match fault {
        None => Outcome::Api(server.lock().handle(&request)),
        Some(fault) => {
            let faulted = FaultedRequest { server: server.clone(), listener, request: Arc::new(request) };
            // Applies the fault in a separate task, which continues after the client disconnects. Joining the task
            // fails only after a panic, which the panic hook prints.
            tokio::spawn(faulted.apply(fault)).await.unwrap_or(Outcome::Dropped)
        }
    };
    let mut server = server.lock();
    let mut faulty_body = None;
    let (correlation_id, response) = match outcome {
        Outcome::Api(response) => {
            (response.correlation_id.clone(), server.with_rate_limit_headers(response).into_response())
        }
        Outcome::FaultyBody(response, fault) => {
            let correlation_id = response.correlation_id.clone();
            let (response, sending) = faulty_body::prepare(server.with_rate_limit_headers(response), fault);
            faulty_body = sending;
            (correlation_id, response)
        }
        Outcome::Gateway(response) => {
            server.journal.set_replayed(seq, false);
            (response.correlation_id.clone(), response.into_response())
        }
        Outcome::Dropped => {
            server.journal.set_replayed(seq, false);
            server.journal.record_dropped(seq);
            return Err(ErrorKind::ConnectionAborted.into());
        }
    };
    server.journal.record_response(seq, response.status(), correlation_id);
    match faulty_body {
        None => server.journal.record_answered(seq),
        Some(sending) => drop(tokio::spawn(send_faulty_body(sending, guard))),
    }
    Ok(response)
}

async fn send_faulty_body(sending: impl Future<Output = Result<(), SendError>>, guard: DisconnectGuard) {
    if sending.await.is_ok() {
        guard.server.lock().journal.record_answered(guard.seq);
    }
}

/// A guard that records the disconnection of a client in the journal. If the guard is dropped before the request has
/// ended, the client has disconnected. The future that handles the request owns the guard. While a response body with
/// an injected fault is sent, the task that sends the body owns the guard. When the client disconnects, hyper drops the
/// future, or the task ends early.
struct DisconnectGuard {
    server: SharedServer,
    seq: u64,
}

impl Drop for DisconnectGuard {
    fn drop(&mut self) {
        self.server.lock().journal.record_client_closed(self.seq);
    }
}

async fn read(mut body: Body) -> Result<Bytes, ApiError> {
    let mut kept = Vec::new();
    let mut length = 0;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| ApiError::bad_request("The request body could not be read."))?;
        let data = frame.into_data().unwrap_or_default();
        length += data.len();
        if length <= MAX_BODY {
            kept.extend_from_slice(&data);
        }
    }
    match length <= MAX_BODY {
        true => Ok(kept.into()),
        false => Err(ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "The request body is larger than 1 MiB.")),
    }
}
