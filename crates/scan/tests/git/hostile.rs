//! Repositories that want to run a program, to mislead git, or that are damaged.

use std::path::{Path, PathBuf};

use super::{KEY, Report, Repository, git, report, scan, scanner};

/// Makes a program that writes a file, and returns the program and the file.
fn marker(repository: &Repository) -> (String, PathBuf) {
    let marker = repository.folder.path().join("marker");
    let program = repository.folder.path().join("program");
    std::fs::write(&program, format!("#!/bin/sh\necho run >> '{}'\n", marker.display())).expect("it is written");
    make_executable(&program);
    (program.display().to_string(), marker)
}

#[cfg(unix)]
fn make_executable(path: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).expect("the mode is set");
}

#[cfg(not(unix))]
fn make_executable(_path: &Path) {}

fn scan_in_each_way(repository: &Repository) -> [Report; 3] {
    let path = &repository.path;
    [
        report(|report| scanner().scan_git(path, report)).expect("the repository is scanned"),
        report(|report| scanner().scan_staged(path, report)).expect("the index is scanned"),
        report(|report| scanner().scan_since(path, "HEAD~1", report)).expect("the commits are scanned"),
    ]
}

#[test]
fn no_program_of_a_hostile_configuration_is_run() {
    let repository = Repository::new();
    repository.commit(".gitattributes", "* filter=x diff=x\n", "Add attributes");
    repository.commit("a", KEY, "Add a key");
    repository.stage("b", format!("b {KEY}"));
    let (program, marker) = marker(&repository);
    // With this mark in the index, git asks the file system monitor whenever it reads the index.
    repository.git(&["-c", &format!("core.fsmonitor={program}"), "update-index", "--fsmonitor"]);
    std::fs::remove_file(&marker).expect("the mark is made by the program");
    let config = format!(
        "[core]\n fsmonitor = {program}\n sshCommand = {program}\n pager = {program}\n askPass = {program}\n \
         alternateRefsCommand = {program}\n gitProxy = {program}\n editor = {program}\n\
         [filter \"x\"]\n clean = {program}\n smudge = {program}\n process = {program}\n required = true\n\
         [diff]\n external = {program}\n[diff \"x\"]\n textconv = {program}\n command = {program}\n\
         [alias]\n cat-file = !{program}\n rev-list = !{program}\n[pager]\n cat-file = {program}\n rev-list = {program}\n\
         [credential]\n helper = {program}\n[gpg]\n program = {program}\n[log]\n showSignature = true\n\
         [uploadpack]\n packObjectsHook = {program}\n[gc]\n auto = 1\n[sequence]\n editor = {program}\n\
         [trace2]\n normalTarget = {}\n",
        marker.display()
    );
    repository.write("../included", &config);
    repository.write("../hooks/post-index-change", "");
    let hooks = repository.folder.path().join("hooks");
    for hook in ["post-index-change", "reference-transaction", "pre-commit", "fsmonitor-watchman", "pre-auto-gc"] {
        std::fs::copy(&program, hooks.join(hook)).expect("a hook is copied");
        std::fs::copy(&program, repository.path.join(".git/hooks").join(hook)).expect("a hook is copied");
    }
    let own = std::fs::read_to_string(repository.path.join(".git/config")).expect("a configuration");
    let include = format!("[core]\n hooksPath = {}\n[include]\n path = ../../included\n", hooks.display());
    repository.write(".git/config", own + &config + &include);
    let reports = scan_in_each_way(&repository);
    assert!(!marker.exists(), "a program was run");
    for (report, count) in reports.iter().zip([2, 1, 1]) {
        assert_eq!(report.objects().len(), count, "{report:?}");
    }
}

#[test]
fn missing_objects_of_a_partial_clone_are_not_fetched() {
    let repository = Repository::new();
    let commit = repository.commit("a", format!("first {KEY}"), "Add a key");
    repository.commit("a", format!("second {KEY}"), "Change the file");
    repository.git(&["config", "uploadpack.allowFilter", "true"]);
    let url = format!("file://{}", repository.path.display());
    git(repository.folder.path(), &["clone", "--quiet", "--filter=blob:none", &url, "partial"]);
    let path = repository.folder.path().join("partial");
    let (program, marker) = marker(&repository);
    for (name, value) in [
        ("remote.origin.url", format!("ext::{program}")),
        ("remote.origin.uploadpack", program.clone()),
        ("remote.origin.vcs", "ext".to_owned()),
        ("protocol.allow", "always".to_owned()),
        ("protocol.ext.allow", "always".to_owned()),
        ("protocol.file.allow", "always".to_owned()),
    ] {
        git(&path, &["config", name, &value]);
    }
    let present = git(&path, &["-c", "remote.origin.promisor=false", "rev-parse", "HEAD"]);
    let report = scan(&path);
    assert_eq!(report.object().commit.as_ref(), Some(&present));
    let since = super::report(|report| scanner().scan_since(&path, &commit, report)).expect("the commits are scanned");
    assert_eq!(since.findings.len(), 1);
    let since = super::report(|report| scanner().scan_since(&path, "HEAD~2", report)).expect("the commits are scanned");
    assert_eq!((since.findings.len(), since.unread.len()), (1, 1));
    assert!(since.unread[0].ends_with("1 objects are missing: in a partial clone, fetch them first"), "{since:?}");
    // The content of the first commit is missing.
    git(&path, &["update-index", "--cacheinfo", &format!("100644,{},a", repository.git(&["rev-parse", "HEAD~1:a"]))]);
    std::fs::write(path.join("b"), format!("third {KEY}")).expect("a file is written");
    git(&path, &["add", "b"]);
    let staged = super::report(|report| scanner().scan_staged(&path, report)).expect("the index is scanned");
    assert_eq!((staged.findings.len(), staged.unread.len()), (1, 1), "{staged:?}");
    assert!(!marker.exists(), "a program was run");
}

#[test]
fn replaced_and_grafted_objects_are_scanned() {
    let repository = Repository::new();
    let commit = repository.commit("a", KEY, "Add a key");
    repository.commit("a", "", "Remove the key");
    let blob = repository.git(&["rev-parse", &format!("{commit}:a")]);
    let clean = repository.git(&["rev-parse", "HEAD:a"]);
    repository.git(&["replace", &blob, &clean]);
    let head = repository.git(&["rev-parse", "HEAD"]);
    repository.write(".git/info/grafts", format!("{head}\n"));
    let report = repository.scan();
    assert_eq!((&report.object().id, report.object().commit.as_ref()), (&blob, Some(&commit)));
    let since = super::report(|report| scanner().scan_since(&repository.path, "HEAD~2", report));
    assert_eq!(since.expect("the commits are scanned").object().id, blob);
}

#[test]
fn the_objects_around_a_damaged_object_are_scanned() {
    let repository = Repository::new();
    for number in 0..20 {
        repository.commit(&format!("file{number}"), format!("{number} {KEY}"), "Add a key");
    }
    for number in [3, 7, 8] {
        let id = repository.git(&["rev-parse", &format!("HEAD:file{number}")]);
        let path = repository.path.join(".git/objects").join(&id[..2]).join(&id[2..]);
        std::fs::remove_file(&path).expect("an object is removed");
        std::fs::write(&path, "damaged").expect("an object is written");
    }
    let report = repository.scan();
    assert_eq!(report.findings.len(), 17);
    assert!(report.unread.len() >= 3, "{:?}", report.unread);
}

#[cfg(unix)]
#[test]
fn links_in_the_folder_of_git_do_not_stop_a_scan() {
    use std::os::unix::fs::symlink;

    let repository = Repository::new();
    let commit = repository.commit("a", KEY, "Add a key");
    let folder = repository.path.join(".git");
    symlink(&folder, folder.join("loop")).expect("a link is made");
    symlink("missing", folder.join("broken")).expect("a link is made");
    let report = repository.scan();
    assert_eq!(report.findings[0].0.object.as_ref().and_then(|object| object.commit.as_ref()), Some(&commit));
    assert_eq!(report.unread.len(), 1, "{:?}", report.unread);
    assert!(report.unread[0].ends_with("links to folders are not followed"), "{:?}", report.unread);
}

#[cfg(unix)]
#[test]
fn a_scan_does_not_wait_for_a_fifo() {
    for path in [".git/refs/heads/fifo", ".git/objects/00/fifo", ".git/index"] {
        let repository = Repository::new();
        repository.write(".git/objects/00/other", "");
        let path = repository.path.join(path);
        let _ = std::fs::remove_file(&path);
        assert!(std::process::Command::new("mkfifo").arg(&path).status().expect("mkfifo runs").success());
        let error = report(|report| scanner().scan_git(&repository.path, report)).expect_err("an error");
        assert!(
            error.to_string().ends_with("fifo is not a file") || error.to_string().ends_with("index is not a file")
        );
        report(|report| scanner().scan_staged(&repository.path, report)).expect_err("an error");
    }
}

#[test]
fn names_with_control_characters_are_escaped() {
    let repository = Repository::new();
    let blob = repository.commit("a", "1", "Add a file");
    let id = repository.git(&["rev-parse", &format!("{blob}:a")]);
    let path = format!("line\n\u{1b}[2J{KEY}");
    repository.git(&["update-index", "--add", "--cacheinfo", &format!("100644,{id},{path}")]);
    repository.git(&["commit", "--quiet", "-m", "Add a name"]);
    let report = repository.scan();
    let place = report.findings.iter().find(|(place, _)| place.object.is_some()).map(|(place, _)| place.to_string());
    assert!(place.expect("a name is found").ends_with(r"› line\u{a}\u{1b}[2J…ries › file name"));
}
