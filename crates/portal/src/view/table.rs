//! The table of API keys, and the form that creates an API key.

use codat_keys::internal::count_keys;
use codat_keys::{ApiKeyDetails, ErrorKind, MAX_KEYS, Timestamp};
use maud::{Markup, html};

use super::{Keys, Page, name};
use crate::dates;
use crate::flash::{FlashMessage, RequestedAction};
use crate::messages::Language;
use crate::paths::{PATH, key_path};

/// The page shows a search form if there are at least this many API keys.
const MIN_KEYS_TO_SEARCH: usize = 5;

pub(super) fn meter(language: Language, keys: usize) -> Markup {
    html! {
        p.meter {
            span { (language.key_count(keys, MAX_KEYS)) }
            meter min="0" max=(MAX_KEYS) high=(MAX_KEYS - 1) value=(keys) aria-label=(language.key_count(keys, MAX_KEYS)) {}
        }
    }
}

impl Page<'_> {
    pub(super) fn table(&self, keys: &Keys<'_>, search: &str) -> Markup {
        let language = self.language;
        let search = if keys.is_secret(search) { "" } else { search };
        let nothing_found = !keys.keys.iter().any(|key| is_found(key, search));
        html! {
            @if keys.keys.len() >= MIN_KEYS_TO_SEARCH || !search.is_empty() {
                form.search role="search" action=(PATH) {
                    label for="search" { (language.search()) }
                    input #search type="search" name="name" value=(search) autocomplete="off";
                    button.quiet { (language.find()) }
                    @if !search.is_empty() { a href=(PATH) { (language.show_all()) } }
                }
            }
            noscript { p.note { (language.needs_script()) } }
            table role="table" {
                thead role="rowgroup" {
                    tr role="row" {
                        @for title in [language.name(), language.key(), language.header(), language.created()] {
                            th role="columnheader" scope="col" { (title) }
                        }
                        th role="columnheader" scope="col" { span.unseen { (language.actions()) } }
                    }
                }
                tbody role="rowgroup" {
                    @for key in keys.keys { (self.row(keys, key, is_found(key, search))) }
                }
            }
            p.note #nothing hidden[!nothing_found] { (language.nothing_found()) }
        }
    }

    /// Renders the table row of an API key. If `is_found` is false, the row is hidden. The script of the page can
    /// search hidden rows without an HTTP request.
    fn row(&self, keys: &Keys<'_>, key: &ApiKeyDetails, is_found: bool) -> Markup {
        let (language, id) = (self.language, &key.id);
        let name = name(key);
        // An id that contains a key gets no link, because the link would reveal the key.
        let is_linked = !id.holds_key();
        let owner = format!("{}{}", language.colon(), name.as_deref().unwrap_or(language.no_name()));
        html! {
            tr role="row" hidden[!is_found] data-name=(name.as_deref().unwrap_or_default()) {
                th role="rowheader" scope="row" data-label=(language.name()) {
                    @match &name {
                        Some(name) => bdi.name { (name) },
                        None => span.muted { (language.no_name()) },
                    }
                    @if keys.client.uses(key) { " " span.badge { (language.in_use()) } }
                }
                td role="cell" data-label=(language.key()) {
                    code { (key.api_key.masked()) }
                    @if is_linked {
                        div.tools.scripted {
                            (self.tool("copy", &key_path(id, "key"), language.copied_key(), language.copy_key(), &owner))
                            (self.tool("show", &key_path(id, "key"), language.wiped(), language.show(), &owner))
                        }
                    }
                }
                td role="cell" data-label=(language.header()) {
                    code { "Basic ****" }
                    @if is_linked {
                        div.tools.scripted {
                            (self.tool("copy", &key_path(id, "header"), language.copied_header(), language.copy_header(), &owner))
                        }
                    }
                }
                td role="cell" data-label=(language.created()) { (created(language, key)) }
                td.last role="cell" { @if is_linked { (self.revoke_link(keys, key, &owner)) } }
            }
        }
    }

    /// Renders a button with the label `text`. After a click, the script of the page fetches a secret from the URL path
    /// `source`, and copies or shows the secret. When the secret is copied, or is hidden again, screen readers read
    /// `announcement`. After the label, screen readers read `owner`, which contains the name of the API key.
    fn tool(&self, action: &str, source: &str, announcement: &str, text: &str, owner: &str) -> Markup {
        html! {
            button.quiet type="button" data-does=(action) data-from=(source) data-said=(announcement) data-hide=(self.language.hide())
                data-shown=(self.language.is_shown()) {
                span.text { (text) } span.left aria-hidden="true" {} span.unseen { (owner) }
            }
        }
    }

    fn revoke_link(&self, keys: &Keys<'_>, key: &ApiKeyDetails, owner: &str) -> Markup {
        let language = self.language;
        html! {
            @if self.read_only {
                span.muted title=(language.read_only()) { (language.revoke()) }
            } @else if keys.deletion_error(key) == Some(ErrorKind::LastKey) {
                span.muted { (language.revoke()) }
                p.reason { (language.last_key()) }
            } @else {
                a.quiet.button href=(key_path(&key.id, "revoke")) { (language.revoke()) span.unseen { (owner) } }
            }
        }
    }

    pub(super) fn create(&self, keys: &Keys<'_>) -> Markup {
        let language = self.language;
        let (typed, is_wrong) = self.typed();
        let is_secret = keys.is_secret(typed);
        let (typed, is_wrong) = if is_secret { ("", true) } else { (typed, is_wrong) };
        let off = if self.read_only {
            Some(language.read_only())
        } else {
            (count_keys(keys.keys) >= MAX_KEYS).then(|| language.limit_reached())
        };
        html! {
            section.card aria-labelledby="create" {
                h2 #create { (language.create()) }
                @if let Some(reason) = off {
                    p.reason { (reason) }
                } @else {
                    form.create method="post" action={ (PATH) "/keys" } {
                        (self.form_fields())
                        label for="name" { (language.name()) }
                        input #name name="name" value=(typed) required maxlength="50" autocomplete="off" spellcheck="false"
                            aria-invalid=[is_wrong.then_some("true")]
                            aria-describedby={ @if is_secret { "secret " } @else if is_wrong { "problem " } "name-hint name-count" };
                        button { (language.create_now()) }
                        @if is_secret { p.reason #secret { (language.name_is_secret()) } }
                        p.hint #name-hint { (language.create_hint()) }
                        p.hint.scripted #name-count { output for="name" { "0" } " / 50 " (language.characters()) }
                    }
                }
            }
        }
    }

    /// Returns the name that the visitor typed for an API key whose creation has failed, and whether this name is
    /// invalid. If no creation has failed, or if the outcome is unknown, returns an empty name and `false`.
    fn typed(&self) -> (&str, bool) {
        let typed = self.messages.iter().find_map(|message| match &**message {
            FlashMessage::InvalidName { typed } => Some((typed.as_str(), true)),
            FlashMessage::Failed { action: RequestedAction::CreateKey(typed), .. }
                if message.unresolved_change().is_none() =>
            {
                Some((typed, false))
            }
            _ => None,
        });
        typed.unwrap_or_default()
    }
}

fn is_found(key: &ApiKeyDetails, search: &str) -> bool {
    search.is_empty() || name(key).is_some_and(|name| name.to_lowercase().contains(&search.to_lowercase()))
}

fn created(language: Language, key: &ApiKeyDetails) -> Markup {
    let now = Timestamp::now();
    html! {
        @match (key.created_date, key.age(now)) {
            (Some(date), Some(_)) => time datetime=(date) title=(dates::exact(language, date)) tabindex="0" {
                (dates::relative(language, date, now))
            },
            // A date in the future or in the distant past has no age.
            (Some(date), None) => span.muted title=(dates::exact(language, date)) tabindex="0" {
                (language.unknown_date())
            },
            (None, _) => span.muted { (language.unknown_date()) },
        }
    }
}
