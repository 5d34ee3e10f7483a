//! Calls over a bare blocking socket, which is the lower bound for clients with one thread per call.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use anyhow::{Context as _, Result, ensure};

use crate::PATH;
use crate::callers::{authorization, read_two};

/// The connection of one thread.
pub(crate) struct Socket {
    stream: TcpStream,
    request: Vec<u8>,
    answer: [u8; 4096],
}

impl Socket {
    pub(crate) fn connect(url: &str) -> Result<Self> {
        let address = url.strip_prefix("http://").context("only HTTP")?;
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        let authorization = authorization()?;
        let authorization = authorization.to_str()?;
        let request = format!("GET {PATH} HTTP/1.1\r\nhost: {address}\r\nauthorization: {authorization}\r\n\r\n");
        Ok(Self { stream, request: request.into_bytes(), answer: [0; 4096] })
    }

    /// Makes one call. The response is complete when it ends with `]}`, like a list of keys.
    pub(crate) fn call(&mut self) -> Result<()> {
        self.stream.write_all(&self.request)?;
        let mut length = 0;
        while !self.answer[..length].ends_with(b"]}") {
            let more = self.stream.read(&mut self.answer[length..])?;
            ensure!(more > 0, "the server closed the connection, or answers something else");
            length += more;
        }
        let answer = &self.answer[..length];
        let body = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n").context("the answer has no body")? + 4;
        read_two(&answer[body..])
    }
}
