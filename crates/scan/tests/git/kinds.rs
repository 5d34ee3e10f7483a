//! Kinds of repositories.

use super::{KEY, Report, Repository, git, report, scan, scanner};
use codat_keys_scan::Error;

fn assert_found_in(report: &Report, path: &str, commit: &str) {
    assert_eq!((report.object().path.as_deref(), report.object().commit.as_deref()), (Some(path), Some(commit)));
}

#[test]
fn a_packed_repository_is_scanned() {
    let repository = Repository::new();
    let commit = repository.commit("a", format!("{}{KEY}", "text\n".repeat(1000)), "Add a key");
    repository.commit("a", "text\n".repeat(1001), "Remove the key");
    repository.git(&["gc", "--quiet", "--aggressive"]);
    assert_found_in(&repository.scan(), "a", &commit);
}

#[test]
fn a_repository_with_sha_256_is_scanned() {
    let repository = Repository::empty(&["--object-format=sha256"]);
    let commit = repository.commit("a", KEY, "Add a key");
    assert_eq!(commit.len(), 64);
    assert_found_in(&repository.scan(), "a", &commit);
    let renamed = repository.commit(KEY, "1", "Add a name");
    let report = repository.scan();
    let name = report.objects().into_iter().find(|object| object.kind == "tree").expect("a name is found");
    assert_eq!((name.path.as_deref(), name.commit.as_ref()), (Some("…ries"), Some(&renamed)));
}

#[test]
fn a_linked_worktree_and_its_repository_are_scanned() {
    let repository = Repository::new();
    let linked = repository.folder.path().join("linked");
    repository.git(&["worktree", "add", "--quiet", "-b", "side", "../linked"]);
    git(&linked, &["checkout", "--quiet", "--detach"]);
    std::fs::write(linked.join("a"), KEY).expect("a file is written");
    git(&linked, &["add", "a"]);
    git(&linked, &["commit", "--quiet", "-m", "Add a key"]);
    let commit = git(&linked, &["rev-parse", "HEAD"]);
    git(&linked, &["reflog", "expire", "--expire=now", "--all"]);
    for path in [&repository.path, &linked] {
        let report = scan(path);
        assert_found_in(&report, "a", &commit);
        assert!(!report.object().is_unreachable);
    }
}

#[test]
fn a_shallow_clone_is_scanned() {
    let repository = Repository::new();
    repository.commit("old", format!("old {KEY}"), "Add a key");
    repository.git(&["rm", "--quiet", "old"]);
    let commit = repository.commit("new", format!("new {KEY}"), "Move the key");
    let url = format!("file://{}", repository.path.display());
    git(repository.folder.path(), &["clone", "--quiet", "--depth=1", &url, "shallow"]);
    assert_found_in(&scan(&repository.folder.path().join("shallow")), "new", &commit);
}

#[test]
fn a_bare_repository_is_scanned() {
    let repository = Repository::new();
    let commit = repository.commit("a", KEY, "Add a key");
    git(repository.folder.path(), &["clone", "--quiet", "--bare", "project", "bare.git"]);
    assert_found_in(&scan(&repository.folder.path().join("bare.git")), "a", &commit);
}

#[test]
fn the_repository_of_a_submodule_is_scanned() {
    let module = Repository::new();
    let commit = module.commit("a", KEY, "Add a key");
    module.commit("a", "", "Remove the key");
    let repository = Repository::new();
    let url = module.path.display().to_string();
    repository.git(&["submodule", "--quiet", "add", "--name", "group/module", &url, "module"]);
    repository.git(&["commit", "--quiet", "-m", "Add a submodule"]);
    let report = repository.scan();
    assert_found_in(&report, "a", &commit);
    assert!(report.findings[0].0.names[0].ends_with("project/.git/modules/group/module"));
}

#[test]
fn objects_of_an_alternate_repository_are_scanned() {
    let repository = Repository::new();
    let commit = repository.commit("a", KEY, "Add a key");
    git(repository.folder.path(), &["clone", "--quiet", "--shared", "project", "borrower"]);
    assert_found_in(&scan(&repository.folder.path().join("borrower")), "a", &commit);
}

#[test]
fn the_repository_of_a_folder_in_the_worktree_is_scanned() {
    let repository = Repository::new();
    let commit = repository.commit("folder/a", KEY, "Add a key");
    assert_found_in(&scan(&repository.path.join("folder")), "folder/a", &commit);
}

#[test]
fn a_folder_without_a_repository_is_an_error() {
    let folder = tempfile::tempdir().expect("a folder");
    let error = report(|report| scanner().scan_git(folder.path(), report)).expect_err("no repository");
    assert!(matches!(error, Error::NotARepository(_)), "{error}");
    let error = report(|report| scanner().scan_git(&folder.path().join(KEY), report)).expect_err("no folder");
    assert!(matches!(error, Error::Unreadable { .. }) && !error.to_string().contains(KEY), "{error}");
}

/// Runs this test again without programs.
#[test]
fn a_computer_without_git_is_an_error() {
    if let Ok(folder) = std::env::var("SCANNED_WITHOUT_GIT") {
        let error = report(|report| scanner().scan_git(folder.as_ref(), report)).expect_err("git cannot be run");
        assert!(matches!(error, Error::GitNotStarted(_)), "{error}");
        return;
    }
    let repository = Repository::new();
    let status = std::process::Command::new(std::env::current_exe().expect("the path of the tests"))
        .args(["--exact", "git::kinds::a_computer_without_git_is_an_error"])
        .env("SCANNED_WITHOUT_GIT", &repository.path)
        .env("PATH", repository.folder.path())
        .status()
        .expect("the tests run");
    assert!(status.success());
}

#[cfg(unix)]
#[test]
fn a_repository_of_another_user_is_scanned_only_if_it_is_named() {
    let repository = Repository::new();
    repository.commit("folder/a", KEY, "Add a key");
    let another = Some(65_533);
    for path in [&repository.path, &repository.path.join(".git")] {
        if std::os::unix::fs::chown(path, another, another).is_err() {
            // Only the administrator can do this.
            return;
        }
    }
    assert_eq!(repository.scan().findings.len(), 1);
    let error = report(|report| scanner().scan_git(&repository.path.join("folder"), report)).expect_err("an error");
    assert!(matches!(error, Error::UnsafeOwner(_)), "{error}");
}
