//! Forks a process that has used a blocking client. This test has its own binary, because the locks of other tests
//! would stay locked in a child process.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test that cannot set itself up should stop at once")]

use std::cell::RefCell;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use codat_keys::blocking::Client;
use codat_keys::{ApiKey, Credential, CredentialFuture, KeyProvider, Method};

const CHILDREN: usize = 100;
const AT_ONCE: usize = 10;
const CALLS: usize = 3;
/// The length of the body of `/long`. It exceeds the buffers of a connection.
const LONG: usize = 20_000_000;

#[test]
fn a_hundred_children_and_the_parent_use_separate_connections() {
    let url = serve();
    // The parent process is a child of the test process. A defect of the client then cannot affect the test process.
    let parent = fork(60, || forks_a_hundred_times(&url));
    assert_eq!(exit_status(parent), Some(0), "it hung, crashed, or said why above");
}

fn forks_a_hundred_times(url: &str) -> Result<(), String> {
    let client = codat_keys::Client::builder().base_url(url).api_key_from(Vault).build_blocking();
    let client = client.map_err(|error| error.to_string())?;
    let own = connection(&client)?;
    // A child process takes the client out of the cell and drops it.
    let client = RefCell::new(Some(client));
    let calls_as_ever = || client.borrow().as_ref().map_or(Ok(()), |client| stays_on(client, own));

    for _ in 0..CHILDREN / AT_ONCE {
        let live = || client.take().map_or(Err("no client".into()), |client| lives_apart(client, own));
        let children: Vec<_> = (0..AT_ONCE).map(|_| fork(20, live)).collect();
        // Fails if a child process has read from a connection of this process.
        calls_as_ever()?;
        for child in children {
            if exit_status(child) != Some(0) {
                return Err("a child failed".into());
            }
        }
        // Fails if a child process has closed a connection of this process.
        calls_as_ever()?;
    }
    client.take().map_or(Err("no client".into()), |client| {
        forks_while_a_body_is_read(&client)?;
        forks_while_the_key_is_read(&client)
    })
}

/// Forks while a thread reads a body. The child process cannot read the body, and does not affect its connection.
fn forks_while_a_body_is_read(client: &Client) -> Result<(), String> {
    let mut response = client.request(Method::GET, "/long").send_streaming().map_err(|error| error.to_string())?;
    let first = response.chunk().map_err(|error| error.to_string())?.map_or(0, |chunk| chunk.len());
    let response = RefCell::new(Some(response));
    let child = fork(20, || {
        let mut response = response.take().ok_or("no response")?;
        match response.chunk() {
            Err(error) if error.to_string() == "the response belongs to the parent process" => Ok(()),
            other => Err(format!("a child read a body of its parent: {other:?}")),
        }
    });
    if exit_status(child) != Some(0) {
        return Err("a child failed".into());
    }
    let mut response = response.take().ok_or("no response")?;
    let rest = std::io::copy(&mut response, &mut std::io::sink()).map_err(|error| error.to_string())?;
    if first as u64 + rest == LONG as u64 { Ok(()) } else { Err(format!("{first} and {rest} bytes were read")) }
}

/// Forks while a thread of the parent process reads the key. The thread does not exist in the child process.
fn forks_while_the_key_is_read(client: &Client) -> Result<(), String> {
    SILENT.store(true, Ordering::SeqCst);
    let reader = client.clone();
    thread::spawn(move || reader.reload_key());
    while !ASKED.load(Ordering::SeqCst) {
        thread::yield_now();
    }
    let child = fork(20, || {
        SILENT.store(false, Ordering::SeqCst);
        client.reload_key().map_err(|error| error.to_string())?;
        connection(client).map(drop)
    });
    if exit_status(child) == Some(0) { Ok(()) } else { Err("a child waited for its parent's thread".into()) }
}

static SILENT: AtomicBool = AtomicBool::new(false);
static ASKED: AtomicBool = AtomicBool::new(false);

/// A provider that returns a key, or never completes while [`SILENT`] is set.
struct Vault;

impl KeyProvider for Vault {
    fn source(&self) -> &str {
        "the vault"
    }

    fn read(&self) -> CredentialFuture<'_> {
        if SILENT.load(Ordering::SeqCst) {
            ASKED.store(true, Ordering::SeqCst);
            return Box::pin(std::future::pending());
        }
        Box::pin(async { Ok(Credential::ApiKey(ApiKey::parse("MadeUpKey")?)) })
    }
}

/// Runs in the child process. Checks that all requests use one connection, and that it is not the connection of the
/// parent process. Then drops the client.
fn lives_apart(client: Client, parents: usize) -> Result<(), String> {
    let own = connection(&client)?;
    if own == parents {
        return Err("a child called over its parent's connection".into());
    }
    let grandchild = fork(10, || match connection(&client)? {
        its if its == own || its == parents => Err("a grandchild called over an elder's connection".into()),
        _ => Ok(()),
    });
    stays_on(&client, own)?;
    if exit_status(grandchild) == Some(0) { stays_on(&client, own) } else { Err("a grandchild failed".into()) }
}

fn stays_on(client: &Client, own: usize) -> Result<(), String> {
    for _ in 0..CALLS {
        let now = connection(client)?;
        if now != own {
            return Err(format!("a call went over connection {now} and not over {own}"));
        }
    }
    Ok(())
}

/// Sends a request and returns the number of its connection.
fn connection(client: &Client) -> Result<usize, String> {
    let answer = client.request(Method::GET, "/").send().and_then(|answer| answer.json());
    answer.map_err(|error| error.to_string())
}

/// Starts a server that responds to each request with the number of the connection. Shares no code with the emulator.
fn serve() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    static CONNECTIONS: AtomicUsize = AtomicUsize::new(0);
    thread::spawn(move || {
        for connection in listener.incoming().flatten() {
            thread::spawn(move || answer(&connection, CONNECTIONS.fetch_add(1, Ordering::Relaxed)));
        }
    });
    url
}

fn answer(mut connection: &TcpStream, number: usize) -> Option<()> {
    let mut requests = BufReader::new(connection);
    loop {
        let (mut line, mut is_long) = (String::new(), false);
        while line != "\r\n" {
            line.clear();
            if requests.read_line(&mut line).ok()? == 0 {
                return None;
            }
            is_long |= line.starts_with("GET /long ");
        }
        let body = if is_long { " ".repeat(LONG) } else { number.to_string() };
        write!(connection, "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len()).ok()?;
    }
}

/// Runs `work` in a child process. The child process exits with status 0 if `work` succeeds, and is killed after
/// `seconds`.
#[allow(unsafe_code, reason = "there is no safe fork")]
fn fork(seconds: u32, work: impl FnOnce() -> Result<(), String>) -> libc::pid_t {
    // SAFETY: the child calls nothing that takes a lock of another thread, and never returns to the test harness.
    unsafe {
        let child = libc::fork();
        assert!(child >= 0, "no fork");
        if child == 0 {
            libc::alarm(seconds);
            let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
            let said = done.unwrap_or(Err("a panic".into()));
            // In a child, `eprintln` would write to the buffer of the test harness, which is never printed.
            let _ = said.as_ref().map_err(|said| writeln!(std::io::stderr(), "{said}"));
            libc::_exit(i32::from(said.is_err()));
        }
        child
    }
}

/// Waits until a child process has exited, and returns its exit status. Returns `None` if it was killed.
#[allow(unsafe_code, reason = "the standard library waits for its own children alone")]
fn exit_status(child: libc::pid_t) -> Option<i32> {
    let mut status = 0;
    // SAFETY: the pointer is to a local that outlives the call.
    let waited = unsafe { libc::waitpid(child, &raw mut status, 0) };
    (waited == child && libc::WIFEXITED(status)).then(|| libc::WEXITSTATUS(status))
}
