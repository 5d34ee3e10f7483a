"""Rotations of keys, and the blocking methods that run them."""

from __future__ import annotations

from collections.abc import Iterable
from os import PathLike
from typing import Any, Callable, Protocol, Union

from . import _native
from ._key_callback import is_async
from ._keys import _uninitialized
from ._options import Path, Timeout
from ._reports import RotationEvent, RotationPlan, RotationReport, RotationStatus, event

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Awaitable

    from ._native import ApiKey
    from ._options import Key

    AnySink = Union["Sink", "ReadableSink", "ConfirmingSink"]


class ReadableSink(Protocol):
    """A sink whose content can be read: an object with a name and two functions, which can be async for
    ``AsyncClient``.
    """

    @property
    def name(self) -> str: ...
    def deliver(self, key: ApiKey, /) -> object: ...
    def read(self) -> Key | Awaitable[Key | None] | None: ...


class ConfirmingSink(Protocol):
    """A sink that cannot be read: an object with a name and two functions, which can be async for ``AsyncClient``."""

    @property
    def name(self) -> str: ...
    def deliver(self, key: ApiKey, /) -> object: ...
    def confirm(self, key: ApiKey, /) -> bool | Awaitable[bool]: ...


class Sink:
    """A place where programs read their key, as a pair of functions. Any object with these members is a sink as well.

    - ``name``, such as ``store:payments``. The journal contains this name, and a process that resumes the rotation must
      use the same name. The name must be unique among the sinks of a rotation, and contain no key.
    - ``deliver``, a function that replaces the content with the given ``ApiKey``. It must be safe to call it several
      times with the same key, because it can be called again after an error.
    - ``read``, a function that returns the content: an ``ApiKey``, an ``AuthorizationHeader``, a str that contains one
      of these, or ``None`` if there is nothing. The rotation compares the content with the key that it expects, and
      authenticates with the content.
    - ``confirm``, for a sink without ``read``: a function that returns whether the programs that use the sink have the
      given ``ApiKey``. This is the new key, or the old key after a rollback. After ``False``, the rotation asks again,
      up to four times in all.
    - ``timeout``, in seconds or a timedelta, for one run of a function. Default: 30 s. The timeout does not interrupt a
      function that is not async. The rotation then waits until the function has ended before it uses the sink again.

    For ``AsyncClient``, the functions can be async. Functions that are not async run in the thread of the blocking
    call, or in a thread of their own. A function that raises an exception is called up to four times.

    >>> stored = {}
    >>> Sink("memory:payments", deliver=lambda key: stored.update(key=key), read=lambda: stored.get("key"))
    <Sink memory:payments>
    """

    def __init__(
        self,
        name: str,
        deliver: Callable[[ApiKey], object],
        read: Callable[[], Key | Awaitable[Key | None] | None] | None = None,
        *,
        confirm: Callable[[ApiKey], bool | Awaitable[bool]] | None = None,
        timeout: Timeout = 30.0,
    ) -> None:
        self.name = name
        """The name."""
        self.deliver = deliver
        """The function that replaces the content."""
        self.read = read
        """The function that returns the content."""
        self.confirm = confirm
        """The function that returns whether the programs have the key."""
        self.timeout = timeout
        """The timeout of one run of a function."""

    def __repr__(self) -> str:
        return f"<Sink {_native.masked(str(self.name))}>" if hasattr(self, "name") else _uninitialized(self)


class JournalStore(Protocol):
    """A store of journals, such as a table of a database. Any object with these functions is a store. They can be async
    for ``AsyncClient``.

    A journal has a name, and entries that are numbered from 1. An entry contains no key, and is never changed. Three
    more members are optional:

    - ``lock(name)``, a function that locks a journal. If the process of a rotation is killed, the lock allows another
      process to resume the rotation before the lease expires. ``lock`` returns a function that releases the lock,
      ``False`` if another process has the lock, or ``None`` if there is no lock. The returned function must not be
      async. The lock must also be released when the process ends. Without ``machine``, the lock has no effect on the
      lease.
    - ``machine``, a str that identifies all processes that the lock excludes, such as this machine since its start. It
      is written in each entry. Default: ``None``.
    - ``timeout``, in seconds or a timedelta, for one run of a function. Default: 30 s.

    Use one object for all rotations of a journal. A function of a sink can still run after the rotation that called it
    has ended. The next rotation waits for this function if both rotations have the same object, or the same folder.

    An exception ends the rotation with ``RotationError`` of the kind ``journal``. The rotation can be resumed as soon
    as the store works.

    >>> class Table:
    ...     def __init__(self):
    ...         self.rows = {}
    ...     def list(self, name):
    ...         return [seq for journal, seq in self.rows if journal == name]
    ...     def get(self, name, seq):
    ...         return self.rows.get((name, seq))
    ...     def create(self, name, seq, entry):
    ...         return self.rows.setdefault((name, seq), entry) is entry
    >>> with Client() as client:
    ...     sink = Sink("payments", deliver=print, confirm=lambda key: True)
    ...     print(client.keys.rotation([sink], journal=Table()).status())
    None
    """

    def list(self, name: str, /) -> Iterable[int] | Awaitable[Iterable[int]]:
        """Returns the numbers of all entries, in any order. Includes entries that another process has just created."""
        ...

    def get(self, name: str, seq: int, /) -> bytes | Awaitable[bytes | None] | None:
        """Returns an entry, or ``None`` if there is no such entry."""
        ...

    def create(self, name: str, seq: int, entry: bytes, /) -> bool | Awaitable[bool]:
        """Stores an entry durably and as a whole, and returns ``True``. Returns ``False``, and changes nothing, if an
        entry with this number exists. If several processes create the same entry, one of them gets ``True``.
        """
        ...


class MemoryJournal:
    """Journals in the memory of this process, for tests.

    >>> with Client() as client:
    ...     sink = Sink("payments", deliver=lambda key: None, confirm=lambda key: True)
    ...     client.keys.rotate([sink], journal=MemoryJournal(), grace=0).state
    'done'
    """

    def __init__(self) -> None:
        self._entries: dict[tuple[str, int], bytes] = {}

    def list(self, name: str, /) -> Iterable[int]:
        """Returns the numbers of all entries."""
        return [seq for journal, seq in [*self._entries] if journal == name]

    def get(self, name: str, seq: int, /) -> bytes | None:
        """Returns an entry, or ``None`` if there is no such entry."""
        return self._entries.get((name, seq))

    def create(self, name: str, seq: int, entry: bytes, /) -> bool:
        """Stores an entry, and returns ``True``. Returns ``False`` if an entry with this number exists."""
        return self._entries.setdefault((name, seq), entry) is entry

    def __repr__(self) -> str:
        if not hasattr(self, "_entries"):
            return _uninitialized(self)
        return f"<MemoryJournal with {len(self._entries)} entries>"


_Owner = Union["Sink", ReadableSink, ConfirmingSink, JournalStore]


class Functions:
    """The functions of the sinks and of the journal store of a rotation, and the function that gets its events."""

    __slots__ = ("_on_event", "_sinks", "_store", "_verifiers")

    def __init__(
        self,
        sinks: list[AnySink],
        journal: Path | JournalStore | None,
        on_event: Callable[[RotationEvent], object] | None,
    ) -> None:
        self._verifiers = [_verifier(sink) for sink in sinks]
        if on_event is not None and (not callable(on_event) or is_async(on_event)):
            raise TypeError("argument 'on_event': give a function that is not async")
        self._sinks = sinks
        self._store = None if journal is None or isinstance(journal, (str, PathLike)) else journal
        if self._store is not None:
            for name in ("list", "get", "create"):
                _check_function("journal", self._store, name)
        self._on_event = on_event

    def reject_async(self) -> None:
        """Raises an error for a function that only an event loop can run."""
        for sink, verifier in zip(self._sinks, self._verifiers):
            if is_async(sink.deliver) or is_async(getattr(sink, verifier)):
                raise TypeError("argument 'sinks': an async function needs an event loop: give it to AsyncClient")
        functions = [getattr(self._store, name, None) for name in ("list", "get", "create", "lock")]
        if any(function is not None and is_async(function) for function in functions):
            raise TypeError("argument 'journal': an async function needs an event loop: give it to AsyncClient")

    def native(
        self,
        key: str | None,
        journal: Path | JournalStore | None,
        journal_name: str,
        name: str | None,
        grace: Timeout | None,
        overwrite: bool,
        delete_first: Iterable[str],
        lease: Timeout | None,
        probe_timeout: Timeout | None,
    ) -> _native.RotationCore:
        """Returns the native part of the rotation."""
        sinks = zip(self._sinks, self._verifiers)
        store = self._store
        locks, machine = getattr(store, "lock", None) is not None, getattr(store, "machine", None)
        return _native.RotationCore(
            [(sink.name, timeout(sink), verifier == "confirm") for sink, verifier in sinks],
            key=key,
            journal=None if journal is store else journal,
            functions=None if store is None else (id(store), locks, machine, timeout(store)),
            journal_name=journal_name,
            name=name,
            grace=grace,
            overwrite=overwrite,
            delete_first=delete_first if isinstance(delete_first, str) else [*delete_first],
            lease=lease,
            probe_timeout=probe_timeout,
        )

    def owner(self, request: _native.RotationRequest) -> _Owner | None:
        """Returns the sink or the store whose function is requested. Passes an event on, and returns ``None``."""
        if request.event is None:
            return self._store if request.sink is None else self._sinks[request.sink]
        if self._on_event is not None:
            self._on_event(event(request.event))
        return None

    def __call__(self, request: _native.RotationRequest) -> None:
        """Handles a request in this thread, which is blocked by the rotation."""
        owner = self.owner(request)
        if owner is not None:
            try:
                complete(request, function_of(owner, request)(*request.arguments))
            except Exception as raised:
                request.fail(raised)


def function_of(owner: _Owner, request: _native.RotationRequest) -> Callable[..., Any]:
    """Returns the function that is requested."""
    function: Callable[..., Any] = getattr(owner, request.function or "")
    return function


def complete(request: _native.RotationRequest, returned: Any) -> None:
    """Passes what a function returned to the rotation."""
    if request.function == "list" and isinstance(returned, Iterable):
        returned = [*returned]
    elif request.function == "get" and isinstance(returned, (bytearray, memoryview)):
        returned = bytes(returned)
    request.complete(returned)


def timeout(owner: _Owner) -> Timeout:
    given: Timeout = getattr(owner, "timeout", 30.0)
    return given


def _verifier(sink: AnySink) -> str:
    """Returns the name of the function that checks a key in a sink."""
    _check_function("sinks", sink, "deliver")
    for name in ("read", "confirm"):
        if getattr(sink, name, None) is not None:
            _check_function("sinks", sink, name)
            return name
    raise TypeError(f"argument 'sinks': a {type(sink).__name__} has neither a function read nor confirm")


def _check_function(argument: str, owner: object, name: str) -> None:
    if not callable(getattr(owner, name, None)):
        raise TypeError(f"argument '{argument}': a {type(owner).__name__} has no function {name}")


class Rotation:
    """The replacement of a key with a new one. ``Keys.rotation`` returns it, and describes the arguments.

    A rotation creates the new key, tries it, delivers it to the sinks, reads it back from there, and deletes the old
    key last. It records each step in the journal before it takes the step, so that another process can resume the
    rotation. A client whose key was given as a value continues with the new key as soon as all sinks have it, and with
    the old key after a rollback.

    Every method can raise ``RotationError``. If Ctrl-C interrupts a rotation, or ``on_event`` raises an exception, the
    ``__cause__`` of the ``KeyboardInterrupt`` or of that exception is a ``RotationError`` with the report, and the
    rotation can be resumed. Requests are retried as ``Keys`` describes.

    >>> stored = {}
    >>> sink = Sink("memory:payments", deliver=lambda key: stored.update(key=key), read=lambda: stored.get("key"))
    >>> with Client() as client:
    ...     rotation = client.keys.rotation([sink])
    ...     rotation.start().state, rotation.finish().state
    ('grace', 'done')
    """

    __slots__ = ("_core", "_functions", "_native")

    def __init__(self, core: _native.BlockingCore, functions: Functions, native: _native.RotationCore) -> None:
        self._core = core
        self._functions = functions
        self._native = native

    def start(self) -> RotationReport:
        """Starts the rotation. By default, the run ends in the state ``grace``: all sinks have the new key, and the old
        key works until ``finish`` is called. With a ``grace`` in seconds, the method waits for this time, and then
        deletes the old key.
        """
        return self._core.perform(self._native.call("start"), None, self._functions)

    def resume(self) -> RotationReport:
        """Resumes an interrupted rotation of this or another process, and does what ``start`` would have done. The
        rotation needs one working key: the key of the client, or a key in a sink.
        """
        return self._core.perform(self._native.call("resume"), None, self._functions)

    def finish(self) -> RotationReport:
        """Checks all sinks once more, and deletes the old key without waiting for the end of the grace period. Resumes
        the rotation first if it was interrupted.
        """
        return self._core.perform(self._native.call("finish"), None, self._functions)

    def abort(self) -> RotationReport:
        """Restores the old key in all sinks, and deletes the new key. If the deletion of the old key has begun,
        completes the rotation instead. The ``state`` of the report shows whether the rotation was rolled back or
        completed.
        """
        return self._core.perform(self._native.call("abort"), None, self._functions)

    def recover(self) -> RotationReport:
        """Rebuilds a lost journal from the names of the keys and from the sinks, and resumes the rotation. The argument
        ``key`` is needed if several keys can be the old key.
        """
        return self._core.perform(self._native.call("recover"), None, self._functions)

    def status(self) -> RotationStatus | None:
        """Returns the latest rotation of the journal, or ``None`` if there is none. Sends nothing, and calls no
        function of a sink. Raises ``RotationError`` if the journal cannot be read.
        """
        return self._core.perform(self._native.call("status"), None, self._functions)

    def plan(self) -> RotationPlan:
        """Returns what ``start`` would do. Lists the keys and reads the sinks, and changes nothing."""
        return self._core.perform(self._native.call("plan"), None, self._functions)

    def __repr__(self) -> str:
        return f"<Rotation of {self._core!r}>" if hasattr(self, "_native") else _uninitialized(self)
