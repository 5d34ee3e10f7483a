//! A blocking client that was used is forked a hundred times. In a process of its own: a child has one thread, and would
//! wait for ever on a lock that another test's thread held.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test that cannot set itself up should stop at once")]

use std::cell::RefCell;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use codat_keys::blocking::Client;
use codat_keys::{ApiKey, Error, Method};

const CHILDREN: usize = 100;
const AT_ONCE: usize = 10;
const CALLS: usize = 3;

#[test]
fn a_hundred_children_and_the_parent_answer_on_connections_of_their_own() {
    let url = serve();
    let key = ApiKey::parse("MadeUpKey").unwrap();
    let client = codat_keys::Client::builder().base_url(url).api_key(key).build_blocking().unwrap();
    let own = connection(&client).unwrap();
    // Of which a child drops the last copy that it has.
    let client = RefCell::new(Some(client));
    let call = || connection(client.borrow().as_ref().unwrap()).unwrap();

    for _ in 0..CHILDREN / AT_ONCE {
        let children: Vec<libc::pid_t> =
            (0..AT_ONCE).map(|_| fork(|| lives_apart(client.take().unwrap(), own))).collect();
        // Meanwhile: an answer that a child had taken would be missing here.
        (0..CALLS).for_each(|_| assert_eq!(call(), own));
        for child in children {
            assert_eq!(
                exit_status(child),
                Some(0),
                "a child hung, crashed, or called on a connection that is not its own"
            );
        }
        assert_eq!(call(), own, "what a child dropped was the parent's");
    }
}

/// In the child: calls over one connection, which is not the parent's, also while a grandchild calls; then drops all.
fn lives_apart(client: Client, parents: usize) -> bool {
    let Ok(own) = connection(&client) else { return false };
    let stays = || (0..CALLS).all(|_| connection(&client).is_ok_and(|now| now == own));
    let is_own = own != parents && stays();
    let grandchild = fork(|| connection(&client).is_ok_and(|its| its != own && its != parents));
    let still = stays();
    is_own && still && exit_status(grandchild) == Some(0)
}

/// Which connection a call went over, as the server counts them.
fn connection(client: &Client) -> Result<usize, Error> {
    client.request(Method::GET, "/").send()?.json()
}

/// Answers each request with the number of its connection. Shares no code with the emulator.
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
        let mut line = String::new();
        while line != "\r\n" {
            line.clear();
            if requests.read_line(&mut line).ok()? == 0 {
                return None;
            }
        }
        let body = number.to_string();
        write!(connection, "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len()).ok()?;
    }
}

/// Runs this in a child, which ends with status 0 if it holds, and is killed after ten seconds.
#[allow(unsafe_code, reason = "there is no safe fork")]
fn fork(holds: impl FnOnce() -> bool) -> libc::pid_t {
    // SAFETY: the child calls nothing that takes a lock of another thread, and never returns to the test harness.
    unsafe {
        let child = libc::fork();
        assert!(child >= 0, "no fork");
        if child == 0 {
            libc::alarm(10);
            let holds = std::panic::catch_unwind(std::panic::AssertUnwindSafe(holds));
            libc::_exit(if matches!(holds, Ok(true)) { 0 } else { 1 });
        }
        child
    }
}

/// `None` for one that was killed.
#[allow(unsafe_code, reason = "the standard library waits for its own children alone")]
fn exit_status(child: libc::pid_t) -> Option<i32> {
    let mut status = 0;
    // SAFETY: the pointer is to a local that outlives the call.
    let waited = unsafe { libc::waitpid(child, &raw mut status, 0) };
    (waited == child && libc::WIFEXITED(status)).then(|| libc::WEXITSTATUS(status))
}
