//! The state file.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use codat_keys_emulator::{Emulator, EmulatorBuilder};
use serde_json::{Value, json};

use crate::support::{create, list, send, send_with_headers, send_with_key, set_state, text};

fn with_file(path: &Path) -> EmulatorBuilder {
    Emulator::builder().seed(7).state_file(path)
}

#[test]
fn keys_and_settings_survive_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.json");
    let emulator = with_file(&path).last_key_can_be_deleted(true).start().unwrap();
    let first_key = emulator.api_key().to_owned();
    create(&emulator, "kept");
    let gone = create(&emulator, "gone");
    assert_eq!(send(&emulator, "DELETE", &format!("/apiKeys/{}", text(&gone["id"])), None).status, 204);
    set_state(&emulator, &json!({"companies": 2}));
    let before = list(&emulator);
    drop(emulator);

    let emulator = with_file(&path).start().unwrap();
    assert_eq!(emulator.api_key(), first_key);
    assert_eq!(list(&emulator), before);
    assert_eq!(send_with_key(&emulator, text(&gone["apiKey"]), "GET", "/apiKeys", None).status, 401);
    let state = send_with_headers(&emulator, "GET", "/_emulator/state", &[], None).json();
    assert_eq!((&state["companies"], &state["lastKeyCanBeDeleted"]), (&json!(2), &json!(true)));
    drop(emulator);

    let emulator = with_file(&path).last_key_can_be_deleted(false).start().unwrap();
    let state = send_with_headers(&emulator, "GET", "/_emulator/state", &[], None).json();
    assert_eq!(state["lastKeyCanBeDeleted"], false, "the builder overrides the file");
}

#[test]
fn no_key_is_generated_twice() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.json");
    let mut seen: Vec<Value> = Vec::new();
    for _ in 0..4 {
        let emulator = with_file(&path).start().unwrap();
        for name in ["one", "two"] {
            let created = create(&emulator, name);
            assert_eq!(send(&emulator, "DELETE", &format!("/apiKeys/{}", text(&created["id"])), None).status, 204);
            assert!(!seen.contains(&created["apiKey"]) && !seen.contains(&created["id"]));
            seen.extend([created["apiKey"].clone(), created["id"].clone()]);
        }
    }
}

#[test]
fn an_account_without_keys_gets_a_first_key() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.json");
    let emulator = with_file(&path).start().unwrap();
    let before = emulator.api_key().to_owned();
    set_state(&emulator, &json!({"keys": []}));
    drop(emulator);
    let emulator = with_file(&path).start().unwrap();
    assert_ne!(emulator.api_key(), before);
    assert_eq!(send(&emulator, "GET", "/apiKeys", None).status, 200);
}

#[test]
fn a_file_written_by_hand_is_accepted() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.json");
    fs::write(&path, r#"{"keys":[{"apiKey":"made-up-key-by-hand"},{"name":"second"}],"rateLimit":{"remaining":3}}"#)
        .unwrap();
    let emulator = with_file(&path).start().unwrap();
    assert_eq!(emulator.api_key(), "made-up-key-by-hand");
    assert_eq!(list(&emulator)[1]["name"], "second");
}

#[test]
fn an_invalid_file_is_rejected_and_not_changed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.json");
    for invalid in [
        "",
        "{",
        "[]",
        r#"{"unknown":1}"#,
        r#"{"companies":"made-up-key-in-the-wrong-place"}"#,
        r#"{"keys":[{"id":"a"},{"id":"a"}]}"#,
    ] {
        fs::write(&path, invalid).unwrap();
        let error = with_file(&path).start().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidData, "{invalid}");
        let text = error.to_string();
        assert!(text.contains("state.json") && text.contains("move it away") && !text.contains("made-up"), "{text}");
        assert_eq!(fs::read_to_string(&path).unwrap(), invalid);
    }
}

#[test]
fn a_second_emulator_on_the_same_file_is_rejected() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.json");
    let first = with_file(&path).start().unwrap();
    let error = with_file(&path).start().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WouldBlock);
    assert!(error.to_string().contains("in use by another emulator"), "{error}");
    assert_eq!(send(&first, "GET", "/apiKeys", None).status, 200);
    drop(first);
    with_file(&path).start().unwrap();
}

#[test]
fn a_change_that_cannot_be_saved_is_not_made() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.json");
    let emulator = with_file(&path).start().unwrap();
    let before = (list(&emulator), fs::read(&path).unwrap());
    let id = text(&create(&emulator, "deleted later")["id"]).to_owned();
    let (with_two, file) = (list(&emulator), fs::read(&path).unwrap());
    assert_ne!(file, before.1, "the file is written before the response is sent");

    // A folder with the name of the temporary file makes every save fail, also for root.
    fs::create_dir(folder.path().join("state.json.tmp")).unwrap();
    assert_eq!(send(&emulator, "POST", "/apiKeys", None).status, 500);
    assert_eq!(send(&emulator, "DELETE", &format!("/apiKeys/{id}"), None).status, 500);
    assert_eq!(set_state(&emulator, &json!({"keys": []})).status, 500);
    assert_eq!((list(&emulator), fs::read(&path).unwrap()), (with_two, file));

    fs::remove_dir(folder.path().join("state.json.tmp")).unwrap();
    assert_eq!(send(&emulator, "DELETE", &format!("/apiKeys/{id}"), None).status, 204);
    assert_eq!(list(&emulator), before.0);
}

#[cfg(unix)]
#[test]
fn the_file_is_accessible_only_to_its_owner() {
    use std::os::unix::fs::PermissionsExt;

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.json");
    fs::write(&path, "{}").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    let emulator = with_file(&path).start().unwrap();
    create(&emulator, "private");
    for file in fs::read_dir(folder.path()).unwrap() {
        let file = file.unwrap();
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{:?}", file.file_name());
    }
}

#[test]
#[cfg(unix)]
fn special_files_are_rejected_and_not_changed() {
    let folder = tempfile::tempdir().unwrap();
    let (link, target) = (folder.path().join("link"), folder.path().join("target"));
    std::os::unix::fs::symlink("/dev/zero", &link).unwrap();
    for path in [link.as_path(), folder.path()] {
        let error = with_file(path).start().unwrap_err();
        assert!(error.to_string().contains("not a regular file"), "{error}");
    }
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink() && !target.exists());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "no lock file is left");
}

#[test]
#[cfg(unix)]
fn a_pipe_or_a_link_in_the_place_of_the_lock_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.json");
    let (lock, elsewhere) = (folder.path().join("state.json.lock"), folder.path().join("elsewhere"));
    let refused = || {
        let error = with_file(&path).start().map(drop).unwrap_err();
        assert!(
            error.to_string().ends_with("state.json.lock: not a regular file; choose another state file"),
            "{error}"
        );
    };
    assert!(std::process::Command::new("mkfifo").arg(&lock).status().unwrap().success());
    refused();
    fs::remove_file(&lock).unwrap();
    std::os::unix::fs::symlink(&elsewhere, &lock).unwrap();
    refused();
    assert!(!elsewhere.exists(), "the link is not followed");
}

#[test]
#[cfg(unix)]
fn files_of_other_users_are_rejected_and_not_changed() {
    use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.json");
    drop(with_file(&path).start().unwrap());
    let state = fs::read(&path).unwrap();
    for name in ["state.json", "state.json.lock"] {
        let file = folder.path().join(name);
        let rejected = |expected: &str| {
            let error = with_file(&path).start().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{error}");
            assert!(error.to_string().contains(&format!("{name}: {expected}")), "{error}");
            assert_eq!(fs::read(&path).unwrap(), state, "the file is unchanged");
        };
        for mode in [0o666, 0o620, 0o602] {
            fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
            rejected(&format!("can be changed by other users (mode {mode:04o}, owner "));
        }
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        let owner = fs::metadata(&file).unwrap().uid();
        // Only root can change the owner of a file.
        if chown(&file, Some(12_345), None).is_ok() {
            rejected(&format!("belongs to user 12345, not to user {owner} or root; "));
            chown(&file, Some(owner), None).unwrap();
        }
    }
    with_file(&path).start().unwrap();
}

#[test]
#[cfg(unix)]
fn a_temporary_file_of_another_user_stays() {
    use std::os::unix::fs::PermissionsExt;

    let folder = tempfile::tempdir().unwrap();
    let (path, temporary) = (folder.path().join("state.json"), folder.path().join("state.json.tmp"));
    fs::write(&temporary, "of another user").unwrap();
    fs::set_permissions(&temporary, fs::Permissions::from_mode(0o666)).unwrap();
    let error = with_file(&path).start().unwrap_err();
    assert!(error.to_string().contains("state.json.tmp: can be changed by other users"), "{error}");
    assert_eq!(fs::read(&temporary).unwrap(), b"of another user");
}
