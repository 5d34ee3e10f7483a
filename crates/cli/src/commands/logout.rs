//! The command `logout`: removes a profile and the key that `login` stored for it.

use clap::Args;
use clap_complete::engine::ArgValueCandidates;
use codat_keys::ErrorKind;

use crate::config::Config;
use crate::connection::profile_candidates;
use crate::credential_selection;
use crate::failure::Failure;
use crate::key_storage::{self, check_is_stored_here};
use crate::keyring;
use crate::stderr::eprint_line;

#[derive(Args)]
#[command(after_help = "Example: codat-keys logout --profile work")]
pub(crate) struct Logout {
    /// The profile to remove [default: CODAT_PROFILE, or the profile in use]
    #[arg(long, value_name = "NAME", add = ArgValueCandidates::new(profile_candidates))]
    profile: Option<String>,
}

pub(crate) async fn logout(logout: &Logout) -> Result<(), Failure> {
    let mut config = Config::lock()?;
    let (name, named_by) = credential_selection::named(logout.profile.as_deref(), &config)?.ok_or_else(|| {
        let hint = "name one: codat-keys logout --profile NAME; `codat-keys profile list` shows them";
        Failure::new(ErrorKind::InvalidInput, "no profile is in use", hint)
    })?;
    let profile = config.get(&name, Some(&named_by))?.clone();
    check_is_stored_here(&config, &profile)?;
    // Removes the profile before its key. If the file cannot be written, nothing has changed.
    config.remove(&name);
    config.save()?;
    key_storage::remove(&profile, keyring::TIMEOUT).await.inspect_err(|_| {
        eprint_line(&format!("note: the profile `{name}` is removed, but its key is still in {}", profile.source));
    })?;
    eprint_line(&format!("removed the profile `{name}`, and its key from {}", profile.source));
    eprint_line("note: Codat still takes the key; `codat-keys delete`, with another key, ends it");
    match (config.profiles(), config.in_use()) {
        ([], _) => eprint_line("no profile is left"),
        (_, Some(used)) => eprint_line(&format!("the profile `{used}` is in use")),
        (_, None) => eprint_line("no profile is in use: codat-keys profile use NAME"),
    }
    Ok(())
}
