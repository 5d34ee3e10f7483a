"""Rotations of keys, and the blocking methods that run them."""

from __future__ import annotations

from typing import Callable, Protocol

from . import _native
from ._key_callback import is_async
from ._keys import _uninitialized
from ._options import Path, Timeout
from ._reports import RotationEvent, RotationPlan, RotationReport, RotationStatus, event

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Awaitable, Iterable

    from ._native import ApiKey
    from ._options import Key


class SinkFunctions(Protocol):
    """An object with a name and two functions, which both can be async for ``AsyncClient``."""

    @property
    def name(self) -> str: ...
    def deliver(self, key: ApiKey, /) -> object: ...
    def read(self) -> Key | Awaitable[Key | None] | None: ...


class Sink:
    """A place where programs read their key, as a pair of functions. Any object with these members is a sink as well.

    - ``name``, such as ``store:payments``. The journal contains it, and a process that resumes the rotation must use
      the same name. It must be unique among the sinks of a rotation, and contain no key.
    - ``deliver``, a function that replaces the content with the given ``ApiKey``. It must be safe to call it several
      times with the same key, because it can be called again after an error.
    - ``read``, a function that returns the content: an ``ApiKey``, an ``AuthorizationHeader``, a str with either, or
      ``None`` if there is nothing. The rotation compares it with the key, and authenticates with it.
    - ``timeout``, in seconds or a timedelta, for one run of a function. Default: 30 s. It does not interrupt a function
      that is not async, but the rotation then waits until the function has ended before it uses the sink again.

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
        read: Callable[[], Key | Awaitable[Key | None] | None],
        *,
        timeout: Timeout = 30.0,
    ) -> None:
        self.name = name
        """The name."""
        self.deliver = deliver
        """The function that replaces the content."""
        self.read = read
        """The function that returns the content."""
        self.timeout = timeout
        """The timeout of one run of a function."""

    def __repr__(self) -> str:
        return f"<Sink {self.name}>" if hasattr(self, "name") else _uninitialized(self)


class Functions:
    """The functions of the sinks of a rotation, and the function that gets its events."""

    __slots__ = ("_on_event", "_sinks")

    def __init__(self, sinks: list[SinkFunctions], on_event: Callable[[RotationEvent], object] | None) -> None:
        for sink in sinks:
            for name in ("deliver", "read"):
                if not callable(getattr(sink, name, None)):
                    raise TypeError(f"argument 'sinks': a {type(sink).__name__} has no function {name}")
        if on_event is not None and (not callable(on_event) or is_async(on_event)):
            raise TypeError("argument 'on_event': give a function that is not async")
        self._sinks = sinks
        self._on_event = on_event

    def reject_async(self) -> None:
        """Raises an error for a function that only an event loop can run."""
        if any(is_async(sink.deliver) or is_async(sink.read) for sink in self._sinks):
            raise TypeError("argument 'sinks': an async function needs an event loop: give it to AsyncClient")

    def native(
        self,
        key: str | None,
        journal: Path | None,
        journal_name: str,
        name: str | None,
        grace: Timeout | None,
        overwrite: bool,
        delete_first: Iterable[str],
    ) -> _native.RotationCore:
        """Returns the native part of the rotation."""
        return _native.RotationCore(
            [(sink.name, timeout(sink)) for sink in self._sinks],
            key=key,
            journal=journal,
            journal_name=journal_name,
            name=name,
            grace=grace,
            overwrite=overwrite,
            delete_first=delete_first if isinstance(delete_first, str) else [*delete_first],
        )

    def sink(self, request: _native.RotationRequest) -> SinkFunctions | None:
        """Returns the sink whose function is requested. ``None`` for an event, which is passed on."""
        if request.event is None:
            return self._sinks[request.sink or 0]
        if self._on_event is not None:
            self._on_event(event(request.event))
        return None

    def __call__(self, request: _native.RotationRequest) -> None:
        """Handles a request in this thread, which is blocked by the rotation."""
        sink = self.sink(request)
        if sink is not None:
            try:
                request.complete(call(sink, request))
            except Exception as raised:
                request.fail(raised)


def call(sink: SinkFunctions, request: _native.RotationRequest) -> object:
    """Calls the requested function of a sink."""
    return sink.read() if request.key is None else sink.deliver(request.key)


def timeout(sink: SinkFunctions) -> Timeout:
    given: Timeout = getattr(sink, "timeout", 30.0)
    return given


class Rotation:
    """The replacement of a key with a new one. ``Keys.rotation`` returns it, and describes the arguments.

    A rotation creates the new key, tries it, delivers it to the sinks, reads it back from there, and deletes the old
    key last. It records each step in the journal before it takes the step, so that another process can resume it. A
    client whose key was given as a value continues with the new key as soon as all sinks have it, and with the old key
    after a rollback.

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
        """Starts the rotation. By default, it ends in the state ``grace``: all sinks have the new key, and the old key
        works until ``finish`` is called. With a ``grace`` in seconds, the method waits for this time, and then deletes
        the old key.
        """
        return self._core.perform(self._native.call("start"), None, self._functions)

    def resume(self) -> RotationReport:
        """Resumes an interrupted rotation of this or another process, and does what ``start`` would have done. It needs
        one working key: that of the client, or one in a sink.
        """
        return self._core.perform(self._native.call("resume"), None, self._functions)

    def finish(self) -> RotationReport:
        """Checks all sinks once more, and deletes the old key, whatever is left of the grace period. Resumes the
        rotation first if it was interrupted.
        """
        return self._core.perform(self._native.call("finish"), None, self._functions)

    def abort(self) -> RotationReport:
        """Restores the old key in all sinks, and deletes the new key. If the deletion of the old key has begun,
        completes the rotation instead: the state of the report says which.
        """
        return self._core.perform(self._native.call("abort"), None, self._functions)

    def recover(self) -> RotationReport:
        """Rebuilds a lost journal from the names of the keys and from the sinks, and resumes the rotation. Give the
        ``key`` if several keys can be the old key.
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
