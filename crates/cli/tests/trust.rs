//! `config.toml` contains commands and the URLs to which keys are sent. The program rejects a file that another user
//! can change or replace.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use codat_keys_emulator::Emulator;
use tempfile::TempDir;

use crate::raw_server::{RawServer, json};
use crate::support::{Ended, against, program, run, run_with_input};

/// A user who is neither root nor the user who runs the tests.
const STRANGER: u32 = 12_345;

/// A home folder, and a separate configuration folder `shared`. The profile in use runs a key command.
struct Scene {
    folder: TempDir,
    server: RawServer,
}

impl Scene {
    fn new() -> Self {
        let scene = Self {
            folder: tempfile::tempdir().unwrap(),
            server: RawServer::with_replies(vec![json(200, r#"{"results":[]}"#)]),
        };
        fs::create_dir(scene.path("home")).unwrap();
        fs::create_dir_all(scene.path("shared/codat-keys")).unwrap();
        for folder in ["home", "shared", "shared/codat-keys"] {
            scene.mode(folder, 0o755);
        }
        let text = format!(
            "profile = \"work\"\n[profiles.work]\nbase_url = \"{}\"\nsource = {{ command = [\"sh\", \"-c\", \"echo MadeUpKey; touch {}\"] }}\n",
            scene.server.url,
            scene.path("ran").display()
        );
        fs::write(scene.config(), text).unwrap();
        scene.mode("shared/codat-keys/config.toml", 0o644);
        scene
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().canonicalize().unwrap().join(name)
    }

    fn config(&self) -> PathBuf {
        self.path("shared/codat-keys/config.toml")
    }

    fn mode(&self, name: &str, mode: u32) {
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(mode)).unwrap();
    }

    fn give_away(&self, name: &str) {
        std::os::unix::fs::lchown(self.path(name), Some(STRANGER), None).unwrap();
    }

    fn run(&self, arguments: &[&str]) -> Ended {
        let mut command = program();
        command.env("HOME", self.path("home")).env("XDG_CONFIG_HOME", self.path("shared"));
        run(&mut command, arguments)
    }

    fn has_acted(&self) -> bool {
        self.path("ran").exists() || !self.server.requests().is_empty()
    }

    /// Checks that no command runs, no request is sent, and the error names the cause. Then runs the command of the
    /// hint, and checks that the configuration is accepted.
    fn is_refused(&self, kind: &str, name: &str, why: &str) {
        for arguments in [&["list"][..], &["exec", "--", "true"], &["profile", "list"], &["doctor"], &["logout"]] {
            let ended = self.run(arguments);
            let said = ended.stdout + &ended.stderr;
            let is_expected = if arguments == ["logout"] { [1, 2].contains(&ended.status) } else { ended.status == 2 };
            assert!(is_expected, "{said}");
            assert!(
                said.contains(&format!(" is not trusted: the {kind} {} {why}", self.path(name).display())),
                "{said}"
            );
            assert!(!self.has_acted(), "{arguments:?}: {said}");
        }
        let hint = self.run(&["list"]).stderr;
        let (_, repair) = hint.trim_end().rsplit_once(": ").unwrap();
        assert!(Command::new("sh").args(["-c", repair]).status().unwrap().success(), "{hint}");
        self.is_accepted();
    }

    fn is_accepted(&self) {
        let ended = self.run(&["list"]);
        assert!(ended.status == 0 && self.has_acted(), "{ended:?}");
    }
}

fn is_root(folder: &Path) -> bool {
    let file = folder.join("probe");
    fs::write(&file, "").unwrap();
    let is_root = chown(&file, Some(STRANGER), None).is_ok();
    if !is_root {
        eprintln!("skipped: only root can change the owner of a file");
    }
    is_root
}

#[test]
fn a_configuration_that_others_can_write_is_rejected() {
    for mode in [0o622, 0o666, 0o660, 0o620, 0o646] {
        let scene = Scene::new();
        scene.mode("shared/codat-keys/config.toml", mode);
        let why = format!("can be changed by other users (mode {mode:04o}, owner ");
        scene.is_refused("file", "shared/codat-keys/config.toml", &why);
    }
    for mode in [0o777, 0o775, 0o757, 0o2775] {
        for folder in ["shared/codat-keys", "shared", ""] {
            let scene = Scene::new();
            scene.mode(folder, mode);
            let why = format!("can be changed by other users (mode {mode:04o}, owner ");
            if folder.is_empty() {
                // The path ends with a slash, and the message contains the path without it.
                let ended = scene.run(&["list"]);
                let named = format!("the folder {} {why}", scene.folder.path().canonicalize().unwrap().display());
                assert!(ended.status == 2 && ended.stderr.contains(&named) && !scene.has_acted(), "{ended:?}");
            } else {
                scene.is_refused("folder", folder, &why);
            }
        }
    }
}

#[test]
fn a_configuration_of_another_user_is_rejected() {
    let why = format!("belongs to user {STRANGER}, not to user ");
    for (kind, name) in
        [("file", "shared/codat-keys/config.toml"), ("folder", "shared/codat-keys"), ("folder", "shared")]
    {
        let scene = Scene::new();
        if !is_root(&scene.path("home")) {
            return;
        }
        scene.give_away(name);
        scene.is_refused(kind, name, &why);
    }
}

#[test]
fn the_target_of_a_linked_configuration_is_checked() {
    let moved = |scene: &Scene, from: &str, to: &str| {
        fs::create_dir_all(scene.path("real")).unwrap();
        scene.mode("real", 0o755);
        fs::rename(scene.path(from), scene.path(to)).unwrap();
        symlink(scene.path(to), scene.path(from)).unwrap();
    };
    for (from, to) in [
        ("shared/codat-keys/config.toml", "real/config.toml"),
        ("shared/codat-keys", "real/codat-keys"),
        ("shared", "real/shared"),
    ] {
        let scene = Scene::new();
        moved(&scene, from, to);
        scene.is_accepted();

        let scene = Scene::new();
        moved(&scene, from, to);
        scene.mode("real", 0o777);
        let ended = scene.run(&["list"]);
        let named = format!("the folder {} can be changed", scene.path("real").display());
        assert!(ended.status == 2 && ended.stderr.contains(&named) && !scene.has_acted(), "{ended:?}");

        let scene = Scene::new();
        if !is_root(&scene.path("home")) {
            return;
        }
        moved(&scene, from, to);
        scene.give_away(from);
        let ended = scene.run(&["list"]);
        let named = format!("the link {} belongs to user {STRANGER}", scene.path(from).display());
        assert!(ended.status == 2 && ended.stderr.contains(&named) && !scene.has_acted(), "{ended:?}");
    }
    let scene = Scene::new();
    moved(&scene, "shared/codat-keys/config.toml", "real/config.toml");
    scene.give_away("real/config.toml");
    assert!(scene.run(&["list"]).stderr.contains(&format!("the file {} belongs to", scene.config().display())));
    assert!(!scene.has_acted());
}

/// In a folder with the sticky bit, users can replace only their own files. Folders above the home folder are not
/// checked, because a user who can replace the home folder can replace everything in it.
#[test]
fn sticky_folders_and_folders_above_the_home_folder_are_accepted() {
    let scene = Scene::new();
    scene.mode("shared", 0o1777);
    scene.is_accepted();
    let ended = scene.run(&["logout"]);
    assert!(ended.stderr.contains("which others keep"), "{ended:?}");

    let scene = Scene::new();
    fs::rename(scene.path("shared"), scene.path("home/.config")).unwrap();
    scene.mode("", 0o777);
    let mut command = program();
    command.env("HOME", scene.path("home")).env("XDG_CONFIG_HOME", scene.path("home/.config"));
    assert_eq!(run(&mut command, &["list"]).status, 0);
    scene.mode("home", 0o777);
    assert_eq!(run(&mut command, &[]).status, 2);
}

#[test]
fn a_login_creates_nothing_in_the_home_folder_of_another_user() {
    let scene = Scene::new();
    if !is_root(&scene.path("home")) {
        return;
    }
    let emulator = Emulator::start().unwrap();
    fs::create_dir(scene.path("target")).unwrap();
    for is_link in [false, true] {
        if is_link {
            std::os::unix::fs::symlink(scene.path("target"), scene.path("home/.config")).unwrap();
            scene.give_away("home/.config");
        }
        scene.give_away("home");
        let mut command = against(&emulator);
        command.env("HOME", scene.path("home")).env_remove("XDG_CONFIG_HOME");
        let ended =
            run_with_input(&mut command, &["login", "--profile", "work", "--store", "file"], emulator.api_key());
        assert!(ended.status != 0 && ended.stderr.contains("is not trusted"), "{ended:?}");
        assert_eq!(scene.path("home/.config").symlink_metadata().is_ok(), is_link);
        assert_eq!(fs::read_dir(scene.path("target")).unwrap().count(), 0);
    }
}

/// Opening a pipe of another user would block.
#[test]
fn reading_a_pipe_of_another_user_does_not_block() {
    let scene = Scene::new();
    if !is_root(&scene.path("home")) {
        return;
    }
    scene.mode("shared/codat-keys", 0o1777);
    fs::remove_file(scene.config()).unwrap();
    assert!(Command::new("mkfifo").arg(scene.config()).status().unwrap().success());
    scene.give_away("shared/codat-keys/config.toml");
    let ended = scene.run(&["list"]);
    assert!(ended.status == 2 && ended.stderr.contains(&format!("belongs to user {STRANGER}")), "{ended:?}");
}

/// A file of the wrong kind must not use up the memory.
#[test]
fn a_file_with_options_has_at_most_1_mib() {
    let scene = Scene::new();
    let text = fs::read_to_string(scene.config()).unwrap();
    let at_limit = text.clone() + &" ".repeat(1024 * 1024 - text.len());
    fs::write(scene.config(), at_limit).unwrap();
    assert_eq!(scene.run(&["profile", "list"]).status, 0);
    let refused = |ended: Ended, status: i32| {
        assert!(ended.status == status && ended.stderr.contains("it is larger than 1 MiB"), "{ended:?}");
    };
    for length in [1024 * 1024 + 1, 1 << 30] {
        fs::File::options().write(true).open(scene.config()).unwrap().set_len(length).unwrap();
        for arguments in [&["list"][..], &["profile", "list"], &["list", "--profile", "work"], &["logout"]] {
            refused(scene.run(arguments), 2);
        }
        let doctor = scene.run(&["doctor"]);
        assert!(format!("{doctor:?}").contains("it is larger than 1 MiB"), "{doctor:?}");
        let config = scene.config();
        refused(scene.run(&["rotate", "--from", config.to_str().unwrap()]), 1);
    }
    assert!(!scene.has_acted());
}

/// Another user can have opened the other end of a pipe of this user.
#[test]
fn a_link_to_a_pipe_is_rejected() {
    let scene = Scene::new();
    fs::remove_file(scene.config()).unwrap();
    std::os::unix::fs::symlink("/dev/stdin", scene.config()).unwrap();
    let mut command = program();
    command.env("HOME", scene.path("home")).env("XDG_CONFIG_HOME", scene.path("shared"));
    let ended = crate::support::run_with_input(&mut command, &["list"], "[profiles]\n");
    assert!(ended.status == 2 && ended.stderr.contains("it is no regular file"), "{ended:?}");
}

/// Users who can replace files in the folder could replace the stored key with their own.
#[test]
fn no_key_is_stored_in_a_folder_that_others_can_write() {
    let (scene, emulator) = (Scene::new(), Emulator::start().unwrap());
    fs::remove_file(scene.config()).unwrap();
    fs::create_dir(scene.path("shared/codat-keys/keys")).unwrap();
    scene.mode("shared/codat-keys/keys", 0o777);
    let mut command = program();
    command.env("HOME", scene.path("home")).env("XDG_CONFIG_HOME", scene.path("shared"));
    let ended = crate::support::run_with_input(
        &mut command,
        &["login", "--base-url", emulator.base_url(), "--store", "file"],
        emulator.api_key(),
    );
    assert!(ended.status == 1 && ended.stderr.contains("/keys can be changed by other users"), "{ended:?}");
    assert_eq!(fs::read_dir(scene.path("shared/codat-keys/keys")).unwrap().count(), 0);
}

/// Kubernetes mounts volumes in this way: the mode allows all users to write, but the mount is read-only.
#[test]
fn a_read_only_mount_is_accepted() {
    let scene = Scene::new();
    let run = |options: &str| {
        let script = format!(
            "cp -r {0} {1} && mount -t tmpfs -o mode=0777 none {0} && cp -r {1}/codat-keys {0} && mount -o remount,{options} {0} \
             && exec {2} list",
            scene.path("shared").display(),
            scene.path("copy").display(),
            crate::support::PROGRAM
        );
        let mut command = Command::new("unshare");
        crate::support::clear_environment(&mut command);
        command.env("HOME", scene.path("home")).env("XDG_CONFIG_HOME", scene.path("shared"));
        let ended = run(&mut command, &["--mount", "sh", "-c", &script]);
        fs::remove_dir_all(scene.path("copy")).unwrap();
        ended
    };
    let ended = run("rw");
    if !ended.stderr.contains(" is not trusted: ") {
        eprintln!("skipped: nothing can be mounted here: {ended:?}");
        return;
    }
    assert!(!scene.has_acted(), "{ended:?}");
    let ended = run("ro");
    assert!(ended.status == 0 && scene.has_acted(), "{ended:?}");
}
