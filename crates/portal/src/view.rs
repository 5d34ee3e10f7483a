//! Rendering of the HTML pages. The pages contain no secrets.

mod access_pages;
mod flash_messages;
mod layout;
mod revoke;
mod table;

use std::sync::Arc;

use codat_keys::internal::{count_keys, holds_credential};
use codat_keys::{ApiKeyDetails, Client, ErrorKind, KeyId};
use maud::{Markup, html};

use crate::flash::{ErrorSummary, FlashMessage, RequestedAction};
use crate::messages::Language;
use crate::paths::PATH;
use crate::session::Visitor;
use crate::token;

pub(crate) use access_pages::{forbidden, link_required, redirect, session_ended, sign_in};
use layout::layout;

/// The maximum number of characters of a name on a page. A page repeats each name several times, and a server can
/// return names of any length. Codat accepts at most 50 characters.
const MAX_NAME_CHARS: usize = 200;

/// The data that every page needs. If `read_only` is true, the page has no forms that change API keys.
pub(crate) struct Page<'a> {
    pub(crate) language: Language,
    pub(crate) visitor: &'a Visitor,
    pub(crate) read_only: bool,
    pub(crate) messages: &'a [Arc<FlashMessage>],
    /// The client that listed the API keys. If the API keys cannot be listed, this is another client from
    /// `AppState::client`, or `None` if `AppState::client` fails.
    pub(crate) client: Option<&'a Client>,
}

/// The listed API keys, and the client that listed them.
pub(crate) struct Keys<'a> {
    pub(crate) client: &'a Client,
    pub(crate) keys: &'a [ApiKeyDetails],
}

impl Keys<'_> {
    pub(crate) fn get(&self, id: &str) -> Result<&ApiKeyDetails, ErrorSummary> {
        let id = KeyId::parse(id)?;
        // Treats an id that contains a key as not found, because pages contain no links with such an id.
        let found = self.keys.iter().find(|key| key.id == id && !key.id.holds_key());
        found.ok_or_else(|| ErrorSummary::of(ErrorKind::NotFound))
    }

    /// Returns the reason why `key` cannot be deleted, for example because it is the last API key. Returns `None` if
    /// `key` can be deleted.
    pub(crate) fn deletion_error(&self, key: &ApiKeyDetails) -> Option<ErrorKind> {
        self.client.check_delete(self.keys, &key.id).err().map(|error| error.kind())
    }

    /// Returns true if a text contains or resembles an API key. Pages do not show such a text.
    fn is_secret(&self, typed: &str) -> bool {
        self.client.redact(typed) != typed || holds_credential(typed)
    }
}

impl Page<'_> {
    /// Renders the page with the list of API keys. If `search` is not empty, the list shows only API keys with `search`
    /// in their names.
    pub(crate) fn keys(&self, keys: &Keys<'_>, search: &str) -> Markup {
        let language = self.language;
        layout(
            language,
            language.title(),
            Some(self.visitor),
            html! {
                div.heading {
                    h1 { (language.title()) }
                    (table::meter(language, count_keys(keys.keys)))
                }
                p.intro { (language.intro()) }
                (self.flash_messages())
                (self.table(keys, search))
                (self.create(keys))
            },
        )
    }

    /// Renders the page that is shown if the API keys cannot be listed.
    pub(crate) fn without_keys(&self, error: &ErrorSummary) -> Markup {
        let language = self.language;
        layout(
            language,
            language.title(),
            Some(self.visitor),
            html! {
                h1 { (language.title()) }
                (self.flash_messages())
                (self.error(error, &RequestedAction::ListKeys))
                p { a.button href=(PATH) { (language.try_again()) } }
            },
        )
    }

    /// Returns a text with the listed API keys masked. A text that was masked earlier can still contain an API key that
    /// Codat did not list at that time.
    fn redact(&self, text: &str) -> String {
        self.client.map_or_else(|| text.to_owned(), |client| client.redact(text))
    }

    fn flash_messages(&self) -> Markup {
        html! { @for message in self.messages { (self.flash_message(message)) } }
    }

    /// Renders the hidden fields of a form: the form token of the session, and the id of this rendered form.
    fn form_fields(&self) -> Markup {
        html! {
            input type="hidden" name="token" value=(self.visitor.form_token);
            input type="hidden" name="form" value=(token::generate());
        }
    }
}

/// Returns the name of an API key for display. Returns `None` if the name is missing or blank. Truncates a name with more
/// than [`MAX_NAME_CHARS`] characters.
fn name(key: &ApiKeyDetails) -> Option<String> {
    let name = key.name.as_ref().map(ToString::to_string).filter(|name| !name.trim().is_empty())?;
    Some(truncated(name))
}

/// Truncates a displayed name. API keys in the name must be masked before the call, because a truncated API key would
/// not be masked later.
fn truncated(mut name: String) -> String {
    if let Some((end, _)) = name.char_indices().nth(MAX_NAME_CHARS) {
        name.truncate(end);
        name.push('…');
    }
    name
}
