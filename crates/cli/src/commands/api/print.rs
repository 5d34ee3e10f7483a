//! The output of `api`.

use std::borrow::Cow;

use codat_keys::internal::{decode, escape_json, sanitize};
use codat_keys::{Client, ErrorKind, Page, Response};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;
use tokio::sync::mpsc;
use tokio::task::JoinError;

use super::arguments::Api;
use crate::failure::Failure;
use crate::heap::return_large_bodies;
use crate::output::{print, print_body};
use crate::runtime::unless_interrupted;
use crate::stderr::eprint_line;

impl Api {
    pub(super) async fn print_pages(&self, client: &Client, path: &str) -> Result<(), Failure> {
        return_large_bodies();
        let mut pages = client.pages::<IgnoredAny>(path);
        if let Some(size) = self.page_size {
            pages = pages.page_size(size);
        }
        if let Some(concurrency) = self.concurrency {
            pages = pages.concurrency(concurrency);
        }
        if let Some(query) = &self.query {
            pages = pages.query(query);
        }
        if let Some(order) = &self.order_by {
            pages = pages.order_by(order);
        }
        for (name, value) in &self.param {
            pages = pages.param(name, value);
        }
        // Requests run on in another task while a page is printed. The channel limits the number of pages in memory.
        let (sender, mut arrived) = mpsc::channel(self.concurrency.unwrap_or(1).clamp(1, 64) as usize);
        let requests = tokio::spawn(async move {
            loop {
                let page = pages.next().await;
                let is_last = !matches!(page, Ok(Some(_)));
                if sender.send(page).await.is_err() || is_last {
                    return pages.total_changed();
                }
            }
        });
        let (mut printed, mut reported) = (0, 0);
        let mut next = async || arrived.recv().await.unwrap_or(Ok(None));
        while let Some(Page { response, results, total_results, .. }) = unless_interrupted(next()).await? {
            (printed, reported) = (printed + results.len() as u64, total_results);
            let (printer, is_jsonl) = (self.printer(client), self.jsonl);
            let printing = tokio::task::spawn_blocking(move || match is_jsonl {
                true => printer.print_lines(&response),
                false => printer.print(&response),
            });
            unless_interrupted(async { printing.await.map_err(defect).flatten() }).await?;
        }
        if requests.await.map_err(defect)? {
            let what = match printed == reported {
                true => "the total or the number of results on a page changed between two pages".to_owned(),
                false => format!("there are {printed} results on all pages, and the last page tells of {reported}"),
            };
            eprint_line(&format!("note: {what}: results can be doubled or missing"));
        }
        Ok(())
    }

    pub(super) fn printer(&self, client: &Client) -> Printer {
        Printer { client: client.clone(), include: self.include, reveal: self.reveal }
    }
}

/// Prints responses.
pub(super) struct Printer {
    client: Client,
    include: bool,
    reveal: bool,
}

impl Printer {
    pub(super) fn print(&self, response: &Response) -> Result<(), Failure> {
        let body = self.body(response);
        self.print_head(response)?;
        print_body(&body)
    }

    /// Prints each result of a page on its own line. Does not change the digits of numbers.
    fn print_lines(&self, response: &Response) -> Result<(), Failure> {
        #[derive(Deserialize)]
        struct Results<'a> {
            #[serde(borrow)]
            results: Vec<&'a RawValue>,
        }
        let body = self.body(response);
        self.print_head(response)?;
        let text = decode(&body).ok();
        let page = text.as_ref().and_then(|text| serde_json::from_str(text).ok());
        let Results { results } = page.ok_or_else(|| {
            Failure::new(ErrorKind::BadResponse, "the response is not paginated", "leave --jsonl out to see it")
        })?;
        // Removes line breaks, which are insignificant whitespace in JSON. Line breaks in strings are escaped.
        let lines = results.iter().map(|result| result.get().replace(['\n', '\r'], "") + "\n");
        print(&escape_json(&lines.collect::<String>()))
    }

    /// Returns the body to print, with keys masked unless `reveal` is true. A client that masks a body remembers the
    /// keys in the body. The client can then mask the same keys in the headers.
    fn body<'a>(&self, response: &'a Response) -> Cow<'a, [u8]> {
        if self.reveal { response.bytes().as_ref().into() } else { response.redacted() }
    }

    fn print_head(&self, response: &Response) -> Result<(), Failure> {
        if !self.include {
            return Ok(());
        }
        let mut head = format!("HTTP {}\n", response.status().as_u16());
        for (name, value) in response.headers() {
            let line = format!("{name}: {}", String::from_utf8_lossy(value.as_bytes()));
            head += &sanitize(&if self.reveal { line } else { self.client.redact(&line) });
            head.push('\n');
        }
        print(&(head + "\n"))
    }
}

fn defect(error: JoinError) -> Failure {
    Failure::local(format!("the output failed: {error}"), "run it again")
}
