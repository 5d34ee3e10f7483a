//! The page that asks the visitor to confirm the revocation of an API key.

use codat_keys::{ApiKeyDetails, ErrorKind};
use maud::{Markup, html};

use super::layout::layout;
use super::{Keys, Page, name};
use crate::flash::FlashMessage;
use crate::paths::{PATH, key_path};

impl Page<'_> {
    pub(crate) fn revoke(&self, keys: &Keys<'_>, key: &ApiKeyDetails) -> Markup {
        let language = self.language;
        let rejection = keys.deletion_error(key);
        layout(
            language,
            language.revoke_this(),
            Some(self.visitor),
            html! {
                h1 { (language.revoke_this()) }
                p.which {
                    @match name(key) {
                        Some(name) => bdi.name { (name) },
                        None => span.muted { (language.no_name()) },
                    }
                    " " code { (key.api_key.masked()) }
                }
                (self.flash_messages())
                @if self.read_only {
                    p.reason { (language.read_only()) }
                } @else if rejection == Some(ErrorKind::LastKey) {
                    p.reason { (language.last_key()) }
                } @else {
                    p #for-good { (language.cannot_be_undone()) }
                    (self.revocation(key, rejection == Some(ErrorKind::KeyInUse)))
                }
                p { a href=(PATH) { (language.cancel()) } }
            },
        )
    }

    fn revocation(&self, key: &ApiKeyDetails, in_use: bool) -> Markup {
        let language = self.language;
        let label = if key.name.is_some() { language.confirm() } else { language.confirm_key() };
        let is_wrong = self.messages.iter().any(|message| matches!(**message, FlashMessage::NotConfirmed(_)));
        html! {
            form.revoke method="post" action=(key_path(&key.id, "revoke")) {
                (self.form_fields())
                @if in_use {
                    div.warning {
                        p #in-use { (language.revoke_in_use()) }
                        label.tick {
                            input type="checkbox" name="in_use" required autofocus aria-describedby="for-good in-use";
                            " " (language.allow_in_use())
                        }
                    }
                }
                label for="confirm" { (label) }
                input #confirm name="confirm" required autocomplete="off" spellcheck="false" autofocus[!in_use]
                    aria-invalid=[is_wrong.then_some("true")]
                    aria-describedby={ @if is_wrong { "problem " } "for-good" };
                button.danger { (language.revoke_this()) }
            }
        }
    }
}
