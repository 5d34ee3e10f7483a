//! From HTTP to the server and back.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::header::{CONNECTION, HeaderValue};
use axum::http::request::Parts;
use axum::middleware::AddExtension;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Router};
use http_body_util::BodyExt as _;
use tower::{Layer as _, ServiceExt as _};

use crate::gate::Gate;
use crate::guard::Guard;
use crate::link::{Link, LinkedStream};
use crate::pages::Pages;
use crate::play::{Ending, Scene};
use crate::server::Shared;
use crate::wire::Refusal;
use crate::{controls, stream};

/// In bytes. A larger body is read to its end, so that the client sees the answer, but not kept.
const MAX_BODY: usize = 1024 * 1024;

/// What is answered here.
#[derive(Clone)]
pub(crate) struct Site {
    pub(crate) server: Shared,
    pub(crate) pages: Pages,
    pub(crate) guard: Guard,
}

/// Makes the service of a connection.
pub(crate) fn service(site: Site, gate: Gate) -> impl Fn(&LinkedStream) -> AddExtension<Router, Link> {
    let router = Router::new().fallback(handle).with_state((site, gate));
    move |stream| Extension(stream.link.clone()).layer(router.clone())
}

async fn handle(
    State((site, gate)): State<(Site, Gate)>,
    Extension(link): Extension<Link>,
    request: Request,
) -> Response {
    let _busy = link.busy();
    let mut response = match site.pages.at(request.uri().path()) {
        Some(page) => page.oneshot(request).await.into_response(),
        None => answer(site, gate, &link, request).await,
    };
    if link.is_closing() {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

async fn answer(site: Site, gate: Gate, link: &Link, request: Request) -> Response {
    let Site { server, guard, .. } = site;
    let (head, body) = request.into_parts();
    let body = read(body).await;
    if let Err(refusal) = guard.check(&head, &body) {
        return server.lock().refuse(refusal).into_response();
    }
    match controls::own(head.uri.path()) {
        true => server.lock().control(&head, body).into_response(),
        false => codat(server, gate, link, head, body).await,
    }
}

async fn codat(server: Shared, gate: Gate, link: &Link, head: Parts, body: Result<Bytes, Refusal>) -> Response {
    let (arrival, fault) = server.lock().arrive(head, body);
    let seq = arrival.seq;
    let _watch = Watch { server: server.clone(), seq };
    let ending = match fault {
        None => Ending::Codat(server.lock().handle(&arrival)),
        Some(fault) => {
            let scene = Scene { server: server.clone(), gate, arrival: Arc::new(arrival) };
            // A task of its own goes on when the client is gone. It fails only by a panic, which is printed.
            tokio::spawn(scene.play(fault)).await.unwrap_or(Ending::Dropped)
        }
    };
    let mut server = server.lock();
    let (correlation_id, response) = match ending {
        Ending::Codat(answer) => (answer.correlation_id.clone(), server.with_rate_limit(answer).into_response()),
        Ending::Streamed(answer, stream) => {
            (answer.correlation_id.clone(), stream::respond(server.with_rate_limit(answer), stream))
        }
        Ending::Gateway(answer) => {
            server.journal.not_replayed(seq);
            (answer.correlation_id.clone(), answer.into_response())
        }
        Ending::Dropped => {
            server.journal.not_replayed(seq);
            server.journal.dropped(seq);
            link.cut();
            return Response::default();
        }
    };
    server.journal.answered(seq, response.status(), correlation_id);
    response
}

/// Notices that the client went away: then the future that holds this is dropped before there is an answer.
struct Watch {
    server: Shared,
    seq: u64,
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.server.lock().journal.client_closed(self.seq);
    }
}

async fn read(mut body: Body) -> Result<Bytes, Refusal> {
    let mut kept = Vec::new();
    let mut length = 0;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Refusal::bad_request("The request body could not be read."))?;
        let data = frame.into_data().unwrap_or_default();
        length += data.len();
        if length <= MAX_BODY {
            kept.extend_from_slice(&data);
        }
    }
    match length <= MAX_BODY {
        true => Ok(kept.into()),
        false => Err(Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "The request body is larger than 1 MiB.")),
    }
}
