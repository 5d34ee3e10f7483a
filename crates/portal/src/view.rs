//! The pages. Nothing in them is secret: see [`crate::secrets`] for what is.

mod doors;
mod frame;
mod notices;
mod revoke;
mod table;

use std::sync::Arc;

use codat_keys::{ApiKeyDetails, Client, ErrorKind, KeyId, holds_credential};
use maud::{Markup, html};

use crate::notice::{Asked, Notice, Problem};
use crate::session::Visitor;
use crate::words::Language;
use crate::{PATH, random};

pub(crate) use doors::{forbidden, needs_link, opened, out_of_date, sign_in};
use frame::frame;

/// Who looks at what.
pub(crate) struct Page<'a> {
    pub(crate) language: Language,
    pub(crate) visitor: &'a Visitor,
    pub(crate) read_only: bool,
    pub(crate) notices: &'a [Arc<Notice>],
}

/// The keys as a client has listed them.
pub(crate) struct Keys<'a> {
    pub(crate) client: &'a Client,
    pub(crate) keys: &'a [ApiKeyDetails],
}

impl Keys<'_> {
    pub(crate) fn get(&self, id: &str) -> Result<&ApiKeyDetails, Problem> {
        let id = KeyId::parse(id)?;
        // No page, form or link can name an id that holds a key.
        let found = self.keys.iter().find(|key| key.id == id && !key.id.holds_key());
        found.ok_or_else(|| Problem::of(ErrorKind::NotFound))
    }

    /// Whether what was typed where a name belongs holds a key, or what looks like one, so that no page repeats it.
    fn is_secret(&self, typed: &str) -> bool {
        self.client.untrusted(typed).holds_key() || holds_credential(typed)
    }
}

impl Page<'_> {
    /// All keys, or those whose names hold what is searched for.
    pub(crate) fn keys(&self, keys: &Keys<'_>, search: &str) -> Markup {
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
                (self.told())
                (self.table(keys, search))
                (self.create(keys))
            },
        )
    }

    /// Where the keys cannot be listed.
    pub(crate) fn without_keys(&self, problem: Problem) -> Markup {
        let language = self.language;
        frame(
            language,
            language.title(),
            Some(self.visitor),
            html! {
                h1 { (language.title()) }
                (self.told())
                (self.problem(&problem, &Asked::Look))
                p { a.button href=(PATH) { (language.try_again()) } }
            },
        )
    }

    fn told(&self) -> Markup {
        html! { @for notice in self.notices { (self.notice(notice)) } }
    }

    /// What every form has: whose it is, and which one, so that one that is sent twice is seen.
    fn form_fields(&self) -> Markup {
        html! {
            input type="hidden" name="token" value=(self.visitor.form_token);
            input type="hidden" name="form" value=(random::token());
        }
    }
}

/// A name as a page shows it; `None` for a blank one.
fn name(key: &ApiKeyDetails) -> Option<String> {
    key.name.as_ref().map(ToString::to_string).filter(|name| !name.trim().is_empty())
}

pub(crate) fn key_path(id: &KeyId, what: &str) -> String {
    let id = percent_encoding::utf8_percent_encode(id.as_str(), percent_encoding::NON_ALPHANUMERIC);
    format!("{PATH}/keys/{id}/{what}")
}
