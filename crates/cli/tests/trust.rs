//! `config.toml` names commands and where keys go: one that another user could change or replace is not read.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use codat_keys_emulator::Emulator;
use tempfile::TempDir;

use crate::raw_server::{RawServer, json};
use crate::support::{Ended, program, run};

/// Some user who is neither root nor who runs the tests.
const STRANGER: u32 = 12_345;

/// A home and, apart from it, a folder `shared` for configuration, whose profile in use runs a command.
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

    /// Nothing is run or sent, and the error names what is at fault. Once its repair has been made, all is well.
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
        eprintln!("not tested: nobody but root gives a file away");
    }
    is_root
}

#[test]
fn a_configuration_that_others_can_write_is_refused() {
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
                // The path ends in a slash, which the message leaves out.
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
fn a_configuration_of_another_user_is_refused() {
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
fn a_configuration_behind_a_link_is_judged_where_it_is() {
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

/// Others cannot replace what is not theirs in a folder with the sticky bit, and who could replace the home folder could
/// replace all that is in it.
#[test]
fn a_sticky_folder_and_those_above_the_home_folder_are_accepted() {
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

/// A pipe of another user would keep whoever opens it waiting.
#[test]
fn a_pipe_of_another_user_is_not_waited_for() {
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

/// Another user may hold the other end of a pipe that belongs to this one.
#[test]
fn a_link_to_a_pipe_is_refused() {
    let scene = Scene::new();
    fs::remove_file(scene.config()).unwrap();
    std::os::unix::fs::symlink("/dev/stdin", scene.config()).unwrap();
    let mut command = program();
    command.env("HOME", scene.path("home")).env("XDG_CONFIG_HOME", scene.path("shared"));
    let ended = crate::support::run_with_input(&mut command, &["list"], "[profiles]\n");
    assert!(ended.status == 2 && ended.stderr.contains("it is no regular file"), "{ended:?}");
}

/// A key that is stored where others can replace files could be replaced by theirs.
#[test]
fn nothing_is_stored_in_a_folder_that_others_can_write() {
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

/// As Kubernetes mounts a volume: its folder is writable by all, and nobody can write.
#[test]
fn a_folder_that_is_mounted_read_only_is_accepted() {
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
        eprintln!("not tested: nothing can be mounted here: {ended:?}");
        return;
    }
    assert!(!scene.has_acted(), "{ended:?}");
    let ended = run("ro");
    assert!(ended.status == 0 && scene.has_acted(), "{ended:?}");
}
