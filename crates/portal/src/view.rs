//! The pages. Nothing in them is secret: see [`crate::secrets`] for what is.

mod doors;
mod frame;
mod notices;
mod revoke;
mod table;

use codat_keys::{ApiKeyDetails, Client, ErrorKind, KeyId, plain};
use maud::{Markup, html};

use crate::PATH;
use crate::notice::{Notice, Problem};
use crate::session::Visitor;
use crate::words::Language;

pub(crate) use doors::{forbidden, needs_link, opened, out_of_date, sign_in};
use frame::frame;

/// Who looks at what.
pub(crate) struct Page<'a> {
    pub(crate) language: Language,
    pub(crate) visitor: &'a Visitor,
    pub(crate) read_only: bool,
}

/// The keys as a client has listed them.
pub(crate) struct Keys<'a> {
    pub(crate) client: &'a Client,
    pub(crate) keys: &'a [ApiKeyDetails],
}

impl Keys<'_> {
    pub(crate) fn get(&self, id: &str) -> Result<&ApiKeyDetails, Problem> {
        let id = KeyId::parse(id)?;
        let found = self.keys.iter().find(|key| key.id == id);
        found.ok_or_else(|| Problem::of(ErrorKind::NotFound))
    }

    /// A name that somebody else wrote: without the key in use, and with nothing that hides or turns its letters.
    fn name(&self, name: &str) -> String {
        plain(&self.client.redact(name))
    }
}

impl Page<'_> {
    /// All keys, or those whose names hold what is searched for.
    pub(crate) fn keys(&self, keys: &Keys<'_>, search: &str, notice: Option<&Notice>) -> Markup {
        let language = self.language;
        frame(
            language,
            language.title(),
            Some(self.visitor),
            html! {
                div.heading {
                    h1 { (language.title()) }
                    (table::meter(language, keys.keys.len()))
                }
                p.intro { (language.intro()) }
                @if let Some(notice) = notice { (self.notice(notice)) }
                (self.table(keys, search))
                (self.create(keys, notice))
            },
        )
    }

    /// Where the keys cannot be listed.
    pub(crate) fn without_keys(&self, problem: &Problem, notice: Option<&Notice>) -> Markup {
        let language = self.language;
        frame(
            language,
            language.title(),
            Some(self.visitor),
            html! {
                h1 { (language.title()) }
                @if let Some(notice) = notice { (self.notice(notice)) }
                (self.problem(problem, None))
                p { a.button href=(PATH) { (language.try_again()) } }
            },
        )
    }

    fn form_token(&self) -> Markup {
        html! { input type="hidden" name="token" value=(self.visitor.form_token); }
    }
}

pub(crate) fn key_path(id: &str, what: &str) -> String {
    let id = percent_encoding::utf8_percent_encode(id, percent_encoding::NON_ALPHANUMERIC);
    format!("{PATH}/keys/{id}/{what}")
}
