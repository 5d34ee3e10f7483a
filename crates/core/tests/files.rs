//! Keys in files: which are refused, and how often one is looked at.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use codat_keys::{Client, ErrorKind};
use codat_keys_emulator::Emulator;

use crate::follow::{replace, set_mode};
use crate::providers::{NEW, OLD, builder, get, header_of, server};
use crate::raw_server::{RawServer, json};

#[cfg(unix)]
#[tokio::test]
async fn a_file_that_others_can_read_is_refused_unless_it_is_mounted() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("key");
    let build = |file: &Path| Client::builder().api_key_file(file).build();
    for (mode, taken) in [(0o600, true), (0o400, true), (0o640, true), (0o644, false), (0o604, false)] {
        fs::write(&file, NEW).unwrap();
        set_mode(&file, mode);
        let built = build(&file);
        assert_eq!(built.is_ok(), taken, "{mode:o}");
        if let Err(error) = built {
            assert_eq!(error.kind(), ErrorKind::InvalidCredential);
            assert!(error.hint().contains("chmod 600") && !format!("{error:?}").contains(NEW), "{error:?}");
        }
        set_mode(&file, 0o600);
    }
    set_mode(&file, 0o644);
    // A folder of that name is no mount.
    fs::create_dir(folder.path().join("..data")).unwrap();
    assert!(build(&file).is_err());
    fs::remove_dir(folder.path().join("..data")).unwrap();
    std::os::unix::fs::symlink("elsewhere", folder.path().join("..data")).unwrap();
    assert!(build(&file).is_ok());
}

/// The agent of a secret store writes such a file, and its reader cannot change the mode.
#[cfg(unix)]
#[tokio::test]
async fn a_file_of_another_owner_is_taken_as_its_owner_wants_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("key");
    fs::write(&file, NEW).unwrap();
    set_mode(&file, 0o644);
    if std::os::unix::fs::chown(&file, Some(12_345), None).is_err() {
        eprintln!("not tested: nobody but root gives a file away");
        return;
    }
    let client = Client::builder().api_key_file(&file).build().unwrap();
    let header = client.authorization_for(client.base_url()).unwrap();
    assert!(header_of(NEW).contains(header.expose_secret()));
    assert!(codat_keys::is_readable_by_all(&file));
    std::os::unix::fs::chown(&file, Some(0), None).unwrap();
    assert!(Client::builder().api_key_file(&file).build().is_err());
}

/// Whoever owns it: what others write there would be used as the key.
#[cfg(unix)]
#[tokio::test]
async fn a_file_that_others_can_write_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("the key");
    fs::write(&file, NEW).unwrap();
    for owner in [None, Some(12_345)] {
        if std::os::unix::fs::chown(&file, owner, None).is_err() {
            eprintln!("not tested: nobody but root gives a file away");
            return;
        }
        for mode in [0o622, 0o602, 0o620, 0o660, 0o666] {
            set_mode(&file, mode);
            let error = Client::builder().api_key_file(&file).build().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidCredential);
            let said = format!("can be changed by other users (mode {mode:04o}, owner {})", owner.unwrap_or_else(user));
            assert!(error.to_string().ends_with(&said), "{error}");
            let hint = format!("run: chmod go-w '{}'", file.display());
            assert_eq!(error.hint(), hint);
        }
    }
    set_mode(&file, 0o440);
    Client::builder().api_key_file(&file).build().unwrap();
}

/// The owner of the files that this process makes.
#[cfg(unix)]
fn user() -> u32 {
    std::os::unix::fs::MetadataExt::uid(&tempfile::tempfile().unwrap().metadata().unwrap())
}

/// Whoever can add a certificate to those that are trusted can read the key.
#[cfg(unix)]
#[tokio::test]
async fn a_ca_file_that_others_control_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let inner = folder.path().join("certificates");
    let file = inner.join("ca.pem");
    fs::create_dir(&inner).unwrap();
    fs::write(&file, rcgen::generate_simple_self_signed(["a.example".to_owned()]).unwrap().cert.pem()).unwrap();
    let build = || Client::builder().api_key(codat_keys::ApiKey::parse(NEW).unwrap()).ca_file(&file).build();
    let is_refused = |said: &str| {
        let error = build().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.to_string().contains("is not trusted: the ") && error.to_string().contains(said), "{error}");
        assert!(error.hint().contains(": chmod go-w /") || error.hint().contains(": chown "), "{error:?}");
        let variable = |name: &str| match name {
            "CODAT_CA_FILE" => Some(file.clone().into()),
            name => (name == "CODAT_API_KEY").then(|| NEW.into()),
        };
        let error = Client::builder().build_in(&variable).unwrap_err();
        assert!(error.to_string().starts_with("the file that CODAT_CA_FILE names"), "{error}");
    };
    for (path, others, own) in
        [(&file, 0o646, 0o644), (&file, 0o664, 0o644), (&inner, 0o777, 0o755), (&inner, 0o775, 0o755)]
    {
        set_mode(path, others);
        is_refused(&format!("{} can be changed by other users (mode {others:04o}", path.display()));
        set_mode(path, own);
        build().unwrap();
    }
    for path in [&file, &inner] {
        if std::os::unix::fs::chown(path, Some(12_345), None).is_err() {
            eprintln!("not tested: nobody but root gives a file away");
            return;
        }
        is_refused(&format!("{} belongs to user 12345", path.display()));
        std::os::unix::fs::chown(path, Some(0), None).unwrap();
    }
    build().unwrap();
}

/// Files as the editors and shells of Windows write them.
#[tokio::test]
async fn a_file_with_a_byte_order_mark_is_read_in_utf8_and_utf16() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("key");
    let units = |bytes: fn(u16) -> [u8; 2], text: &str| text.encode_utf16().flat_map(bytes).collect::<Vec<u8>>();
    let marked = format!("\u{feff}{NEW}\r\n");
    let build = |bytes: &[u8]| {
        fs::write(&file, bytes).unwrap();
        #[cfg(unix)]
        set_mode(&file, 0o600);
        Client::builder().api_key_file(&file).build()
    };
    for bytes in [marked.clone().into_bytes(), units(u16::to_le_bytes, &marked), units(u16::to_be_bytes, &marked)] {
        let client = build(&bytes).unwrap();
        let header = client.authorization_for(client.base_url()).unwrap();
        assert!(header_of(NEW).contains(header.expose_secret()));
    }
    for (bytes, said) in
        [(units(u16::to_le_bytes, NEW), "is encoded as UTF-16"), (b"cl\xe9".to_vec(), "is not encoded as UTF-8")]
    {
        let error = build(&bytes).unwrap_err();
        assert_eq!((error.kind(), error.hint()), (ErrorKind::InvalidCredential, "save it as UTF-8"));
        assert!(error.to_string().ends_with(said), "{error}");
    }
}

#[tokio::test]
async fn a_ca_file_in_utf16_is_read_with_its_mark_and_named_without() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ca.pem");
    let issued = rcgen::generate_simple_self_signed(["a.example".to_owned()]).unwrap();
    let pem = issued.cert.pem();
    let build = |text: &str| {
        fs::write(&file, text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>()).unwrap();
        Client::builder().api_key(codat_keys::ApiKey::parse(NEW).unwrap()).ca_file(&file).build()
    };
    assert!(build(&format!("\u{feff}{pem}")).is_ok());
    let error = build(&pem).unwrap_err();
    assert!(error.to_string().ends_with("is encoded as UTF-16: save it as UTF-8"), "{error}");
    fs::write(&file, format!("\u{feff}{pem}")).unwrap();
    assert!(Client::builder().api_key(codat_keys::ApiKey::parse(NEW).unwrap()).ca_file(&file).build().is_ok());
}

#[cfg(unix)]
#[tokio::test]
async fn what_is_no_file_is_said_to_be_none() {
    let folder = tempfile::tempdir().unwrap();
    for (path, said) in [(folder.path(), "is a folder"), (Path::new("/dev/zero"), "is no regular file")] {
        let error = Client::builder().api_key_file(path).build().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidCredential);
        assert!(error.to_string().ends_with(said), "{error}");
    }
}

/// Whoever opens a pipe waits for somebody who writes into it.
#[cfg(unix)]
#[tokio::test]
async fn a_pipe_in_the_place_of_a_file_is_not_waited_for() {
    let emulator = Emulator::start().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("key");
    fs::write(&file, emulator.api_key()).unwrap();
    set_mode(&file, 0o600);
    let client = Client::builder().base_url(emulator.base_url()).api_key_file(&file).build().unwrap();
    client.keys().list().await.unwrap();
    fs::remove_file(&file).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(&file).status().unwrap().success());
    // A file is checked at most once a second.
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    client.keys().list().await.unwrap();
    assert!(client.reload_key().await.unwrap_err().to_string().ends_with("is no regular file"));
}

#[cfg(unix)]
#[test]
fn a_pipe_that_nobody_writes_to_is_waited_for_as_long_as_a_call_may_take() {
    let (folder, time) = (tempfile::tempdir().unwrap(), Duration::from_millis(200));
    let pipe = |name: &str| {
        let path = folder.path().join(name);
        assert!(std::process::Command::new("mkfifo").args(["-m", "600"]).arg(&path).status().unwrap().success());
        path
    };
    let named_by_variable = |path: &Path| {
        let environment = |name: &str| (name == "CODAT_API_KEY_FILE").then(|| path.as_os_str().to_owned());
        Client::builder().timeout(time).build_in(&environment)
    };
    for built in [named_by_variable(&pipe("a")), Client::builder().api_key_file(pipe("b")).timeout(time).build()] {
        let error = built.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Timeout);
        assert!(error.to_string().ends_with(" is a pipe, from which no whole key came within 200ms"), "{error}");
    }
    let path = pipe("c");
    let writer = std::thread::spawn({
        let path = path.clone();
        move || fs::write(path, NEW).unwrap()
    });
    let client = Client::builder().api_key_file(path).build().unwrap();
    let header = client.authorization_for(client.base_url()).unwrap();
    assert!(header_of(NEW).contains(header.expose_secret()));
    writer.join().unwrap();
}

/// What every user can read is taken where Docker mounts secrets, and by a link that leads there.
#[cfg(unix)]
#[tokio::test]
async fn a_file_that_others_can_read_is_taken_below_run_secrets() {
    let Some(mounted) = Mounted::new() else {
        eprintln!("not tested: nobody but root writes below /run/secrets");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let link = folder.path().join("key");
    std::os::unix::fs::symlink(&mounted.0, &link).unwrap();
    for file in [&mounted.0, &link] {
        assert!(Client::builder().api_key_file(file).build().is_ok());
    }
    let copy = folder.path().join("copy");
    fs::copy(&mounted.0, &copy).unwrap();
    assert!(Client::builder().api_key_file(&copy).build().is_err());
}

/// A file in `/run/secrets` with a made-up key, removed when this is dropped.
#[cfg(unix)]
struct Mounted(PathBuf);

#[cfg(unix)]
impl Mounted {
    fn new() -> Option<Self> {
        fs::create_dir_all("/run/secrets").ok()?;
        let mounted = Self(Path::new("/run/secrets").join(format!("codat-keys-test-{}", uuid::Uuid::new_v4())));
        fs::write(&mounted.0, NEW).ok()?;
        set_mode(&mounted.0, 0o644);
        Some(mounted)
    }
}

#[cfg(unix)]
impl Drop for Mounted {
    fn drop(&mut self) {
        drop(fs::remove_file(&self.0));
        // Unless it is in use.
        drop(fs::remove_dir("/run/secrets"));
    }
}

/// Within a second after a look nobody looks again, as long as the key is not refused.
#[tokio::test]
async fn a_file_is_looked_at_once_a_second_at_the_most() {
    let server = RawServer::with_replies(vec![json(200, "{}")]);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("key");
    // A machine may sleep in between: then a look was due.
    for _ in 0..20 {
        replace(&file, OLD);
        let client = builder(&server).api_key_file(&file).build().unwrap();
        let begun = Instant::now();
        get(&client).await.unwrap();
        replace(&file, NEW);
        for _ in 0..10 {
            get(&client).await.unwrap();
        }
        if begun.elapsed() < Duration::from_millis(900) {
            let last = server.requests().pop().unwrap();
            assert!(last.contains(&header_of(OLD)), "it was looked at again");
            return;
        }
    }
    panic!("this machine is too slow to tell");
}

/// Half a file, as who writes in place leaves it for a moment, ends no call.
#[tokio::test]
async fn a_file_that_holds_no_key_for_a_while_leaves_the_key_in_use() {
    let (folder, server) = (tempfile::tempdir().unwrap(), server());
    let file = folder.path().join("key");
    replace(&file, NEW);
    let client = builder(&server).api_key_file(&file).build().unwrap();
    replace(&file, "");
    get(&client).await.unwrap();
    assert!(client.reload_key().await.unwrap_err().to_string().ends_with("is empty"));
    fs::remove_file(&file).unwrap();
    get(&client).await.unwrap();
}
