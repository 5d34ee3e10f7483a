//! Key files and CA files: which files are accepted, and how often a key file is read.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use codat_keys::{Client, ErrorKind};
use codat_keys_emulator::Emulator;

use crate::bounded::LIMIT;
use crate::credential_refresh::{replace, set_mode};
use crate::providers::{NEW, OLD, builder, get, header_of, server};
use crate::raw_server::{RawServer, json};

#[cfg(unix)]
#[tokio::test]
async fn a_file_that_others_can_read_is_rejected_unless_it_is_mounted() {
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
    // In a Kubernetes mount, `..data` is a link. A folder named `..data` is not a mount.
    fs::create_dir(folder.path().join("..data")).unwrap();
    assert!(build(&file).is_err());
    fs::remove_dir(folder.path().join("..data")).unwrap();
    std::os::unix::fs::symlink("elsewhere", folder.path().join("..data")).unwrap();
    assert!(build(&file).is_ok());
}

/// Another user can own the key file and let all users read it. The user of this process cannot change that.
#[cfg(unix)]
#[tokio::test]
async fn a_file_of_another_owner_is_accepted_if_others_can_read_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("key");
    fs::write(&file, NEW).unwrap();
    set_mode(&file, 0o644);
    if std::os::unix::fs::chown(&file, Some(12_345), None).is_err() {
        eprintln!("skipped: only root can change the owner of a file");
        return;
    }
    let client = Client::builder().api_key_file(&file).build().unwrap();
    let header = client.authorization_for(client.base_url()).unwrap();
    assert!(header_of(NEW).contains(header.expose_secret()));
    assert!(codat_keys::internal::is_readable_by_all(&file));
    std::os::unix::fs::chown(&file, Some(0), None).unwrap();
    assert!(Client::builder().api_key_file(&file).build().is_err());
}

/// A file that other users can write is always rejected, because they could replace the key.
#[cfg(unix)]
#[tokio::test]
async fn a_file_that_others_can_write_is_rejected() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("the key");
    fs::write(&file, NEW).unwrap();
    for owner in [None, Some(12_345)] {
        if std::os::unix::fs::chown(&file, owner, None).is_err() {
            eprintln!("skipped: only root can change the owner of a file");
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

/// Returns the owner of the files that this process creates.
#[cfg(unix)]
fn user() -> u32 {
    std::os::unix::fs::MetadataExt::uid(&tempfile::tempfile().unwrap().metadata().unwrap())
}

/// A CA file that other users can write is rejected, because they could intercept requests.
#[cfg(unix)]
#[tokio::test]
async fn a_ca_file_that_others_control_is_rejected() {
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
            eprintln!("skipped: only root can change the owner of a file");
            return;
        }
        is_refused(&format!("{} belongs to user 12345", path.display()));
        std::os::unix::fs::chown(path, Some(0), None).unwrap();
    }
    build().unwrap();
}

/// Editors and shells of Windows write files with a byte order mark.
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

/// A file of the wrong kind must not use up the memory.
#[tokio::test]
async fn a_ca_file_has_at_most_16_mib() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ca.pem");
    let pem = rcgen::generate_simple_self_signed(["a.example".to_owned()]).unwrap().cert.pem();
    let build = || Client::builder().api_key(codat_keys::ApiKey::parse(NEW).unwrap()).ca_file(&file).build();
    fs::write(&file, pem.clone() + &"\n".repeat(16 * 1024 * 1024 - pem.len())).unwrap();
    assert!(build().is_ok());
    for length in [16 * 1024 * 1024 + 1, 1 << 30] {
        fs::File::options().write(true).open(&file).unwrap().set_len(length).unwrap();
        let error = build().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.to_string().ends_with("cannot be read: it is larger than 16 MiB"), "{error}");
    }
}

#[tokio::test]
async fn a_ca_file_in_utf16_requires_a_byte_order_mark() {
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
async fn folders_and_devices_are_rejected() {
    let folder = tempfile::tempdir().unwrap();
    for (path, said) in [(folder.path(), "is a folder"), (Path::new("/dev/zero"), "is no regular file")] {
        let error = Client::builder().api_key_file(path).build().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidCredential);
        assert!(error.to_string().ends_with(said), "{error}");
    }
}

/// By default, opening a pipe blocks until another process opens the pipe for writing.
#[cfg(unix)]
#[tokio::test]
async fn reading_a_pipe_in_place_of_a_file_does_not_block() {
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
fn reading_a_pipe_without_a_writer_times_out() {
    let (folder, time) = (tempfile::tempdir().unwrap(), Duration::from_millis(200));
    let pipe = |name: &str| {
        let path = folder.path().join(name);
        assert!(std::process::Command::new("mkfifo").args(["-m", "600"]).arg(&path).status().unwrap().success());
        path
    };
    let named_by_variable = move |path: &Path| {
        let environment = |name: &str| (name == "CODAT_API_KEY_FILE").then(|| path.as_os_str().to_owned());
        Client::builder().timeout(time).build_in(&environment)
    };
    let (tx, built) = std::sync::mpsc::channel();
    let paths = [pipe("a"), pipe("b")];
    std::thread::spawn(move || {
        let [a, b] = paths;
        tx.send(named_by_variable(&a)).and_then(|()| tx.send(Client::builder().api_key_file(b).timeout(time).build()))
    });
    for _ in 0..2 {
        let error = built.recv_timeout(LIMIT).expect("the build ends").unwrap_err();
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

/// Docker mounts secrets in `/run/secrets` with a mode that allows all users to read. Links to these files are also
/// accepted.
#[cfg(unix)]
#[tokio::test]
async fn a_file_that_others_can_read_is_accepted_in_run_secrets() {
    let Some(mounted) = Mounted::new() else {
        eprintln!("skipped: only root can write in /run/secrets");
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

/// A file in `/run/secrets` with a made-up key. Dropping this value removes the file.
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
        // Fails if the folder is not empty.
        drop(fs::remove_dir("/run/secrets"));
    }
}

/// The file is checked at most once a second, unless Codat rejects the key.
#[tokio::test]
async fn a_file_is_checked_at_most_once_a_second() {
    let server = RawServer::with_replies(vec![json(200, "{}")]);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("key");
    // If the machine pauses for a second, another check is allowed, and the test tries again.
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
            assert!(last.contains(&header_of(OLD)), "the file was checked again");
            return;
        }
    }
    panic!("this machine is too slow for this test");
}

/// A program that overwrites the key file leaves it incomplete for a moment. Requests must not fail meanwhile.
#[tokio::test]
async fn an_empty_or_missing_file_does_not_change_the_key_in_use() {
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
