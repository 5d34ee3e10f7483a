//! Scans of files, folders and archives.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use codat_keys_scan::{Event, Key, Scanner, Totals};

/// A made-up key.
const KEY: &str = "zTok3nMadeUpForTheTestsOfTheScanner0a1B2";

/// Returns the places of the findings and what was not read, sorted.
fn scan(root: &Path) -> (Vec<String>, Vec<String>, Totals) {
    let scanner = Scanner::new([Key::new(KEY).expect("a key")]).expect("a scanner");
    let (found, unread) = (Mutex::new(Vec::new()), Mutex::new(Vec::new()));
    let below = |text: String| text.replace(&format!("{}/", root.display()), "");
    let totals = scanner.scan_tree(&[root.to_owned()], &|event| match event {
        Event::Finding(place, finding) => {
            found.lock().expect("a lock").push(below(format!("{place}:{}:{}", finding.line, finding.column)));
        }
        Event::Unread(place, reason) => unread.lock().expect("a lock").push(below(format!("{place}: {reason}"))),
        event => panic!("{event:?}"),
    });
    let sorted = |list: Mutex<Vec<String>>| {
        let mut list = list.into_inner().expect("a lock");
        list.sort();
        list
    };
    (sorted(found), sorted(unread), totals)
}

fn scan_file(name: &str, content: &[u8]) -> (Vec<String>, Vec<String>) {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join(name), content).expect("written");
    let (found, unread, _) = scan(folder.path());
    (found, unread)
}

fn text() -> String {
    format!("line 1\nkey: {KEY}\n")
}

#[test]
fn hidden_and_ignored_files_are_scanned_and_links_are_not_followed() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| -> PathBuf { folder.path().join(name) };
    fs::create_dir_all(path(".hidden/deep")).expect("created");
    fs::write(path(".gitignore"), ".env\n").expect("written");
    for name in [".env", ".hidden/deep/a.txt", "b.bin"] {
        fs::write(path(name), text()).expect("written");
    }
    fs::write(path("clean"), "nothing").expect("written");
    fs::write(path(&format!("{KEY}.txt")), "").expect("written");
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink(folder.path(), path("cycle")).expect("a link");
        std::os::unix::fs::symlink("/proc/self/environ", path("elsewhere")).expect("a link");
        let status = std::process::Command::new("mkfifo").arg(path("fifo")).status().expect("mkfifo runs");
        assert!(status.success());
        std::os::unix::net::UnixListener::bind(path("socket")).expect("a socket");
    }
    let (found, unread, totals) = scan(folder.path());
    let name = "…a1B2.txt › file name:1:1";
    assert_eq!(found, [".env:2:6", ".hidden/deep/a.txt:2:6", "b.bin:2:6", name]);
    assert_eq!((unread, totals.texts), (vec![], 6));
    assert_eq!(totals.bytes, 3 * text().len() as u64 + 12);
}

#[test]
fn a_missing_path_is_reported() {
    let folder = tempfile::tempdir().expect("a folder");
    let (found, unread, totals) = scan(&folder.path().join("missing"));
    assert!(found.is_empty() && totals == Totals::default());
    assert!(unread.len() == 1 && unread[0].contains("missing"), "{unread:?}");
}

#[test]
fn a_large_sparse_file_is_read_with_little_memory() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = fs::File::create(folder.path().join("sparse")).expect("created");
    file.set_len(256 << 20).expect("a length");
    let (found, unread, totals) = scan(folder.path());
    assert_eq!((found, unread, totals.bytes), (vec![], vec![], 256 << 20));
}

#[cfg(feature = "archive")]
mod archives {
    use super::*;

    fn gzip(content: &[u8]) -> Vec<u8> {
        let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        writer.write_all(content).expect("compressed");
        writer.finish().expect("compressed")
    }

    fn tar(entries: &[(&str, &[u8])]) -> Vec<u8> {
        let mut writer = tar::Builder::new(Vec::new());
        for (name, content) in entries {
            let mut header = tar::Header::new_ustar();
            header.set_size(content.len() as u64);
            writer.append_data(&mut header, name, *content).expect("appended");
        }
        writer.into_inner().expect("an archive")
    }

    fn zip(entries: &[(&str, &[u8])]) -> Vec<u8> {
        let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
        for (name, content) in entries {
            writer.start_file(*name, zip::write::SimpleFileOptions::default()).expect("a file");
            writer.write_all(content).expect("compressed");
        }
        writer.finish().expect("an archive").into_inner()
    }

    fn bzip2(content: &[u8]) -> Vec<u8> {
        let mut writer = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
        writer.write_all(content).expect("compressed");
        writer.finish().expect("compressed")
    }

    fn xz(content: &[u8]) -> Vec<u8> {
        let options = lzma_rust2::XzOptions::with_preset(1);
        let mut writer = lzma_rust2::XzWriter::new(Vec::new(), options).expect("a writer");
        writer.write_all(content).expect("compressed");
        writer.finish().expect("compressed")
    }

    fn zstd(content: &[u8]) -> Vec<u8> {
        ruzstd::encoding::compress_to_vec(content, ruzstd::encoding::CompressionLevel::Fastest)
    }

    #[test]
    fn compressed_files_are_opened() {
        let content = text().into_bytes();
        for file in [gzip(&content), bzip2(&content), xz(&content), zstd(&content)] {
            assert_eq!(scan_file("a.bin", &file), (vec!["a.bin:2:6".to_owned()], vec![]));
        }
    }

    #[test]
    fn an_npm_package_is_opened() {
        let package = gzip(&tar(&[("package/a.js", b"x"), ("package/dist/main.js", text().as_bytes())]));
        assert_eq!(scan_file("a.tgz", &package).0, ["a.tgz › package/dist/main.js:2:6"]);
    }

    #[test]
    fn a_wheel_is_opened() {
        let wheel = zip(&[("app/__init__.py", text().as_bytes()), (&format!("{KEY}.py"), b"")]);
        assert_eq!(scan_file("a.whl", &wheel).0, ["a.whl › app/__init__.py:2:6", "a.whl › …a1B2.py › file name:1:1"]);
    }

    #[test]
    fn a_layer_of_a_container_image_is_opened() {
        let layer = gzip(&tar(&[("etc/app.env", text().as_bytes())]));
        let image = tar(&[("manifest.json", b"{}"), ("blobs/sha256/ab", &layer)]);
        assert_eq!(scan_file("image.tar", &image).0, ["image.tar › blobs/sha256/ab › etc/app.env:2:6"]);
    }

    #[test]
    fn the_depth_of_archives_is_limited() {
        let mut file = text().into_bytes();
        for _ in 0..12 {
            file = gzip(&file);
        }
        let (found, unread) = scan_file("deep.gz", &file);
        assert_eq!((found, unread), (vec![], vec!["deep.gz: it is inside 10 other archives".to_owned()]));
    }

    #[test]
    fn the_size_of_archives_is_limited() {
        // 5 GiB of zeros, compressed twice.
        let part = gzip(&vec![0; 64 << 20]);
        let bomb = gzip(&part.repeat(80));
        let (found, unread) = scan_file("bomb.gz", &bomb);
        assert_eq!(
            (found, unread),
            (vec![], vec!["bomb.gz: the archive expands to more than 1100 times its size".to_owned()])
        );
    }

    #[test]
    fn damaged_archives_are_reported_and_their_rest_is_scanned() {
        let zip = zip(&[("a.txt", text().as_bytes())]);
        let tar = tar(&[("a.txt", text().as_bytes()), ("b.txt", &[b'x'; 4000])]);
        let gzip = gzip(&[text().into_bytes(), b"0123456789".repeat(9999)].concat());
        for (file, is_found) in
            [(&zip[..zip.len() - 9], true), (&tar[..tar.len() - 4000], true), (&gzip[..gzip.len() - 9], true)]
        {
            let (found, unread) = scan_file("cut", file);
            assert_eq!((found.len(), unread.len()), (usize::from(is_found), 1), "{found:?} {unread:?}");
        }
    }
}
