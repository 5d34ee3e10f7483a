"""The leak scanner: what it finds, how it reports, and that nothing that it returns contains a key."""

from __future__ import annotations

import array
import base64
import codecs
import dataclasses
import gc
import mmap
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
import urllib.parse
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from itertools import repeat
from multiprocessing import get_context
from pathlib import Path

import pytest

from codat_keys import ApiKey, Client, InvalidCredentialError, InvalidInputError, encode
from codat_keys.scan import Finding, Scanner, Unread, scan_paths
from codat_keys.testing import Emulator

KEY = "MadeUpKey" + "q7Zr2Lx9Tb4Wn8Vc1Ym5Hd3Kf6Pg0Js"
OTHER = "MadeUpKey" + "B1cD2eF3gH4iJ5kL6mN7oP8qR9sT0uV"

ENCODINGS: dict[str, Callable[[bytes], bytes]] = {
    "plain text": lambda key: key,
    "header": lambda key: encode(key.decode()).encode(),
    "Base64 with a colon": lambda key: base64.b64encode(key + b":"),
    "Base64 of the header": lambda key: base64.b64encode(encode(key.decode()).encode()),
    "Base64, wrapped": lambda key: base64.encodebytes(b"before it " + key),
    "URL-safe Base64": lambda key: base64.urlsafe_b64encode(b"\xff\xfe" + key),
    "hexadecimal": lambda key: key.hex().encode(),
    "hexadecimal, upper case": lambda key: key.hex().upper().encode(),
    "hexadecimal with colons": lambda key: key.hex(":").encode(),
    "Base32": base64.b32encode,
    "UTF-16": lambda key: key.decode().encode("utf-16"),
    "UTF-32": lambda key: key.decode().encode("utf-32"),
    "Base64 of UTF-16": lambda key: base64.b64encode(key.decode().encode("utf-16-le")),
    "percent-encoding": lambda key: "".join(f"%{byte:02X}" for byte in key).encode(),
    "percent-encoding of the header": lambda key: urllib.parse.quote_plus(encode(key.decode())).encode(),
    "JSON escapes": lambda key: "".join(f"\\u{byte:04x}" for byte in key).encode(),
    "string escapes": lambda key: "".join(f"\\x{byte:02x}" for byte in key).encode(),
    "octal escapes": lambda key: "".join(f"\\{byte:03o}" for byte in key).encode(),
    "HTML references": lambda key: "".join(f"&#{byte};" for byte in key).encode(),
    "a C array": lambda key: ", ".join(f"0x{byte:02x}" for byte in key).encode(),
    "numbers": lambda key: ", ".join(map(str, key)).encode(),
    "quoted-printable": lambda key: codecs.encode(key, "quopri"),
    "repr of a list": lambda key: repr(list(key.decode())).encode(),
    "a joined string": lambda key: b'"' + key[:13] + b'" + "' + key[13:] + b'"',
    "reversed": lambda key: key[::-1],
    "ROT13": lambda key: codecs.encode(key.decode(), "rot13").encode(),
}


@pytest.fixture
def scanner() -> Scanner:
    return Scanner([OTHER, ApiKey(KEY)])


def is_silent(text: object) -> None:
    for key in (KEY, OTHER):
        assert key not in str(text) and key[:-4] not in str(text)


@pytest.mark.parametrize("name", ENCODINGS)
def test_a_key_is_found(name: str, scanner: Scanner) -> None:
    for before in (b"", b"x = ", b"line\nanother\n\tab"):
        findings = scanner.scan_bytes(before + b"'" + ENCODINGS[name](KEY.encode()) + b"'\n")
        assert findings and {finding.key for finding in findings} == {1}, before
        assert {finding.severity for finding in findings} == {"low" if name in ("reversed", "ROT13") else "high"}
        is_silent(findings)


def test_a_finding_names_its_place() -> None:
    text = f"one\ntwo {KEY} three\n".encode()
    [finding] = Scanner([KEY]).scan_bytes(text)
    assert (finding.place, finding.line, finding.column) == (None, 2, 5)
    assert text[finding.range.start : finding.range.stop] == KEY.encode()
    assert (finding.encoding, finding.severity) == ("plain text", "high")
    assert (finding.key, finding.key_id, finding.key_name) == (0, None, None)
    assert finding.excerpt == f"two …{KEY[-4:]} three"


def test_a_finding_of_a_listed_key_has_its_id_and_name(codat_emulator: Emulator) -> None:
    with Client() as client:
        client.keys.create("leaked")
        keys = client.keys.list()
    named = next(key for key in keys if key.name == "leaked")
    [finding] = Scanner(keys).scan_bytes(named.api_key.expose_secret().encode())
    assert (finding.key_id, finding.key_name, finding.key) == (named.id, "leaked", keys.index(named))


def test_a_finding_is_frozen_hashable_and_picklable(scanner: Scanner) -> None:
    [finding] = scanner.scan_bytes(KEY.encode())
    with pytest.raises(dataclasses.FrozenInstanceError):
        finding.line = 2  # type: ignore[misc]
    assert len({finding, pickle.loads(pickle.dumps(finding))}) == 1
    assert dataclasses.replace(finding, line=2) != finding


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview, lambda text: array.array("B", text)])
def test_every_bytes_like_object_is_scanned(kind: Callable[[bytes], bytes], scanner: Scanner) -> None:
    assert scanner.scan_bytes(kind(b"a " + KEY.encode()))[0].column == 3


def test_a_mapped_file_and_a_part_of_a_buffer_are_scanned(scanner: Scanner, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"\n" * 5000 + KEY.encode())
    with open(file, "rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        assert scanner.scan_bytes(mapped)[0].line == 5001
    spread = bytearray(2 * len(KEY))
    spread[::2] = KEY.encode()
    assert scanner.scan_bytes(memoryview(spread)[::2])


@pytest.mark.parametrize("wrong", ["a text", 5, None, [1, 2]])
def test_what_is_not_bytes_is_refused(wrong: object, scanner: Scanner) -> None:
    with pytest.raises(TypeError):
        scanner.scan_bytes(wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("keys", "error", "text"),
    [
        ([], ValueError, "at least one key"),
        ([KEY] * 101, ValueError, "at most 100 keys"),
        (["short"], ValueError, "at least 16 letters and digits"),
        ([f"Basic {KEY}"], InvalidCredentialError, ""),
        ([7], TypeError, "argument 'keys'"),
        (7, TypeError, "argument 'keys'"),
        (KEY, TypeError, "argument 'keys': it must be a list, and is a str"),
    ],
)
def test_wrong_keys_are_refused_and_not_shown(keys: object, error: type[Exception], text: str) -> None:
    with pytest.raises(error) as raised:
        Scanner(keys)  # type: ignore[arg-type]
    assert text in str(raised.value)
    is_silent(raised.value)


def test_a_scanner_shows_no_key_and_is_not_pickled(scanner: Scanner) -> None:
    assert repr(scanner) == "<Scanner of 2 keys>"
    with pytest.raises(TypeError, match="a scanner with its keys is not pickled"):
        pickle.dumps(scanner)


def tree(root: Path) -> Path:
    """A folder with leaks in a hidden file, in an ignored file, and in a folder of a folder."""
    files = {
        ".env": f"CODAT_API_KEY={KEY}\n",
        ".gitignore": "dist\n",
        "dist/app.js": f'const a = 1;\nfetch(u, {{headers: {{Authorization: "{encode(KEY)}"}}}});\n',
        "src/deep/er/config.py": f'key = bytes.fromhex("{OTHER.encode().hex()}")\n',
        "src/clean.py": "print()\n",
    }
    for name, text in files.items():
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    return root


def found(items: list[Finding | Unread]) -> list[tuple[str, int, int]]:
    assert all(isinstance(item, Finding) for item in items), items
    return sorted((Path(item.place or "").name, item.line, item.key) for item in items if isinstance(item, Finding))


EXPECTED = [(".env", 1, 1), ("app.js", 2, 1), ("config.py", 1, 0)]


def test_folders_and_files_are_scanned(scanner: Scanner, tmp_path: Path) -> None:
    root = tree(tmp_path)
    items = list(scanner.scan_paths([root]))
    assert found(items) == EXPECTED
    assert {item.place for item in items} == {
        str(root / name) for name in (".env", "dist/app.js", "src/deep/er/config.py")
    }
    assert found(list(scanner.scan_paths(str(root / name) for name in (".env", "src")))) == [EXPECTED[0], EXPECTED[2]]
    assert list(scanner.scan_paths([root / "src" / "clean.py"])) == []
    assert list(scanner.scan_paths([])) == []


def test_a_path_that_is_missing_is_yielded_and_does_not_end_the_scan(scanner: Scanner, tmp_path: Path) -> None:
    root = tree(tmp_path)
    items = list(scanner.scan_paths([root / "missing", root]))
    [unread] = [item for item in items if isinstance(item, Unread)]
    assert unread.place == str(root / "missing") and unread.reason
    assert pickle.loads(pickle.dumps(unread)) == unread
    assert found([item for item in items if isinstance(item, Finding)]) == EXPECTED


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="needs a file that this user cannot read")
def test_a_file_that_cannot_be_read_is_yielded(scanner: Scanner, tmp_path: Path) -> None:
    (tmp_path / "file").write_text(KEY)
    (tmp_path / "file").chmod(0)
    [item] = scanner.scan_paths([tmp_path])
    assert isinstance(item, Unread) and item.place == str(tmp_path / "file")


def test_a_key_in_the_name_of_a_file_is_masked(scanner: Scanner, tmp_path: Path) -> None:
    (tmp_path / f"{KEY}.txt").write_text(f"a {KEY}\n")
    items = list(scanner.scan_paths([tmp_path, tmp_path / f"missing-{KEY}"]))
    assert any(isinstance(item, Finding) and item.column == 3 for item in items)
    assert any(isinstance(item, Unread) for item in items)
    is_silent(items)
    assert all(item.place and item.place.startswith(str(tmp_path)) for item in items)


@pytest.mark.skipif(sys.platform == "win32", reason="needs symbolic links")
def test_links_are_followed_only_if_they_were_given(scanner: Scanner, tmp_path: Path) -> None:
    tree(tmp_path / "target")
    (tmp_path / "links").mkdir()
    for name in ("target", "target/.env", "nowhere"):
        (tmp_path / "links" / Path(name).name).symlink_to(tmp_path / name)
    assert list(scanner.scan_paths([tmp_path / "links"])) == []
    assert found(list(scanner.scan_paths([tmp_path / "links" / "target"]))) == EXPECTED
    assert found(list(scanner.scan_paths([tmp_path / "links" / ".env"]))) == EXPECTED[:1]
    [unread] = scanner.scan_paths([tmp_path / "links" / "nowhere"])
    assert isinstance(unread, Unread)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs FIFOs")
def test_a_special_file_is_not_read_and_yielded_only_if_it_was_given(scanner: Scanner, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    assert list(scanner.scan_paths([tmp_path])) == []
    [unread] = scanner.scan_paths([tmp_path / "fifo"])
    assert isinstance(unread, Unread)


@pytest.mark.parametrize("wrong", ["src", b"src"])
def test_one_path_that_is_not_in_a_list_is_refused(wrong: str, scanner: Scanner) -> None:
    with pytest.raises(TypeError, match="argument 'paths': it must be a list"):
        scanner.scan_paths(wrong)


def test_a_path_of_a_wrong_type_is_refused(scanner: Scanner) -> None:
    with pytest.raises(TypeError, match="argument 'paths'"):
        next(scanner.scan_paths([7]))  # type: ignore[list-item]


def many_leaks(folder: Path, number: int) -> Path:
    (folder / "file").write_text(f"{KEY}\n" * number)
    return folder


def test_the_items_come_while_the_scan_runs(scanner: Scanner, tmp_path: Path) -> None:
    number = 5000
    threads = set(threading.enumerate())
    scan = scanner.scan_paths([many_leaks(tmp_path, number)])
    assert next(scan)
    assert set(threading.enumerate()) <= threads, "its threads are not of Python"
    assert 1 + sum(1 for _ in scan) == number


@pytest.mark.skipif(sys.platform != "linux", reason="counts the threads in /proc")
@pytest.mark.parametrize("end", ["close", "delete"])
def test_a_scan_that_is_closed_or_deleted_stops(end: str, scanner: Scanner, tmp_path: Path) -> None:
    def is_scan(thread: Path) -> bool:
        try:
            return thread.read_text() == "codat-keys-scan\n"
        except OSError:
            return False  # It has ended since.

    def is_running() -> bool:
        return any(map(is_scan, Path("/proc/self/task").glob("*/comm")))

    scan = scanner.scan_paths([many_leaks(tmp_path, 5000)])
    assert next(scan) and is_running()
    if end == "close":
        scan.close()  # type: ignore[attr-defined]
        assert list(scan) == []
    else:
        del scan
        gc.collect()
    deadline = time.monotonic() + 30
    while is_running():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_scan_does_not_hold_the_gil(scanner: Scanner) -> None:
    """While one thread scans, another one runs."""
    text = b"\n" * 30_000_000
    is_done = threading.Event()

    def scan() -> None:
        scanner.scan_bytes(text)
        is_done.set()

    thread = threading.Thread(target=scan)
    thread.start()
    turns = 0
    while not is_done.wait(0.001):
        turns += 1
    thread.join()
    # If the scan held the GIL, this thread would run at most once, before the scan.
    assert turns > 1


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")
def test_a_signal_handler_interrupts_a_scan(scanner: Scanner, tmp_path: Path) -> None:
    # A sparse file, which takes minutes to read.
    with open(tmp_path / "large", "wb") as large:
        large.truncate(1 << 40)
    earlier = signal.signal(signal.SIGALRM, lambda *_: (_ for _ in ()).throw(InterruptedError()))
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.3)
        with pytest.raises(InterruptedError):
            next(scanner.scan_paths([tmp_path]))
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, earlier)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_child_process_does_not_continue_the_scan_of_its_parent(scanner: Scanner, tmp_path: Path) -> None:
    scan = scanner.scan_paths([many_leaks(tmp_path, 5000)])
    next(scan)
    child = os.fork()
    if child == 0:
        status = 1
        try:
            # What was received before the fork comes first.
            list(scan)
        except InvalidInputError:
            status = 0 if list(scanner.scan_paths([tmp_path / "missing"])) else 2
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert 1 + sum(1 for _ in scan) == 5000


def test_processes_find_the_same_as_one(tmp_path: Path) -> None:
    roots = [tree(tmp_path / str(number)) for number in range(4)]
    keys = [OTHER, KEY]
    alone = scan_paths(keys, roots)
    with ProcessPoolExecutor(2, get_context("spawn")) as pool:
        parts = list(pool.map(scan_paths, repeat(keys), [[root] for root in roots]))
    assert len(alone) == 4 * len(EXPECTED)
    assert set(alone) == {item for part in parts for item in part}
    assert sum(map(len, parts)) == len(alone)
    is_silent(pickle.dumps(alone))


def test_the_example_finds_the_same_with_several_processes(tmp_path: Path) -> None:
    for number in range(3):
        tree(tmp_path / str(number))
    alone = scan_paths([KEY], [tmp_path])
    example = Path(__file__).parents[1] / "examples" / "scan_pool.py"
    environment = {**os.environ, "CODAT_API_KEY": KEY}
    child = subprocess.run(
        [sys.executable, example], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60
    )
    assert child.returncode == 0, child.stderr
    *lines, last = child.stdout.splitlines()
    relative = [repr(item).replace(f"{tmp_path}{os.sep}", "") for item in alone]
    assert (sorted(lines), last) == (sorted(relative), "leaks and unread files: 6")
    is_silent(child.stdout)
