//! The pages for visitors who cannot see the API keys.

use maud::{Markup, html};

use super::layout::layout;
use crate::messages::Language;
use crate::paths::PATH;
use crate::role::Role;
use crate::session::Visitor;

fn page(language: Language, title: &str, visitor: Option<&Visitor>, more: Markup) -> Markup {
    layout(language, title, visitor, html! { h1 { (title) } (more) })
}

pub(crate) fn sign_in(language: Language, anonymous: &Visitor) -> Markup {
    page(
        language,
        language.who_are_you(),
        None,
        html! {
            p.intro { (language.emulated()) }
            form.users method="post" action={ (PATH) "/sign-in" } {
                input type="hidden" name="token" value=(anonymous.form_token);
                @for role in Role::ALL {
                    button name="role" value=(role.name()) {
                        strong { (role.user()) }
                        span { (role.name()) }
                        small { @if role.manages_keys() { (language.manages_keys()) } @else { (language.does_not_manage_keys()) } }
                    }
                }
            }
        },
    )
}

pub(crate) fn forbidden(language: Language, visitor: &Visitor, role: Role) -> Markup {
    page(
        language,
        language.forbidden(),
        Some(visitor),
        html! {
            p { (language.who_may()) " " strong { (role.name()) } "." }
            p { (language.ask_them()) }
            form method="post" action={ (PATH) "/sign-out" } {
                input type="hidden" name="token" value=(visitor.form_token);
                button { (language.another_user()) }
            }
        },
    )
}

pub(crate) fn link_required(language: Language) -> Markup {
    page(
        language,
        language.link_required(),
        None,
        html! {
            p { (language.link_hint()) }
        },
    )
}

/// Renders the response to a submitted form if the session of the visitor has ended, for example because the visitor
/// signed out in another tab.
pub(crate) fn session_ended(language: Language) -> Markup {
    page(
        language,
        language.page_outdated(),
        None,
        html! {
            p { (language.session_ended()) }
            p { a.button href=(PATH) { (language.continue_()) } }
        },
    )
}

/// Renders a page that immediately navigates to the list of API keys. The page gets no entry in the history of the
/// browser.
pub(crate) fn redirect(language: Language) -> Markup {
    page(
        language,
        language.opening(),
        None,
        html! {
            meta http-equiv="refresh" content={ "0;url=" (PATH) };
            p { a.button href=(PATH) { (language.continue_()) } }
        },
    )
}
