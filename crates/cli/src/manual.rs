//! The commands `help` and `man`, generated from the declarations of the arguments.

use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};
use codat_keys::ErrorKind;

use crate::args;
use crate::config::Config;
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

/// Prints the help of a command, or of the program if no command is given.
pub(crate) fn help(topic: &[String]) -> Result<(), Failure> {
    if topic == [args::EXIT_STATUS] {
        return print(&format!("{}\n", args::exit_statuses()));
    }
    find(topic)?;
    let line = ["codat-keys"].into_iter().chain(topic.iter().map(String::as_str)).chain(["--help"]);
    if let Err(help) = args::command().try_get_matches_from(line) {
        // A closed pipe is not a failure.
        let _ = help.print();
    }
    Ok(())
}

pub(crate) fn man(command: Option<&str>) -> Result<(), Failure> {
    let words: Vec<String> = command.map(str::to_owned).into_iter().collect();
    let mut page = Vec::new();
    render(&Man::new(find(&words)?), command.is_none(), &mut page)
        .map_err(|error| Failure::local(format!("the page could not be made: {error}"), "please report it"))?;
    print(&String::from_utf8_lossy(&page))
}

fn find(words: &[String]) -> Result<clap::Command, Failure> {
    let mut command = args::command();
    command.build();
    for word in words {
        let found = command.find_subcommand(word).cloned();
        command = found.ok_or_else(|| {
            let what = format!("there is no command `{}`", words.join(" "));
            Failure::new(ErrorKind::InvalidInput, what, "`codat-keys --help` lists the commands")
        })?;
    }
    Ok(command)
}

fn render(man: &Man, is_whole: bool, page: &mut Vec<u8>) -> std::io::Result<()> {
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
    let config = Config::path_for_show();
    let files = [
        (config.as_str(), "The profiles. It names where each key is, and never holds one."),
        ("keys/PROFILE, beside it", "The key of a profile that login stored in a file."),
    ];
    let mut roff = Roff::new();
    roff.control("SH", ["EXIT STATUS"]);
    for (status, meaning) in args::exit_status_rows() {
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
