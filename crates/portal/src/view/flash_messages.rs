//! The flash messages at the top of a page. They report the results of actions.

use codat_keys::internal::sanitize;
use codat_keys::{ErrorKind, KeyId};
use maud::{Markup, html};

use super::{Page, truncated};
use crate::flash::{ErrorSummary, FlashMessage, KeySummary, RequestedAction};
use crate::paths::{PATH, key_path};

impl Page<'_> {
    pub(super) fn flash_message(&self, message: &FlashMessage) -> Markup {
        let language = self.language;
        html! {
            @match message {
                FlashMessage::Created { id, key, .. } => (self.was_created(id, key)),
                FlashMessage::Revoked(_, key) => div.notice.done role="status" {
                    p { strong { (language.was_revoked()) } " " (self.key(key)) }
                    p { (language.no_longer_valid()) }
                },
                FlashMessage::InvalidName { .. } => div.notice.failed #problem role="alert" { p { (language.invalid_name()) } },
                FlashMessage::NotConfirmed(_) => div.notice.failed #problem role="alert" { p { (language.not_confirmed()) } },
                FlashMessage::Failed { error, action } => (self.error(error, action)),
            }
        }
    }

    /// Renders the message that an API key was created. The script of the page shows the API key in this message for 30
    /// seconds.
    fn was_created(&self, id: &KeyId, key: &KeySummary) -> Markup {
        let language = self.language;
        let path = (!id.holds_key()).then(|| key_path(id, "created"));
        let button = |action: &str, announcement: &str, text: &str| {
            html! { button type="button" data-does=(action) data-said=(announcement) disabled { (text) } }
        };
        html! {
            div.notice.done role="status" data-created=[path.as_deref()] data-said=(language.wiped()) {
                p { strong { (language.was_created()) } " " (self.key(key)) }
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

    pub(super) fn error(&self, error: &ErrorSummary, action: &RequestedAction) -> Markup {
        let language = self.language;
        html! {
            div.notice.failed role="alert" {
                p { strong { (capitalized(&language.translate(error.kind.text()))) "." } }
                @if let RequestedAction::RevokeKey(_, key) = action { p { (self.key(key)) } }
                @if error.kind == ErrorKind::OutcomeUnknown {
                    (self.unresolved_change(error, action))
                } @else {
                    p { (self.hint(error.kind)) }
                }
                @if let Some(time) = error.retry_after { p { (language.wait(time.as_secs())) } }
                @if let Some(message) = &error.codat_message {
                    p { (language.codat_says()) (language.quoted(html! { bdi lang="en" { (sanitize(&self.redact(message))) } })) }
                }
                @if let Some(id) = &error.correlation_id {
                    p { (language.correlation_id()) " " code { (sanitize(&self.redact(id))) } }
                }
            }
        }
    }

    fn hint(&self, kind: ErrorKind) -> String {
        match kind {
            ErrorKind::NotFound => self.language.no_longer_listed().to_owned(),
            ErrorKind::KeyInUse => self.language.check_the_box().to_owned(),
            kind => format!("{}.", capitalized(&self.language.translate(kind.hint()))),
        }
    }

    /// Renders the buttons of an error message about a creation or revocation with an unknown outcome. The first button
    /// finds out the outcome, and the second button dismisses the message. For a creation, also lists the ids and names
    /// of the API keys that may have been created. The form of the first button contains the name for the new key. If
    /// this name contains the value of an API key, the first button is omitted, because a page must not contain such a
    /// value.
    fn unresolved_change(&self, error: &ErrorSummary, action: &RequestedAction) -> Markup {
        let (language, change) = (self.language, action.change(error));
        html! {
            @if let RequestedAction::CreateKey(name) = action {
                (self.candidates(error))
                @if self.redact(name) == *name { form method="post" action={ (PATH) "/keys" } {
                    (self.form_fields())
                    input type="hidden" name="name" value=(name);
                    input type="hidden" name="idempotency_key" value=[change];
                    button { (language.check_again()) }
                    p.hint { (language.check_is_safe()) }
                } }
            } @else {
                p { (language.may_be_revoked()) }
                p { a.button href=(PATH) { (language.check_again()) } }
            }
            form method="post" action={ (PATH) "/dismiss" } {
                (self.form_fields())
                input type="hidden" name="change" value=[change];
                button.quiet { (language.dismiss()) }
            }
        }
    }

    fn candidates(&self, error: &ErrorSummary) -> Markup {
        let language = self.language;
        html! {
            @match &error.candidates {
                None => p { (language.keys_not_listed()) },
                Some(keys) if keys.is_empty() => p { (language.no_new_key()) },
                Some(keys) => { p { (language.may_be_created()) } ul { @for key in keys { li { (self.key(key)) } } } }
            }
        }
    }

    fn key(&self, key: &KeySummary) -> Markup {
        html! {
            @match &key.name {
                Some(name) => bdi.name { (truncated(self.redact(&name.to_string()))) },
                None => span.muted { (self.language.no_name()) },
            }
            " " code { (key.masked) }
        }
    }
}

fn capitalized(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
