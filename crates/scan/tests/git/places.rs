//! The places in a repository that `git log -p` and a search of the worktree do not show.

use super::{KEY, Repository, git};

#[test]
fn a_key_in_a_deleted_file_is_found() {
    let repository = Repository::new();
    let commit = repository.commit("config/live.env", format!("KEY={KEY}\n"), "Add settings");
    repository.commit("config/live.env", format!("KEY={KEY}\nPORT=1\n"), "Add port");
    repository.git(&["rm", "--quiet", "config/live.env"]);
    repository.git(&["commit", "--quiet", "-m", "Remove settings"]);
    let report = repository.scan();
    let objects = report.objects();
    assert_eq!(objects.len(), 2);
    assert_eq!(objects[0].kind, "blob");
    assert_eq!(objects[0].path.as_deref(), Some("config/live.env"));
    assert_eq!(objects[0].commit.as_ref(), Some(&commit));
    assert_eq!((report.findings[0].1.line, report.findings[0].1.column), (1, 5));
    assert!(report.findings[0].0.to_string().ends_with("project › config/live.env"), "{:?}", report.findings);
}

#[test]
fn the_oldest_commit_is_named_if_a_file_was_moved_and_restored() {
    let repository = Repository::new();
    let oldest = repository.commit("a", KEY, "Add");
    repository.git(&["mv", "a", "b"]);
    repository.git(&["commit", "--quiet", "-m", "Move"]);
    repository.git(&["rm", "--quiet", "b"]);
    repository.git(&["commit", "--quiet", "-m", "Remove"]);
    repository.commit("c", KEY, "Restore");
    let report = repository.scan();
    assert_eq!((report.object().path.as_deref(), report.object().commit.as_ref()), (Some("a"), Some(&oldest)));
}

#[test]
fn a_key_that_only_a_merge_commit_adds_is_found() {
    let repository = Repository::new();
    repository.git(&["checkout", "--quiet", "-b", "side"]);
    repository.commit("side", "1", "Side");
    repository.git(&["checkout", "--quiet", "main"]);
    repository.commit("main", "2", "Main");
    repository.git(&["merge", "--quiet", "--no-commit", "--no-ff", "side"]);
    let merge = repository.commit("resolved", KEY, "Merge");
    repository.commit("resolved", "", "Clean up");
    assert_eq!(repository.scan().object().commit.as_ref(), Some(&merge));
}

#[test]
fn a_key_in_a_stash_is_found() {
    let repository = Repository::new();
    repository.write("README", KEY);
    repository.git(&["stash", "--quiet"]);
    let report = repository.scan();
    assert_eq!(report.object().path.as_deref(), Some("README"));
    assert!(report.object().commit.is_some());
    assert!(!report.object().is_unreachable);
}

#[test]
fn a_key_in_an_amended_commit_is_found() {
    let repository = Repository::new();
    let first = repository.commit("settings", KEY, "Add settings");
    repository.stage("settings", "");
    repository.git(&["commit", "--quiet", "--amend", "-m", "Add settings"]);
    let report = repository.scan();
    assert_eq!((report.object().commit.as_ref(), report.object().is_unreachable), (Some(&first), false));

    repository.git(&["reflog", "expire", "--expire=now", "--all"]);
    let report = repository.scan();
    assert_eq!((report.object().commit.as_ref(), report.object().is_unreachable), (Some(&first), true));
    assert_eq!(report.object().path.as_deref(), Some("settings"));
}

#[test]
fn a_key_in_a_dangling_blob_is_found() {
    let repository = Repository::new();
    repository.stage("settings", KEY);
    let id = repository.git(&["rev-parse", ":settings"]);
    assert!(!repository.scan().object().is_unreachable, "the index holds the object");
    repository.git(&["rm", "--quiet", "--cached", "settings"]);
    let report = repository.scan();
    let object = report.object();
    assert_eq!((&object.id, &object.path, &object.commit, object.is_unreachable), (&id, &None, &None, true));
    assert!(report.findings[0].0.to_string().contains(&format!("› blob {}", &id[..12])));
}

#[test]
fn a_key_in_a_binary_file_is_found() {
    let repository = Repository::new();
    let mut bytes: Vec<u8> = (0..3 << 20).map(|at: u32| (at.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let at = bytes.len() - 1000;
    bytes[at..at + KEY.len()].copy_from_slice(KEY.as_bytes());
    repository.commit("large.bin", &bytes, "Add a large file");
    repository.commit("small.bin", [b"\0\xff\x01".as_slice(), KEY.as_bytes(), b"\0\0"].concat(), "Add a small file");
    let report = repository.scan();
    let paths: Vec<_> = report.objects().iter().map(|object| object.path.clone().unwrap_or_default()).collect();
    assert_eq!(paths, ["large.bin", "small.bin"]);
    assert_eq!(report.findings[0].1.range.start, at as u64);
}

#[test]
fn a_key_in_the_message_of_a_tag_is_found() {
    let repository = Repository::new();
    repository.git(&["tag", "-a", "v1", "-m", &format!("Released with {KEY}")]);
    let report = repository.scan();
    assert_eq!((report.object().kind.as_str(), report.object().path.as_deref()), ("tag", Some("v1")));
    assert_eq!((report.object().commit.as_ref(), report.object().is_unreachable), (None, false));
}

#[test]
fn a_key_in_the_name_of_a_branch_or_a_tag_is_found() {
    let repository = Repository::new();
    repository.git(&["branch", KEY]);
    repository.git(&["tag", &format!("release/{KEY}")]);
    let files = repository.scan().files();
    assert!(files.contains(&"refs/heads/…ries › file name".to_owned()), "{files:?}");
    assert!(files.contains(&"refs/tags/release/…ries › file name".to_owned()), "{files:?}");

    repository.git(&["pack-refs", "--all"]);
    let files = repository.scan().files();
    assert_eq!(files.iter().filter(|file| *file == "packed-refs").count(), 2, "{files:?}");
}

#[test]
fn a_key_in_the_name_of_a_file_is_found_once() {
    let repository = Repository::new();
    let commit = repository.commit(&format!("keys/{KEY}/id.txt"), "1", "Add a file");
    repository.commit(&format!("keys/{KEY}/id.txt"), "2", "Change the file");
    repository.commit("keys/other", "2", "Change the folder");
    repository.git(&["rm", "--quiet", "-r", "keys"]);
    repository.git(&["commit", "--quiet", "-m", "Remove the folder"]);
    let report = repository.scan();
    let object = report.object();
    assert_eq!((object.kind.as_str(), object.path.as_deref()), ("tree", Some("keys/…ries")));
    assert_eq!(object.commit.as_ref(), Some(&commit));
    assert_eq!(report.findings[0].0.names[1..], ["keys/…ries", "file name"]);
}

#[test]
fn a_key_in_a_commit_message_or_the_name_of_an_author_is_found() {
    let repository = Repository::new();
    let first = repository.commit("a", "1", &format!("Use {KEY}"));
    repository.stage("b", "2");
    repository.git(&["commit", "--quiet", "-m", "Add b", &format!("--author={KEY} <b@example.com>")]);
    let second = repository.git(&["rev-parse", "HEAD"]);
    let report = repository.scan();
    let objects = report.objects();
    assert_eq!(objects.iter().map(|object| &object.id).collect::<Vec<_>>(), [&first, &second]);
    assert!(objects.iter().all(|object| object.kind == "commit" && object.commit.as_ref() == Some(&object.id)));
}

#[test]
fn a_key_in_a_note_is_found() {
    let repository = Repository::new();
    repository.git(&["notes", "add", "-m", &format!("Deployed with {KEY}")]);
    let note = repository.git(&["rev-parse", "refs/notes/commits"]);
    assert_eq!(repository.scan().object().commit.as_ref(), Some(&note));
}

#[test]
fn a_key_in_a_reflog_is_found() {
    let repository = Repository::new();
    repository.commit("a", "1", "Add a");
    repository.git(&["update-ref", "-m", &format!("reset: {KEY}"), "HEAD", "HEAD~1"]);
    let mut files = repository.scan().files();
    files.sort();
    assert_eq!(files, ["logs/HEAD", "logs/refs/heads/main"]);
}

#[test]
fn a_key_in_the_configuration_or_another_file_of_git_is_found() {
    let repository = Repository::new();
    repository.git(&["remote", "add", "origin", &format!("https://{KEY}@example.com/project.git")]);
    repository.write(".git/hooks/post-commit", format!("curl -u {KEY}: https://example.com"));
    repository.write(".git/description", KEY);
    repository.write(".git/COMMIT_EDITMSG", KEY);
    let mut files = repository.scan().files();
    files.sort();
    assert_eq!(files, ["COMMIT_EDITMSG", "config", "description", "hooks/post-commit"]);
}

#[test]
fn a_repository_without_a_key_is_clean() {
    let repository = Repository::new();
    git(&repository.path, &["gc", "--quiet"]);
    let report = repository.scan();
    assert!(report.findings.is_empty() && report.unread.is_empty(), "{report:?}");
    assert!(report.totals.texts > 3 && report.totals.bytes > 100);
}

#[cfg(feature = "archive")]
#[test]
fn a_key_in_an_archive_in_a_commit_is_found() {
    use std::io::Write as _;

    let mut archive = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    archive.write_all(format!("first line\n{KEY}").as_bytes()).expect("it is compressed");
    let archive = archive.finish().expect("it is compressed");
    let repository = Repository::new();
    let commit = repository.commit("small.gz", &archive, "Add an archive");
    // The bytes after the archive are damaged.
    repository.commit("large.gz", [archive, vec![0; 2 << 20]].concat(), "Add a large archive");
    let report = repository.scan();
    assert_eq!(report.unread.len(), 1, "{report:?}");
    let found: Vec<_> =
        report.findings.iter().map(|(place, finding)| (place.names.last().cloned(), finding.line)).collect();
    assert_eq!(found, [(Some("small.gz".to_owned()), 2), (Some("large.gz".to_owned()), 2)]);
    let object = report.findings[0].0.object.as_ref().expect("an object");
    assert_eq!((object.path.as_deref(), object.commit.as_ref()), (Some("small.gz"), Some(&commit)));
}
