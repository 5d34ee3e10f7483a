//! Scans of the staged files, and of the commits since a revision.

use super::{KEY, Report, Repository, git, report, scanner};
use codat_keys_scan::Error;

fn scan_staged(repository: &Repository) -> Report {
    report(|report| scanner().scan_staged(&repository.path, report)).expect("the index is scanned")
}

fn scan_since(repository: &Repository, revision: &str) -> Result<Report, Error> {
    report(|report| scanner().scan_since(&repository.path, revision, report))
}

#[test]
fn a_staged_key_is_found_and_a_key_in_the_worktree_or_a_commit_is_not() {
    let repository = Repository::new();
    repository.commit("committed", KEY, "Add a key");
    repository.write("untracked", KEY);
    repository.write("README", KEY);
    assert!(scan_staged(&repository).findings.is_empty());
    assert_eq!(scan_staged(&repository).totals.texts, 0);

    repository.stage("folder/new file", format!("1\n2 {KEY}"));
    repository.git(&["rm", "--quiet", "--cached", "committed"]);
    let report = scan_staged(&repository);
    assert_eq!(report.object().path.as_deref(), Some("folder/new file"));
    assert_eq!((report.object().commit.as_ref(), report.object().is_unreachable), (None, false));
    assert_eq!((report.findings[0].1.line, report.totals.texts), (2, 1));
    assert!(report.findings[0].0.to_string().ends_with("project › folder/new file"));
}

#[test]
fn a_change_that_is_staged_is_scanned_and_not_the_file_in_the_worktree() {
    let repository = Repository::new();
    repository.stage("README", KEY);
    repository.write("README", "clean");
    assert_eq!(scan_staged(&repository).object().path.as_deref(), Some("README"));
}

#[test]
fn everything_is_staged_before_the_first_commit() {
    for options in [&[][..], &["--object-format=sha256"]] {
        let repository = Repository::empty(options);
        repository.stage("a", KEY);
        assert_eq!(scan_staged(&repository).object().path.as_deref(), Some("a"));
    }
}

#[test]
fn the_path_of_a_staged_file_is_scanned() {
    let repository = Repository::new();
    repository.stage(&format!("keys/{KEY}"), "1");
    let report = scan_staged(&repository);
    assert_eq!(report.findings.len(), 1);
    assert_eq!(report.findings[0].0.names[1..], ["keys/…ries", "file name"]);
}

#[test]
fn a_staged_submodule_is_not_an_error() {
    let module = Repository::new();
    let repository = Repository::new();
    repository.git(&["submodule", "--quiet", "add", &module.path.display().to_string(), "module"]);
    let report = scan_staged(&repository);
    assert!(report.findings.is_empty() && report.unread.is_empty(), "{report:?}");
    assert_eq!(report.totals.texts, 1);
}

#[test]
fn only_new_commits_are_scanned_since_a_revision() {
    let repository = Repository::new();
    repository.commit("old", format!("old {KEY}"), "Add a key");
    repository.git(&["tag", "v1"]);
    let second = repository.commit("folder/new", format!("new {KEY}"), "Add another key");
    repository.commit("folder/new", "", "Remove the key");
    let message = repository.commit("b", "", &format!("Use {KEY}"));
    repository.commit(KEY, "", "Add a file");
    let report = scan_since(&repository, "v1").expect("the commits are scanned");
    let found: Vec<_> =
        report.objects().into_iter().map(|object| (object.kind.as_str(), object.path.as_deref())).collect();
    assert_eq!(found, [("blob", Some("folder/new")), ("commit", None), ("tree", Some("…ries"))]);
    let commits: Vec<_> = report.objects().into_iter().map(|object| object.commit.clone()).collect();
    assert_eq!(commits[..2], [Some(second), Some(message)]);

    let report = scan_since(&repository, "HEAD").expect("there is nothing to scan");
    assert!(report.findings.is_empty() && report.totals.texts == 0);
}

#[test]
fn an_unknown_revision_is_an_error() {
    let repository = Repository::new();
    for revision in ["unknown", "", "--all", "-1", "HEAD..main", "HEAD:README", "a\0b", KEY] {
        let error = scan_since(&repository, revision).expect_err("an error");
        assert!(matches!(error, Error::UnknownRevision(_)), "{revision}: {error}");
        assert!(!error.to_string().contains(KEY));
    }
    let empty = Repository::empty(&[]);
    assert!(matches!(scan_since(&empty, "HEAD"), Err(Error::UnknownRevision(_))));
}

#[test]
fn a_linked_worktree_has_its_own_index() {
    let repository = Repository::new();
    repository.stage("a", KEY);
    repository.git(&["worktree", "add", "--quiet", "-b", "side", "../linked"]);
    let linked = repository.folder.path().join("linked");
    let scan = || report(|report| scanner().scan_staged(&linked, report)).expect("the index is scanned");
    assert!(scan().findings.is_empty());
    std::fs::write(linked.join("b"), KEY).expect("a file is written");
    git(&linked, &["add", "b"]);
    assert_eq!(scan().object().path.as_deref(), Some("b"));
}

/// Runs this test again in a hook of git.
#[cfg(unix)]
#[test]
fn the_index_that_git_prepares_for_a_hook_is_scanned() {
    use std::os::unix::fs::PermissionsExt as _;

    if let Ok(folder) = std::env::var("SCANNED_IN_HOOK") {
        let report = report(|report| scanner().scan_staged(folder.as_ref(), report)).expect("the index is scanned");
        assert_eq!(report.object().path.as_deref(), Some("only"));
        return;
    }
    let repository = Repository::new();
    repository.commit("only", "1", "Add a file");
    repository.stage("other", KEY);
    repository.write("only", KEY);
    let program = std::env::current_exe().expect("the path of the tests");
    let name = "git::selection::the_index_that_git_prepares_for_a_hook_is_scanned";
    let hook = format!("#!/bin/sh\nSCANNED_IN_HOOK=. exec '{}' --exact {name}\n", program.display());
    repository.write(".git/hooks/pre-commit", hook);
    let path = repository.path.join(".git/hooks/pre-commit");
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).expect("the mode is set");
    // Git does not commit if the hook fails.
    repository.git(&["commit", "--quiet", "-m", "Change a file", "--", "only"]);
}
