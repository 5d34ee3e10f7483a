//! What became of what was asked for.

use codat_keys::{ErrorKind, KeyId, plain};
use maud::{Markup, html};

use super::{Page, key_path};
use crate::PATH;
use crate::notice::{Notice, Problem, Shown};

impl Page<'_> {
    pub(super) fn notice(&self, notice: &Notice) -> Markup {
        let language = self.language;
        html! {
            @match notice {
                Notice::Created(id, key) => (self.was_created(id, key)),
                Notice::Revoked(key) => div.notice.done role="status" {
                    p { strong { (language.was_revoked()) } " " (self.shown(key)) }
                    p { (language.works_no_more()) }
                },
                Notice::NoName { .. } => div.notice.failed role="alert" { p { (language.no_such_name()) } },
                Notice::NotConfirmed => div.notice.failed role="alert" { p { (language.not_confirmed()) } },
                Notice::Failed { problem, typed } => (self.problem(problem, typed.as_deref())),
            }
        }
    }

    /// The script shows the key here, and takes it away.
    fn was_created(&self, id: &KeyId, key: &Shown) -> Markup {
        let language = self.language;
        let button = |does: &str, said: &str, text: &str| {
            html! { button type="button" data-does=(does) data-said=(said) disabled { (text) } }
        };
        html! {
            div.notice.done role="status" data-created=(key_path(id.as_str(), "created")) data-said=(language.wiped()) {
                p { strong { (language.was_created()) } " " (self.shown(key)) }
                div.scripted {
                    p { (language.shown_once()) }
                    p { code.secret { (key.masked) } }
                    p.tools {
                        (button("copy-created-key", language.copied_key(), language.copy_key()))
                        (button("copy-created-header", language.copied_header(), language.copy_header()))
                    }
                }
            }
        }
    }

    /// `typed` is the name of a key that was to be made.
    pub(super) fn problem(&self, problem: &Problem, typed: Option<&str>) -> Markup {
        let language = self.language;
        html! {
            div.notice.failed role="alert" {
                p { strong { (capital(&language.said(problem.kind.text()))) "." } }
                @if problem.kind == ErrorKind::OutcomeUnknown {
                    (self.doubt(problem, typed))
                } @else {
                    p { (capital(&language.said(problem.kind.hint()))) "." }
                }
                @if let Some(seconds) = problem.retry_after { p { (language.wait(seconds.as_secs())) } }
                @if let Some(message) = &problem.codat_message {
                    p { (language.codat_says()) " “" bdi { (plain(message)) } "”" }
                }
                @if let Some(id) = &problem.correlation_id {
                    p { (language.correlation_id()) " " code { (plain(id)) } }
                }
            }
        }
    }

    fn doubt(&self, problem: &Problem, typed: Option<&str>) -> Markup {
        let language = self.language;
        let Some(name) = typed else {
            return html! { p { (language.may_be_revoked()) } p { a.button href=(PATH) { (language.check_again()) } } };
        };
        html! {
            @match &problem.candidates {
                None => p { (language.nobody_looked()) },
                Some(keys) if keys.is_empty() => p { (language.none_new()) },
                Some(keys) => { p { (language.may_be_created()) } ul { @for key in keys { li { (self.shown(key)) } } } }
            }
            @if let Some(idempotency_key) = &problem.idempotency_key {
                form method="post" action={ (PATH) "/keys" } {
                    (self.form_token())
                    input type="hidden" name="name" value=(name);
                    input type="hidden" name="idempotency_key" value=(idempotency_key);
                    button { (language.check_again()) }
                    p.hint { (language.checks_safely()) }
                }
            }
        }
    }

    fn shown(&self, key: &Shown) -> Markup {
        html! {
            @match &key.name {
                Some(name) => bdi.name { (name) },
                None => span.muted { (self.language.no_name()) },
            }
            " " code { (key.masked) }
        }
    }
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
