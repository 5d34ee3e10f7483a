"""Search files and texts for leaked API keys, in every common encoding.

A scanner searches for the keys that it is given, and for nothing else. It finds a key in its plain form, in the Base64
of the ``Authorization`` header, and in other encodings, such as hexadecimal, escape sequences and UTF-16, also if the
text is wrapped, quoted or split into parts. It sends nothing.

>>> from codat_keys import Client
>>> from codat_keys.scan import Scanner
>>> with Client() as client:
...     scanner = Scanner(client.keys.list())
>>> list(scanner.scan_paths(["src", "dist"]))  # doctest: +SKIP
[]

The command ``codat-keys scan`` also opens archives and git repositories.
"""

from __future__ import annotations

import builtins
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NoReturn

from ._native import ApiKey, ApiKeyDetails, PathScan, ScannerCore

if TYPE_CHECKING:
    from typing_extensions import Buffer

    from ._options import Path

__all__ = ["Finding", "Scanner", "Unread", "scan_paths"]


class _Data:
    """Data that is shown and compared also before it is initialized."""

    def __repr__(self) -> str:
        members = ", ".join(f"{name}={value!r}" for name, value in vars(self).items())
        return f"{type(self).__name__}({members})"

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and vars(self) == vars(other)

    def __hash__(self) -> int:
        return hash(tuple(vars(self).values()))


@dataclass(frozen=True, repr=False, eq=False)
class Finding(_Data):
    """An occurrence of an API key. No field contains the key. A finding can be hashed, and it can be pickled.

    >>> key = "ExampleKeyForTheDocs0000000000000000000A"
    >>> [finding] = Scanner([key]).scan_bytes(f'const auth = "{key}";'.encode())
    >>> finding.line, finding.column, finding.encoding, finding.excerpt
    (1, 15, 'plain text', 'const auth = "…000A";')
    """

    place: str | None
    """The file. ``None`` for ``scan_bytes``. A key in the name of the file is masked, and control characters are
    escaped.
    """
    line: int
    """The line, counted from 1. Lines end with a line feed."""
    column: int
    """The column in bytes, counted from 1."""
    range: builtins.range
    """The positions in bytes, from the start of the file. In a text that contains encoded text, these are the positions
    of the encoded key.
    """
    encoding: str
    """The encoding, outermost first, such as ``plain text`` or ``Base64``."""
    severity: Literal["high", "low"]
    """``low`` if the key is reversed or encoded with ROT13: it was concealed on purpose, or occurs by chance. ``high``
    for every other encoding.
    """
    key: int
    """The index of the key among the keys of the scanner."""
    key_id: str | None
    """The id of the key. ``None`` if the scanner was given only the value of the key."""
    key_name: str | None
    """The name of the key. ``None`` if the key has no name, or if the scanner was given only the value of the key."""
    excerpt: str
    """The part of the line around the key, for a terminal. Every key of the scanner is masked."""


@dataclass(frozen=True, repr=False, eq=False)
class Unread(_Data):
    """A file or a folder that was not read, or not to its end. It can be pickled.

    >>> list(Scanner(["ExampleKeyForTheDocs0000000000000000000A"]).scan_paths(["missing"]))
    [Unread(place='missing', reason='...')]
    """

    place: str
    """The file or the folder. A key in its name is masked, and control characters are escaped."""
    reason: str
    """The reason."""


class Scanner:
    """Searches for API keys. Threads can share a scanner. It cannot be pickled, because it contains keys.

    ``keys`` are from 1 to 100 keys. If a key is an ``ApiKeyDetails``, each of its findings contains the id and the name
    of the key.

    Raises ``InvalidCredentialError`` if a string cannot be an API key. Raises ``ValueError`` without a key, with more
    than 100 keys, and for a key with fewer than 16 letters and digits, which could occur in a file by chance.

    >>> scanner = Scanner(["ExampleKeyForTheDocs0000000000000000000A"])
    >>> scanner
    <Scanner of 1 key>
    """

    __slots__ = ("_core",)

    def __init__(self, keys: Iterable[ApiKeyDetails | ApiKey | str]) -> None:
        self._core = ScannerCore(keys)

    def scan_bytes(self, content: Buffer) -> list[Finding]:
        """Returns the findings in a text, in the order of their start. Does not hold the GIL. A ``bytes`` object is not
        copied, and any other object is.

        >>> scanner = Scanner(["ExampleKeyForTheDocs0000000000000000000A"])
        >>> scanner.scan_bytes(b"nothing")
        []
        """
        # `memoryview` rejects an integer, from which `bytes` would make zeros.
        given = content if type(content) is bytes else memoryview(content).tobytes()
        return [_finding(data) for data in self._core.scan_bytes(given)]

    def scan_paths(self, paths: Iterable[Path]) -> Iterator[Finding | Unread]:
        """Returns an iterator of the findings in files, and in all files below folders. The order can differ from scan
        to scan.

        A file or a folder that cannot be read does not end the scan. The iterator yields it as an ``Unread``. So all
        files were read and contain no key only if the iterator yields nothing.

        Hidden files, and files that git ignores, are scanned too. Symbolic links are not followed, except for
        ``paths``. Archives are scanned as they are, and not opened.

        The scan starts with the first item, and runs in threads of its own, which do not hold the GIL. It waits while
        256 items have not been taken, and it stops when the iterator is closed or deleted.

        Raises ``RuntimeError`` if the scan fails because of a defect of this package. Raises ``InvalidInputError`` in a
        child process after a fork, if the scan belongs to its parent process.
        """
        if isinstance(paths, (str, bytes)):
            raise TypeError(f"argument 'paths': it must be a list, and is a {type(paths).__name__}")
        return _scan(self._core, list(paths))

    def __repr__(self) -> str:
        core = getattr(self, "_core", None)
        if core is None:
            return "<Scanner>"
        number = core.number_of_keys()
        return f"<Scanner of {number} key{'' if number == 1 else 's'}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a scanner with its keys is not pickled, since it is a secret: make one from the keys instead")


def scan_paths(keys: Iterable[ApiKeyDetails | ApiKey | str], paths: Iterable[Path]) -> list[Finding | Unread]:
    """Returns what ``Scanner(keys).scan_paths(paths)`` yields, as a list.

    This function and what it returns can be pickled, so that a process pool, Dask or Ray can map it over parts of a
    tree. Keys can be pickled only as strings. Such tools can log the arguments of a failed task: let a function of your
    own read the keys in the worker, and call this function with them.

    Raises the same errors as ``Scanner`` and its ``scan_paths``.

    >>> scan_paths(["ExampleKeyForTheDocs0000000000000000000A"], [])
    []
    """
    return list(Scanner(keys).scan_paths(paths))


def _finding(data: tuple[Any, ...]) -> Finding:
    place, line, column, start, end, *rest = data
    return Finding(place, line, column, range(start, end), *rest)


def _scan(core: ScannerCore, paths: list[Path]) -> Iterator[Finding | Unread]:
    scan: PathScan = core.scan_paths(paths)
    try:
        while (events := scan.next()) is not None:
            for event in events:
                yield Unread(*event) if len(event) == 2 else _finding(event)
    finally:
        scan.stop()
