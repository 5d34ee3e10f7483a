//! The command `man`. The manual pages are generated from the declarations of the arguments.

use clap::Args;
use clap_complete::engine::ArgValueCandidates;
use clap_mangen::roff::{Roff, bold, roman};

use super::help::find;
use crate::completion;
use crate::config::Config;
use crate::exit_status;
use crate::failure::Failure;
use crate::output::print;

const ENVIRONMENT: [(&str, &str); 10] = [
    ("CODAT_API_KEY", "A raw key."),
    ("CODAT_AUTH_HEADER", "A whole header, Basic and the encoded key."),
    (
        "CODAT_API_KEY_FILE",
        "The path of a file with either. Where several of these three are set, they must hold the same key.",
    ),
    ("CODAT_PROFILE", "The profile to use where none of these three is set."),
    ("CODAT_BASE_URL", "Where the API is. Default: the profile's base URL, else https://api.codat.io."),
    (
        "CODAT_ALLOW_INSECURE_HTTP",
        "true allows http to other machines, which sends the key unencrypted. Default: this machine only.",
    ),
    ("CODAT_CA_FILE", "Certificates (PEM) to trust beside the bundled roots."),
    ("HTTPS_PROXY, ALL_PROXY, NO_PROXY", "The proxy for an https base URL, and the hosts without one."),
    ("NO_COLOR", "Any value switches colours off."),
    ("XDG_CONFIG_HOME", "The folder of the configuration. Default: ~/.config."),
];

#[derive(Args)]
#[command(after_help = "Example: codat-keys man | man -l -")]
pub(crate) struct Man {
    /// The command
    #[arg(add = ArgValueCandidates::new(completion::commands))]
    command: Option<String>,
}

pub(crate) fn man(man: &Man, program: clap::Command) -> Result<(), Failure> {
    let words: Vec<String> = man.command.iter().cloned().collect();
    let mut page = Vec::new();
    render(&clap_mangen::Man::new(find(program, &words)?), words.is_empty(), &mut page)
        .map_err(|error| Failure::local(format!("the page could not be made: {error}"), "please report it"))?;
    print(&String::from_utf8_lossy(&page))
}

fn render(man: &clap_mangen::Man, is_whole: bool, page: &mut Vec<u8>) -> std::io::Result<()> {
    if !is_whole {
        return man.render(page);
    }
    man.render_title(page)?;
    man.render_name_section(page)?;
    man.render_synopsis_section(page)?;
    man.render_description_section(page)?;
    man.render_options_section(page)?;
    man.render_subcommands_section(page)?;
    own_sections().to_writer(page)?;
    man.render_version_section(page)
}

fn own_sections() -> Roff {
    let config = Config::path_for_manual();
    let files = [
        (config.as_str(), "The profiles. It names where each key is, and never holds one."),
        ("keys/PROFILE, beside it", "The key of a profile that login stored in a file."),
    ];
    let mut roff = Roff::new();
    roff.control("SH", ["EXIT STATUS"]);
    for (status, meaning) in exit_status::rows() {
        entry(&mut roff, &status, &meaning);
    }
    for (title, rows) in [("ENVIRONMENT", &ENVIRONMENT[..]), ("FILES", &files)] {
        roff.control("SH", [title]);
        for (name, meaning) in rows {
            entry(&mut roff, name, meaning);
        }
    }
    roff
}

fn entry(roff: &mut Roff, name: &str, meaning: &str) {
    roff.control("TP", []);
    roff.text([bold(name)]);
    roff.text([roman(meaning)]);
}
