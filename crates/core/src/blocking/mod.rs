//! A client that blocks the calling thread, for programs without an async runtime.
//!
//! The operations, options, errors and retries are those of the asynchronous [`Client`](crate::Client). Each operation
//! returns a request, and the method `send` sends it. Pages and their results are iterators:
//!
//! ```
//! # let emulator = codat_keys_emulator::Emulator::start().unwrap();
//! # let base_url = emulator.base_url();
//! # let key = codat_keys::ApiKey::parse(emulator.api_key())?;
//! use codat_keys::{Client, Method};
//!
//! #[derive(serde::Deserialize)]
//! struct Company {
//!     name: String,
//! }
//!
//! let client = Client::builder().base_url(base_url).api_key(key).build_blocking()?;
//! let made = client.keys().create("invoice-processor").send()?;
//! assert_eq!(client.keys().list().send()?.len(), 2);
//!
//! let profile = client.request(Method::GET, "/profile").send()?;
//! assert_eq!(profile.status(), 200);
//! for company in client.pages::<Company>("/companies").items() {
//!     println!("{}", company?.name);
//! }
//! client.keys().delete(&made.key.id).send()?;
//! # Ok::<(), codat_keys::Error>(())
//! ```

mod client;
mod context;
mod pool;
mod response_stream;

use std::mem;

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::builder::ClientBuilder;
use crate::environment::process_environment;
use crate::error::Error;
use crate::keys::create::{Creation, create};
use crate::keys::delete::delete;
use crate::keys::look_up;
use crate::pages::{Next, Page};
use crate::response::Response;

pub use client::Client;
pub use response_stream::ResponseStream;

/// The operations on API keys, returned by [`Client::keys`].
pub type Keys = crate::keys::Keys<Client>;
/// A request that lists the keys and returns all of them or a selection. Returned by [`Keys::list`](crate::Keys::list),
/// [`Keys::get`](crate::Keys::get), [`Keys::find`](crate::Keys::find) and [`Client::whoami`].
pub type Lookup<T> = crate::keys::Lookup<T, Client>;
/// A request to create a key, returned by [`Keys::create`](crate::Keys::create).
pub type Create = crate::keys::Create<Client>;
/// A request to delete a key, returned by [`Keys::delete`](crate::Keys::delete).
pub type Delete = crate::keys::Delete<Client>;
/// A request to any path of Codat's API, returned by [`Client::request`].
pub type Request = crate::request::Request<Client>;
/// An iterator over the pages of a paginated list of results, returned by [`Client::pages`].
pub type Pages<T = Value> = crate::pages::Pages<T, Client>;
/// An iterator over the results of all pages, returned by [`Pages::items`](crate::Pages::items).
pub type Items<T = Value> = crate::pages::Items<T, Client>;

impl ClientBuilder {
    /// Builds a client that blocks the calling thread. Sends nothing.
    ///
    /// # Errors
    /// As [`ClientBuilder::build`].
    pub fn build_blocking(self) -> Result<Client, Error> {
        Client::new(self.config(&process_environment)?)
    }
}

impl<T: Send> Lookup<T> {
    /// Sends the request.
    ///
    /// # Errors
    /// The same errors as the method that returned the request.
    pub fn send(self) -> Result<T, Error> {
        let Self { client, select } = self;
        client.run(async |client| look_up(client.handle(), select).await)
    }
}

impl Create {
    /// Creates the key.
    ///
    /// # Errors
    /// As [`Keys::create`](crate::Keys::create).
    pub fn send(self) -> Result<Creation, Error> {
        let Self { client, options, cancellation } = self;
        client.run(async |client| create(client.handle(), options?, cancellation).await)
    }
}

impl Delete {
    /// Deletes the key.
    ///
    /// # Errors
    /// As [`Keys::delete`](crate::Keys::delete).
    pub fn send(self) -> Result<(), Error> {
        let Self { client, id, allow_key_in_use, cancellation } = self;
        client.run(async |client| delete(client.handle(), id, allow_key_in_use, cancellation).await)
    }
}

impl Request {
    /// Sends the request.
    ///
    /// # Errors
    /// As [`Client::request`](crate::Client::request).
    pub fn send(self) -> Result<Response, Error> {
        let Self { client, options } = self;
        client.run(async |client| options.perform(client.handle()).await)
    }

    /// Sends the request, and returns the response as soon as its headers have arrived. The returned response implements
    /// [`Read`](std::io::Read). See [`crate::Request::send_streaming`].
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn send_streaming(self) -> Result<ResponseStream, Error> {
        let Self { client, options } = self;
        client.run_streaming(async |client| options.perform_streaming(client.handle()).await)
    }
}

impl<T: DeserializeOwned> Pages<T> {
    fn request_page(&mut self) -> Result<Option<Page<T>>, Error> {
        loop {
            match self.cursor.take()? {
                Next::Page(page) => return Ok(Some(page)),
                Next::End => return Ok(None),
                Next::Missing | Next::Outdated => {
                    self.client.run(async |client| self.cursor.request_pages(client.handle()).await)?;
                }
            }
        }
    }
}

/// Iterates over the pages. After an error, the iterator returns `None` once. The next call then requests the failed
/// page again.
impl<T: DeserializeOwned> Iterator for Pages<T> {
    type Item = Result<Page<T>, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if mem::take(&mut self.has_failed) {
            return None;
        }
        let page = self.request_page();
        self.has_failed = page.is_err();
        page.transpose()
    }
}

/// Iterates over the results of all pages. After an error, the iterator returns `None` once. The next call then
/// requests the failed page again.
impl<T: DeserializeOwned> Iterator for Items<T> {
    type Item = Result<T, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(result) = self.page.next() {
                return Some(Ok(result));
            }
            match self.pages.next()? {
                Ok(page) => self.page = page.results.into_iter(),
                Err(error) => return Some(Err(error)),
            }
        }
    }
}
