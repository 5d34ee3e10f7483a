//! `completions` and `man`, made from the arguments themselves.

use clap_complete::Shell;
use codat_keys::ErrorKind;

use crate::args;
use crate::failure::Failure;
use crate::output::print;

pub(crate) fn completions(shell: Shell) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut args::command(), "codat-keys", &mut script);
    print(&String::from_utf8_lossy(&script))
}

pub(crate) fn man(command: Option<&str>) -> Result<(), Failure> {
    let mut all = args::command();
    all.build();
    let page = match command {
        None => Some(all),
        Some(name) => all.find_subcommand(name).cloned(),
    };
    let page = page.ok_or_else(|| {
        Failure::new(ErrorKind::InvalidInput, "there is no such command", "codat-keys --help lists the commands")
    })?;
    let mut roff = Vec::new();
    clap_mangen::Man::new(page)
        .render(&mut roff)
        .map_err(|error| Failure::local(format!("the page could not be made: {error}"), "please report it"))?;
    print(&String::from_utf8_lossy(&roff))
}
