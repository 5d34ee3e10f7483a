//! The layout of every page: head, header bar and status message.

use maud::{DOCTYPE, Markup, html};

use crate::messages::Language;
use crate::paths::PATH;
use crate::session::{Identity, Visitor};

pub(super) fn layout(language: Language, title: &str, visitor: Option<&Visitor>, main: Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang=(language.code()) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) " · Codat" }
                link rel="icon" href={ (PATH) "/icon.svg" } type="image/svg+xml";
                link rel="stylesheet" href={ (PATH) "/portal.css" };
                script src={ (PATH) "/portal.js" } defer {}
            }
            body data-token=[visitor.map(|visitor| &visitor.form_token)] {
                a.skip href="#main" { (language.skip()) }
                header.bar {
                    span.brand { "codat-keys" }
                    span.place { (language.developers()) }
                    (language_selection(language))
                    @if let Some(visitor) = visitor { (user(language, visitor)) }
                }
                main #main tabindex="-1" { (main) }
                p.said role="status" data-not-copied=(language.not_copied()) data-not-fetched=(language.not_fetched()) {}
            }
        }
    }
}

fn language_selection(language: Language) -> Markup {
    html! {
        nav.languages aria-label=(language.language()) {
            @for other in Language::ALL {
                @let current = (other == language).then_some("true");
                a href={ (PATH) "/language/" (other.code()) } lang=(other.code()) aria-current=[current] { (other.native_name()) }
            }
        }
    }
}

fn user(language: Language, visitor: &Visitor) -> Markup {
    html! {
        @if let Identity::User(role) = visitor.identity {
            form.user method="post" action={ (PATH) "/sign-out" } {
                input type="hidden" name="token" value=(visitor.form_token);
                span { (role.user()) " · " (role.name()) }
                button.quiet { (language.sign_out()) }
            }
        }
    }
}
