//! The command `profile`: lists, selects and shows the profiles in `config.toml`. The command reads no keys.

use clap::{Args, Subcommand};
use clap_complete::engine::ArgValueCandidates;
use codat_keys::ErrorKind;
use codat_keys::internal::sanitize;
use serde::Serialize;
use serde_json::json;

use crate::config::{Config, Name, Profile};
use crate::connection::profile_candidates;
use crate::credential_selection;
use crate::failure::Failure;
use crate::output::{print_json, print_rows};
use crate::redact::without_secrets;
use crate::stderr::eprint_line;

/// The placeholder that error messages show for the argument with the profile name.
const ARGUMENT: &str = "<NAME>";

#[derive(Args)]
#[command(after_help = "Example: codat-keys profile use work", subcommand_required = true)]
pub(crate) struct Profiles {
    #[command(subcommand)]
    command: ProfileCommand,
}

#[derive(Subcommand)]
enum ProfileCommand {
    /// List the profiles (name, in use, base URL, source) as a table, or tab-separated if the output is not a terminal
    #[command(after_help = "Example: codat-keys profile list")]
    List {
        /// Print the profiles as JSON: {"profiles":[{"name","inUse","baseUrl","source"}]}
        #[arg(long)]
        json: bool,
    },
    /// Select the profile whose key is used if neither --profile nor the environment selects a key
    #[command(after_help = "Example: codat-keys profile use work")]
    Use {
        /// The profile
        #[arg(add = ArgValueCandidates::new(profile_candidates))]
        name: String,
    },
    /// Show one profile
    #[command(after_help = "Example: codat-keys profile show work")]
    Show {
        /// The profile [default: CODAT_PROFILE, else the profile in use]
        #[arg(add = ArgValueCandidates::new(profile_candidates))]
        name: Option<String>,
        /// Print the profile as JSON: {"profile":{"name","inUse","baseUrl","source"}}
        #[arg(long)]
        json: bool,
    },
}

impl Profiles {
    pub(super) fn prints(&self) -> bool {
        !matches!(self.command, ProfileCommand::Use { .. })
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ProfileJson {
    name: String,
    in_use: bool,
    base_url: String,
    source: String,
}

pub(crate) fn profile(profiles: &Profiles) -> Result<(), Failure> {
    match &profiles.command {
        ProfileCommand::List { json } => {
            let config = Config::load()?;
            if *json {
                let profiles: Vec<_> = config.profiles().iter().map(|profile| to_json(&config, profile)).collect();
                return print_json(&json!({ "profiles": profiles }));
            }
            print_profiles(&config, config.profiles())
        }
        ProfileCommand::Use { name } => {
            let mut config = Config::lock()?;
            let name = Name::parse(name, ARGUMENT)?;
            config.get(&name, None)?;
            config.use_profile(&name);
            config.save()?;
            eprint_line(&credential_selection::in_use(&name));
            Ok(())
        }
        ProfileCommand::Show { name, json } => {
            let config = Config::load()?;
            let named = match name {
                Some(name) => Some((Name::parse(name, ARGUMENT)?, None)),
                None => credential_selection::named(None, &config)?.map(|(name, named_by)| (name, Some(named_by))),
            };
            let (name, named_by) = named.ok_or_else(|| {
                let hint = "name one; `codat-keys profile list` shows them";
                Failure::new(ErrorKind::InvalidInput, "no profile is in use", hint)
            })?;
            let profile = config.get(&name, named_by.as_deref())?;
            if *json {
                return print_json(&json!({ "profile": to_json(&config, profile) }));
            }
            print_profiles(&config, std::slice::from_ref(profile))
        }
    }
}

fn to_json(config: &Config, profile: &Profile) -> ProfileJson {
    ProfileJson {
        name: profile.name.to_string(),
        in_use: config.in_use() == Some(&profile.name),
        base_url: without_secrets(&profile.base_url),
        source: profile.source.to_string(),
    }
}

fn print_profiles(config: &Config, profiles: &[Profile]) -> Result<(), Failure> {
    if profiles.is_empty() {
        eprint_line(&format!("no profile is in {}: codat-keys login makes one", config.path().display()));
    }
    let rows = profiles.iter().map(|profile| {
        [
            profile.name.to_string(),
            if config.in_use() == Some(&profile.name) { "yes" } else { "no" }.into(),
            sanitize(&without_secrets(&profile.base_url)),
            sanitize(&profile.source.to_string()),
        ]
    });
    print_rows(["NAME", "IN USE", "BASE URL", "SOURCE"], rows)
}
