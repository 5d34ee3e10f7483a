//! Profiles: their precedence, and changes to `config.toml`.

use std::fs;

use codat_keys_emulator::Emulator;

use crate::home::{Home, key_file};
use crate::support::{Ended, run, run_with_input};

fn profile(home: &Home, arguments: &[&str]) -> Ended {
    run(&mut home.program(), &[&["profile"], arguments].concat())
}

#[test]
fn profiles_are_listed_selected_shown_and_removed() {
    let (home, emulator) = (Home::new(), Emulator::start().unwrap());
    for name in ["default", "work"] {
        let ended = home.login(emulator.base_url(), emulator.api_key(), &["--profile", name]);
        assert_eq!(ended.status, 0, "{ended:?}");
    }
    let row = |name: &str, used: &str| {
        let file = key_file(name, emulator.base_url());
        format!("{name}\t{used}\t{}\tthe file {}\n", emulator.base_url(), home.path().join(file).display())
    };
    assert_eq!(profile(&home, &["list"]).stdout, row("default", "yes") + &row("work", "no"));
    assert_eq!(profile(&home, &["use", "work"]).stderr, "the profile `work` is in use\n");
    assert_eq!(profile(&home, &["show"]).stdout, row("work", "yes"));
    assert_eq!(profile(&home, &["show", "default"]).stdout, row("default", "no"));

    let ended = run(&mut home.program(), &["logout"]);
    assert_eq!(ended.status, 0, "{ended:?}");
    assert!(ended.stderr.ends_with("no profile is in use: codat-keys profile use NAME\n"), "{ended:?}");
    assert_eq!(home.files_with(emulator.api_key()), [key_file("default", emulator.base_url())]);
    assert_eq!(profile(&home, &["list"]).stdout, row("default", "no"));
    assert_eq!(run(&mut home.program(), &["list"]).status, 4);
    assert_eq!(run(&mut home.program(), &["list", "--profile", "default"]).status, 0);
    assert_eq!(run(&mut home.program(), &["logout"]).status, 2);
    assert!(run(&mut home.program(), &["logout", "--profile", "default"]).stderr.ends_with("no profile is left\n"));
    assert_eq!(home.files_with(emulator.api_key()), [""; 0]);
}

#[test]
fn a_key_in_place_of_a_profile_name_is_not_printed() {
    const KEY: &str = "MadeUp-Key-For-The-Tests-0123456789abcde";
    let home = Home::new();
    assert!(profile(&home, &["list"]).stderr.ends_with(": codat-keys login makes one\n"));
    for arguments in [
        &["profile", "use", KEY][..],
        &["profile", "show", KEY],
        &["login", "--profile", KEY],
        &["logout", "--profile", KEY],
        &["list", "--profile", KEY],
        &["login", KEY],
        &["exec", "--base-url", KEY, "--", "true"],
    ] {
        let ended = run(&mut home.program(), arguments);
        assert!([2, 4].contains(&ended.status) && !ended.stderr.contains(KEY), "{ended:?}");
    }
}

#[test]
fn manual_edits_of_the_configuration_are_kept() {
    let (home, emulator) = (Home::new(), Emulator::start().unwrap());
    let written = format!(
        "# Keys of the finance team.\nprofile = \"vault\" # by hand\n\n[profiles.vault] # asks the vault\nbase_url = \"{}\"\n\
         source = {{ command = [\"printf\", \"%s\", \"{}\"], timeout = \"5s\", cached_for = \"10m\" }}\n",
        emulator.base_url(),
        emulator.api_key()
    );
    home.write_config(&written);
    let ended = run(&mut home.program(), &["whoami"]);
    assert_eq!(ended.status, 0, "{ended:?}");
    assert_eq!(home.login(emulator.base_url(), emulator.api_key(), &["--profile", "work"]).status, 0);
    let now = fs::read_to_string(home.config()).unwrap();
    assert!(now.starts_with(&written), "{now}");
    assert_eq!(run(&mut home.program(), &["logout", "--profile", "work"]).status, 0);
    assert_eq!(fs::read_to_string(home.config()).unwrap().trim_end(), written.trim_end());
    // The arguments of a key command are not printed, because users put secrets into them.
    let shown = profile(&home, &["show"]).stdout;
    assert_eq!(shown, format!("vault\tyes\t{}\tthe command `printf`\n", emulator.base_url()));
    for command in ["login", "logout"] {
        let ended = run(&mut home.program(), &[command]);
        assert_eq!(ended.status, 2, "{ended:?}");
        assert!(ended.stderr.contains("comes from the command `printf`, which others keep"), "{ended:?}");
    }
}

#[test]
fn relative_paths_of_sources_belong_to_the_folder_of_the_configuration() {
    let (home, emulator) = (Home::new(), Emulator::start().unwrap());
    let write = |source: &str| {
        let base_url = emulator.base_url();
        home.write_config(&format!(
            "profile = \"work\"\n[profiles.work]\nbase_url = \"{base_url}\"\nsource = {source}\n"
        ));
    };
    let folder = home.config().parent().unwrap().to_owned();
    for (source, file) in [
        (r#"{ command = ["./vault", "read"] }"#, "vault"),
        (r#"{ command = ["bin/vault"] }"#, "bin/vault"),
        (r#"{ command = ["../vault"] }"#, "../vault"),
        (r#"{ file = "vault" }"#, "vault"),
    ] {
        write(source);
        let content = |key: &str| match source.contains("command") {
            true => format!("#!/bin/sh\necho {key}\n"),
            false => key.to_owned(),
        };
        let in_use = home.path().join("here/below");
        for (folder, key) in [(&in_use, "MadeUpKeyOfTheCurrentFolder"), (&folder, emulator.api_key())] {
            let path = folder.join(file);
            fs::create_dir_all(folder).unwrap();
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, content(key)).unwrap();
            fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
        }
        let ended = run(home.program().current_dir(&in_use), &["whoami"]);
        assert_eq!(ended.status, 0, "{source}: {ended:?}");
    }
    write(r#"{ command = ["printenv", "MADE_UP"] }"#);
    let ended = run(home.program().env("MADE_UP", emulator.api_key()), &["whoami"]);
    assert_eq!(ended.status, 0, "{ended:?}");
}

#[test]
fn every_notation_of_profiles_is_read_and_kept() {
    let emulator = Emulator::start().unwrap();
    for written in [
        "",
        "# nothing yet\n",
        "profiles = {}\n",
        "profiles = { a = { base_url = \"http://127.0.0.1:1\", source = \"keyring\" } }\n",
        "[profiles]\na = { base_url = \"http://127.0.0.1:1\", source = \"keyring\" } # of old\n",
        "profiles.a = { base_url = \"http://127.0.0.1:1\", source = \"keyring\" }\n",
        "profiles.a.base_url = \"http://127.0.0.1:1\" # of old\nprofiles.a.source = { file = \"/run/secrets/a\" }\n",
    ] {
        let home = Home::new();
        home.write_config(written);
        let ended = home.login(emulator.base_url(), emulator.api_key(), &["--profile", "work"]);
        assert_eq!(ended.status, 0, "{written}: {ended:?}");
        assert_eq!(run(&mut home.program(), &["list"]).status, 0, "{written}");
        assert_eq!(run(&mut home.program(), &["logout"]).status, 0, "{written}");
        assert_eq!(fs::read_to_string(home.config()).unwrap().trim_end(), written.trim_end());
    }
}

#[test]
fn login_can_change_the_base_url_of_a_profile() {
    let (home, emulators) = (Home::new(), [(); 2].map(|()| Emulator::start().unwrap()));
    for emulator in &emulators {
        assert_eq!(home.login(emulator.base_url(), emulator.api_key(), &[]).status, 0);
        assert_eq!(run(&mut home.program(), &["list"]).status, 0);
    }
    // `CODAT_BASE_URL` does not change the base URL of a profile.
    let (url, key) = (emulators[0].base_url(), emulators[0].api_key());
    let ended = run_with_input(home.program().env("CODAT_BASE_URL", url), &["login"], key);
    assert_eq!(ended.status, 2, "{ended:?}");
    assert!(home.files_with(key).is_empty(), "{ended:?}");
}

#[test]
fn the_source_with_the_highest_precedence_is_used() {
    let home = Home::new();
    let emulators = [(); 3].map(|()| Emulator::start().unwrap());
    for (name, emulator) in ["one", "two", "three"].iter().zip(&emulators) {
        assert_eq!(home.login(emulator.base_url(), emulator.api_key(), &["--profile", name]).status, 0);
    }
    let base_url = |variables: &[(&str, &str)], arguments: &[&str]| {
        let arguments = [&["exec"], arguments, &["--", "sh", "-c", "echo $CODAT_BASE_URL"]].concat();
        run(home.program().envs(variables.iter().copied()), &arguments).stdout.trim_end().to_owned()
    };
    let (variable, key) = (("CODAT_PROFILE", "two"), ("CODAT_API_KEY", "MadeUpKey"));
    assert_eq!(base_url(&[], &[]), emulators[0].base_url());
    assert_eq!(base_url(&[variable], &[]), emulators[1].base_url());
    assert_eq!(base_url(&[variable, key], &["--profile", "three"]), emulators[2].base_url());
    assert_eq!(base_url(&[variable, key], &[]), "https://api.codat.io");
    assert_eq!(
        base_url(&[("CODAT_PROFILE", "No Such Profile"), key], &[]),
        "https://api.codat.io",
        "it is passed over"
    );
}

#[test]
fn the_error_of_a_relative_home_names_its_variable() {
    let (home, emulator) = (Home::new(), Emulator::start().unwrap());
    for (variable, value) in [("HOME", "."), ("HOME", "here/there"), ("XDG_CONFIG_HOME", "config")] {
        let with_it = || {
            let mut program = home.program();
            program.env_remove("XDG_CONFIG_HOME").env(variable, value);
            program
        };
        for arguments in [&["list"][..], &["profile", "list"], &["login", "--store", "file"]] {
            let ended = run_with_input(&mut with_it(), arguments, emulator.api_key());
            let what =
                format!("error: the folder for configuration is unknown: {variable} is a relative path, {value}\n");
            assert!(ended.status == 1 && ended.stderr.starts_with(&what), "{arguments:?}: {ended:?}");
        }
        let mut program = with_it();
        program.env("CODAT_BASE_URL", emulator.base_url()).env("CODAT_API_KEY", emulator.api_key());
        assert_eq!(run(&mut program, &["list"]).status, 0, "it is not needed for a key in the environment");
    }
}
