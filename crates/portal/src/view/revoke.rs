//! The question before a key is revoked.

use codat_keys::{ApiKeyDetails, ErrorKind};
use maud::{Markup, html};

use super::frame::frame;
use super::{Keys, Page, key_path, name};
use crate::PATH;
use crate::notice::Notice;

impl Page<'_> {
    pub(crate) fn revoke(&self, keys: &Keys<'_>, key: &ApiKeyDetails) -> Markup {
        let language = self.language;
        let kept = keys.client.keeps(keys.keys, &key.id);
        frame(
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
                (self.told())
                @if self.read_only {
                    p.reason { (language.read_only()) }
                } @else if kept == Some(ErrorKind::LastKey) {
                    p.reason { (language.last_key()) }
                } @else {
                    p #for-good { (language.for_good()) }
                    (self.revocation(key, kept == Some(ErrorKind::KeyInUse)))
                }
                p { a href=(PATH) { (language.cancel()) } }
            },
        )
    }

    fn revocation(&self, key: &ApiKeyDetails, in_use: bool) -> Markup {
        let language = self.language;
        let what = if key.name.is_some() { language.confirm() } else { language.confirm_key() };
        let is_wrong = self.notices.iter().any(|notice| matches!(**notice, Notice::NotConfirmed(_)));
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
                label for="confirm" { (what) }
                input #confirm name="confirm" required autocomplete="off" spellcheck="false" autofocus[!in_use]
                    aria-invalid=[is_wrong.then_some("true")]
                    aria-describedby={ @if is_wrong { "problem " } "for-good" };
                button.danger { (language.revoke_this()) }
            }
        }
    }
}
