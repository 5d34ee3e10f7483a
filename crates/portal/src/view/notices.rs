//! What became of what was asked for.

use codat_keys::{ErrorKind, KeyId, plain};
use maud::{Markup, html};

use super::{Page, key_path};
use crate::PATH;
use crate::notice::{Asked, Notice, Problem, Shown};

impl Page<'_> {
    pub(super) fn notice(&self, notice: &Notice) -> Markup {
        let language = self.language;
        html! {
            @match notice {
                Notice::Created { id, key, .. } => (self.was_created(id, key)),
                Notice::Revoked(_, key) => div.notice.done role="status" {
                    p { strong { (language.was_revoked()) } " " (self.shown(key)) }
                    p { (language.works_no_more()) }
                },
                Notice::NoName { .. } => div.notice.failed #problem role="alert" { p { (language.no_such_name()) } },
                Notice::NotConfirmed(_) => div.notice.failed #problem role="alert" { p { (language.not_confirmed()) } },
                Notice::Failed { problem, asked } => (self.problem(problem, asked)),
            }
        }
    }

    /// The script shows the key here, and takes it away.
    fn was_created(&self, id: &KeyId, key: &Shown) -> Markup {
        let language = self.language;
        let path = (!id.holds_key()).then(|| key_path(id, "created"));
        let button = |does: &str, said: &str, text: &str| {
            html! { button type="button" data-does=(does) data-said=(said) disabled { (text) } }
        };
        html! {
            div.notice.done role="status" data-created=[path.as_deref()] data-said=(language.wiped()) {
                p { strong { (language.was_created()) } " " (self.shown(key)) }
                @if path.is_some() { div.scripted {
                    p { (language.shown_once()) }
                    p { code.secret { (key.masked) } }
                    p.tools {
                        (button("copy-created-key", language.copied_key(), language.copy_key()))
                        (button("copy-created-header", language.copied_header(), language.copy_header()))
                    }
                } }
            }
        }
    }

    pub(super) fn problem(&self, problem: &Problem, asked: &Asked) -> Markup {
        let language = self.language;
        html! {
            div.notice.failed role="alert" {
                p { strong { (capital(&language.said(problem.kind.text()))) "." } }
                @if let Asked::Revocation(_, key) = asked { p { (self.shown(key)) } }
                @if problem.kind == ErrorKind::OutcomeUnknown {
                    (self.doubt(problem, asked))
                } @else {
                    p { (self.way_on(problem.kind)) }
                }
                @if let Some(time) = problem.retry_after { p { (language.wait(time.as_secs())) } }
                @if let Some(message) = &problem.codat_message {
                    p { (language.codat_says()) (language.quoted(html! { bdi lang="en" { (plain(message)) } })) }
                }
                @if let Some(id) = &problem.correlation_id {
                    p { (language.correlation_id()) " " code { (plain(id)) } }
                }
            }
        }
    }

    fn way_on(&self, kind: ErrorKind) -> String {
        match kind {
            ErrorKind::NotFound => self.language.is_gone().to_owned(),
            ErrorKind::KeyInUse => self.language.tick_it().to_owned(),
            kind => format!("{}.", capital(&self.language.said(kind.hint()))),
        }
    }

    fn doubt(&self, problem: &Problem, asked: &Asked) -> Markup {
        let (language, doubt) = (self.language, asked.doubt(problem));
        html! {
            @if let Asked::Creation(name) = asked {
                (self.candidates(problem))
                form method="post" action={ (PATH) "/keys" } {
                    (self.form_fields())
                    input type="hidden" name="name" value=(name);
                    input type="hidden" name="idempotency_key" value=[doubt];
                    button { (language.check_again()) }
                    p.hint { (language.checks_safely()) }
                }
            } @else {
                p { (language.may_be_revoked()) }
                p { a.button href=(PATH) { (language.check_again()) } }
            }
            form method="post" action={ (PATH) "/seen" } {
                (self.form_fields())
                input type="hidden" name="doubt" value=[doubt];
                button.quiet { (language.have_seen()) }
            }
        }
    }

    fn candidates(&self, problem: &Problem) -> Markup {
        let language = self.language;
        html! {
            @match &problem.candidates {
                None => p { (language.nobody_looked()) },
                Some(keys) if keys.is_empty() => p { (language.none_new()) },
                Some(keys) => { p { (language.may_be_created()) } ul { @for key in keys { li { (self.shown(key)) } } } }
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
