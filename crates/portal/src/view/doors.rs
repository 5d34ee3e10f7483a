//! The pages before the keys.

use maud::{Markup, html};

use super::frame::frame;
use crate::PATH;
use crate::role::Role;
use crate::session::Visitor;
use crate::words::Language;

fn page(language: Language, title: &str, visitor: Option<&Visitor>, more: Markup) -> Markup {
    frame(language, title, visitor, html! { h1 { (title) } (more) })
}

pub(crate) fn sign_in(language: Language, stranger: &Visitor) -> Markup {
    page(
        language,
        language.who(),
        None,
        html! {
            p.intro { (language.emulated()) }
            form.users method="post" action={ (PATH) "/sign-in" } {
                input type="hidden" name="token" value=(stranger.form_token);
                @for role in Role::ALL {
                    button name="role" value=(role.name()) {
                        strong { (role.user()) }
                        span { (role.name()) }
                        small { @if role.manages_keys() { (language.may()) } @else { (language.may_not()) } }
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

pub(crate) fn needs_link(language: Language) -> Markup {
    page(
        language,
        language.needs_link(),
        None,
        html! {
            p { (language.link_once()) }
        },
    )
}

/// For a form whose session has ended since, in another tab or with the program that served it.
pub(crate) fn out_of_date(language: Language) -> Markup {
    page(
        language,
        language.out_of_date(),
        None,
        html! {
            p { (language.session_ended()) }
            p { a.button href=(PATH) { (language.go_on()) } }
        },
    )
}

/// Leads on at once, and leaves no entry of its own in the history.
pub(crate) fn opened(language: Language) -> Markup {
    page(
        language,
        language.opening(),
        None,
        html! {
            meta http-equiv="refresh" content={ "0;url=" (PATH) };
            p { a.button href=(PATH) { (language.go_on()) } }
        },
    )
}
