//! Usage errors. Clap quotes what it did not expect, which may be a key given by mistake: only what this program itself
//! defines is repeated.

use clap::error::{ContextKind, ContextValue, ErrorKind as Usage};
use codat_keys::ErrorKind;

use crate::failure::Failure;

pub(crate) fn failure(error: &clap::Error) -> Failure {
    let known = context(error, ContextKind::InvalidArg).unwrap_or_else(|| "an option".into());
    let message = match error.kind() {
        Usage::DisplayHelpOnMissingArgumentOrSubcommand | Usage::MissingSubcommand => "no command was given".to_owned(),
        Usage::InvalidSubcommand => "there is no such command".to_owned(),
        Usage::UnknownArgument => "there is an argument that was not expected".to_owned(),
        Usage::MissingRequiredArgument => format!("{known} is missing"),
        Usage::ArgumentConflict => {
            let other = context(error, ContextKind::PriorArg).unwrap_or_else(|| "another option".into());
            format!("{known} and {other} do not go together")
        }
        Usage::TooManyValues | Usage::WrongNumberOfValues => format!("{known} takes no such number of values"),
        _ => format!("the value of {known} is not valid"),
    };
    let similar = [ContextKind::SuggestedSubcommand, ContextKind::SuggestedArg];
    let hint = match similar.into_iter().find_map(|kind| context(error, kind)) {
        Some(similar) => format!("did you mean {similar}? `codat-keys --help` shows the usage"),
        None => {
            "`codat-keys --help` and `codat-keys COMMAND --help` show the usage; a key is never an argument".to_owned()
        }
    };
    Failure::new(ErrorKind::InvalidInput, message, hint)
}

fn context(error: &clap::Error, kind: ContextKind) -> Option<String> {
    match error.get(kind)? {
        ContextValue::String(text) => Some(text.clone()),
        ContextValue::Strings(texts) => Some(texts.join(", ")),
        _ => None,
    }
}
