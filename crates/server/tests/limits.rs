//! Slow clients, the limit on connections, and the ways in which the server closes a connection. The clock is paused:
//! it advances when all tasks are idle.

// Helper functions panic as tests do.
#![allow(clippy::unwrap_used)]

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::Response;
use codat_keys_server::{CLIENT_TIMEOUT, Listener, serve};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep, timeout};

/// A listener whose connections and errors the test sends.
struct TestListener {
    connections: Mutex<UnboundedReceiver<io::Result<DuplexStream>>>,
    polled: Arc<AtomicUsize>,
    closing: watch::Sender<()>,
}

impl Listener for TestListener {
    type Stream = DuplexStream;

    fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<DuplexStream>> {
        self.polled.fetch_add(1, Ordering::SeqCst);
        self.connections.lock().unwrap().poll_recv(cx).map(|connection| connection.unwrap())
    }

    fn closing(&self) -> watch::Receiver<()> {
        self.closing.subscribe()
    }
}

struct Server {
    incoming: UnboundedSender<io::Result<DuplexStream>>,
    polled: Arc<AtomicUsize>,
    /// Sending a value closes the open connections.
    closing: watch::Sender<()>,
    /// Completes a response to `/wait`.
    release: Arc<Notify>,
}

impl Server {
    fn start(max_connections: usize) -> Server {
        let (incoming, connections) = unbounded_channel();
        let (polled, release, closing) = (Arc::default(), Arc::<Notify>::default(), watch::Sender::new(()));
        let connections = Mutex::new(connections);
        let listener = TestListener { connections, polled: Arc::clone(&polled), closing: closing.clone() };
        let released = Arc::clone(&release);
        let service = tower::service_fn(move |request| respond(request, Arc::clone(&released)));
        tokio::spawn(serve(listener, max_connections, service));
        Server { incoming, polled, closing, release }
    }

    fn connect(&self) -> DuplexStream {
        let (client, server) = duplex(1024);
        self.incoming.send(Ok(server)).unwrap();
        client
    }

    /// Connects and sends bytes.
    async fn send(&self, bytes: &str) -> DuplexStream {
        let mut client = self.connect();
        client.write_all(bytes.as_bytes()).await.unwrap();
        client
    }
}

type ResponseFuture = Pin<Box<dyn Future<Output = io::Result<Response>> + Send>>;

fn respond(request: Request, released: Arc<Notify>) -> ResponseFuture {
    Box::pin(async move {
        let (head, body) = request.into_parts();
        let Ok(body) = to_bytes(body, usize::MAX).await else {
            return Ok(Response::builder().status(StatusCode::BAD_REQUEST).body(Body::empty()).unwrap());
        };
        match head.uri.path() {
            "/wait" => released.notified().await,
            "/fail" => return Err(io::ErrorKind::Other.into()),
            "/large" => return Ok(Response::new(vec![b'x'; 1_000_000].into())),
            _ => {}
        }
        Ok(Response::new(body.into()))
    })
}

const GET: &str = "GET / HTTP/1.1\r\nhost: x\r\n\r\n";

/// Reads a response without a body, and returns its status.
async fn status(client: &mut DuplexStream) -> u16 {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let byte = client.read_u8().await.expect("the connection ended before a response");
        head.push(byte);
    }
    String::from_utf8(head).unwrap().split(' ').nth(1).unwrap().parse().unwrap()
}

/// Reads until the server closes the connection.
async fn read_to_end(mut client: DuplexStream) -> String {
    let mut bytes = String::new();
    let ended = timeout(2 * CLIENT_TIMEOUT, client.read_to_string(&mut bytes)).await;
    ended.expect("the connection is still open").unwrap();
    bytes
}

/// Sends a request on an idle connection. Returns whether there is a response.
async fn is_open(client: &mut DuplexStream) -> bool {
    client.write_all(GET.as_bytes()).await.is_ok() && client.read_u8().await.is_ok()
}

#[tokio::test(start_paused = true)]
async fn a_missing_head_times_out() {
    let server = Server::start(100);
    let started = Instant::now();
    assert_eq!(read_to_end(server.connect()).await, "");
    assert_eq!(read_to_end(server.send("GET / HTTP/1.1\r\nhost:").await).await, "");
    let mut used = server.send(GET).await;
    assert_eq!(status(&mut used).await, 200);
    assert_eq!(read_to_end(used).await, "");
    let elapsed = started.elapsed();
    assert!(elapsed >= 3 * CLIENT_TIMEOUT && elapsed < 4 * CLIENT_TIMEOUT, "{elapsed:?}");
}

#[tokio::test(start_paused = true)]
async fn a_slow_head_times_out() {
    let server = Server::start(100);
    let mut client = server.send("GET / HTTP/1.1\r\n").await;
    let mut sent = 0;
    while client.write_all(b"a: b\r\n").await.is_ok() {
        sent += 1;
        assert!(sent < 20, "the connection is still open");
        sleep(Duration::from_secs(1)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_stalled_body_times_out() {
    let server = Server::start(100);
    let head = "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\n";
    let mut slow = server.send(&format!("{head}12345")).await;
    sleep(CLIENT_TIMEOUT / 2).await;
    slow.write_all(b"6").await.unwrap();
    sleep(CLIENT_TIMEOUT / 2).await;
    slow.write_all(b"7890").await.unwrap();
    assert_eq!(status(&mut slow).await, 200);
    let stalled = server.send(&format!("{head}12345")).await;
    let response = read_to_end(stalled).await;
    assert!(response.starts_with("HTTP/1.1 400 "), "{response}");
}

#[tokio::test(start_paused = true)]
async fn an_unread_response_times_out() {
    let server = Server::start(100);
    let mut reads = server.send(&GET.replace(" / ", " /large ")).await;
    let mut stops = server.send(&GET.replace(" / ", " /large ")).await;
    assert_eq!((status(&mut reads).await, status(&mut stops).await), (200, 200));
    sleep(CLIENT_TIMEOUT / 2).await;
    let mut body = vec![0; 1_000_000];
    reads.read_exact(&mut body).await.unwrap();
    sleep(2 * CLIENT_TIMEOUT).await;
    assert!(read_to_end(stops).await.len() <= 1024);
}

#[tokio::test(start_paused = true)]
async fn at_the_limit_the_longest_waiting_connection_is_replaced() {
    let server = Server::start(3);
    let mut running = server.send(&GET.replace(" / ", " /wait ")).await;
    let oldest = server.send("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\n12345").await;
    sleep(Duration::from_secs(1)).await;
    let mut younger = server.send(GET).await;
    assert_eq!(status(&mut younger).await, 200);
    let started = Instant::now();
    let mut new = server.send(GET).await;
    assert_eq!(status(&mut new).await, 200);
    assert!(started.elapsed() < Duration::from_secs(1), "{:?}", started.elapsed());
    assert_eq!(read_to_end(oldest).await, "");
    assert!(is_open(&mut younger).await);
    server.release.notify_one();
    assert_eq!(status(&mut running).await, 200);
}

#[tokio::test(start_paused = true)]
async fn a_running_response_is_not_interrupted() {
    let server = Server::start(1);
    let mut first = server.send(&GET.replace(" / ", " /wait ")).await;
    sleep(Duration::from_secs(1)).await;
    let mut second = server.send(GET).await;
    sleep(Duration::from_secs(60)).await;
    server.release.notify_one();
    assert_eq!(status(&mut first).await, 200);
    assert_eq!(status(&mut second).await, 200);
    assert_eq!(read_to_end(first).await, "");
}

#[tokio::test(start_paused = true)]
async fn without_file_descriptors_waiting_connections_are_closed() {
    let server = Server::start(100);
    let oldest = server.connect();
    sleep(Duration::from_secs(1)).await;
    let mut younger = server.connect();
    sleep(Duration::from_secs(1)).await;
    let polled = server.polled.load(Ordering::SeqCst);
    let errors = 10;
    for _ in 0..errors {
        // 24 is EMFILE on Unix. The server handles all persistent errors in the same way.
        server.incoming.send(Err(io::Error::from_raw_os_error(24))).unwrap();
    }
    assert_eq!(read_to_end(oldest).await, "");
    assert!(server.polled.load(Ordering::SeqCst) <= polled + 2, "the server does not pause");
    assert!(is_open(&mut younger).await);
    sleep(Duration::from_secs(1)).await;
    let mut new = server.send(GET).await;
    assert_eq!(status(&mut new).await, 200);
}

#[tokio::test(start_paused = true)]
async fn an_error_of_the_service_closes_the_connection_without_a_response() {
    let server = Server::start(100);
    let mut client = server.send(GET).await;
    assert_eq!(status(&mut client).await, 200);
    client.write_all(GET.replace(" / ", " /fail ").as_bytes()).await.unwrap();
    assert_eq!(read_to_end(client).await, "");
}

#[tokio::test(start_paused = true)]
async fn closing_ends_idle_connections_immediately_and_others_after_their_response() {
    let server = Server::start(100);
    let unused = server.connect();
    let mut idle = server.send(GET).await;
    assert_eq!(status(&mut idle).await, 200);
    let running = server.send(&GET.replace(" / ", " /wait ")).await;
    sleep(Duration::from_secs(1)).await;
    let closed_at = Instant::now();
    server.closing.send_replace(());
    assert_eq!((read_to_end(unused).await, read_to_end(idle).await), (String::new(), String::new()));
    assert!(closed_at.elapsed() < Duration::from_secs(1), "{:?}", closed_at.elapsed());
    server.release.notify_one();
    let response = read_to_end(running).await;
    assert!(response.starts_with("HTTP/1.1 200 ") && response.contains("connection: close\r\n"), "{response}");
    let mut new = server.send(GET).await;
    assert_eq!(status(&mut new).await, 200);
    assert!(is_open(&mut new).await);
}
