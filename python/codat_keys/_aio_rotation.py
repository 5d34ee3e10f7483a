"""The methods that run rotations, for asyncio."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import copy_context
from datetime import timedelta
from inspect import isawaitable
from typing import Any

from . import _native
from ._aio_key_callback import in_a_thread
from ._key_callback import is_async
from ._keys import _uninitialized
from ._options import Timeout
from ._pending_calls import Core
from ._reports import RotationPlan, RotationReport, RotationStatus
from ._rotation import Functions, complete, function_of, timeout

# The seconds between the end of the wait of the rotation for an async function, and the cancellation of the function.
_AFTER_THE_ROTATION = 0.25


class _Run:
    """Handles the requests of one run of a rotation, in the context in which it was started."""

    def __init__(self, functions: Functions) -> None:
        self._functions = functions
        self._context = copy_context()

    def __call__(self, request: _native.RotationRequest) -> asyncio.Task[None] | None:
        owner = self._context.run(self._functions.owner, request)
        if owner is None:
            return None
        run = _run(function_of(owner, request), timeout(owner), request)
        return self._context.run(asyncio.get_running_loop().create_task, run)


async def _run(function: Callable[..., Any], given: Timeout, request: _native.RotationRequest) -> None:
    """Runs a function. A function that is not async runs in a thread, because it may block. The thread itself passes
    the result to the rotation. The rotation waits for this result before it uses the same sink again, even if this task
    was cancelled.
    """

    def call() -> Awaitable[Any] | None:
        with _failing(request):
            returned = function(*request.arguments)
            if isawaitable(returned):
                return returned
            complete(request, returned)
        return None

    returned = call() if is_async(function) else await in_a_thread(call)
    if isawaitable(returned):
        with _failing(request):
            complete(request, await _in_time(returned, given))


@contextmanager
def _failing(request: _native.RotationRequest) -> Iterator[None]:
    """Passes an exception of the function to the rotation. Raises again what ends a task or the program."""
    try:
        yield
    except BaseException as raised:
        request.fail(raised)
        if not isinstance(raised, Exception):
            raise


async def _in_time(returned: Awaitable[Any], given: Timeout) -> object:
    """Cancels an async function that does not end in time. The rotation has then already ended its wait, because only
    its own error says that the function may still take effect.
    """
    seconds = given.total_seconds() if isinstance(given, timedelta) else given
    return await asyncio.wait_for(returned, seconds + _AFTER_THE_ROTATION)


class AsyncRotation:
    """The replacement of a key with a new one. ``AsyncKeys.rotation`` returns it, and describes the arguments.

    A rotation creates the new key, tries it, delivers it to the sinks, reads it back from there, and deletes the old
    key last. It records each step in the journal before it takes the step, so that another process can resume the
    rotation. A client whose key was given as a value continues with the new key as soon as all sinks have it, and with
    the old key after a rollback.

    Every method can raise ``RotationError``. If a cancellation interrupts a rotation, or ``on_event``
    raises an exception, the ``__cause__`` of the ``asyncio.CancelledError`` or of that exception is a ``RotationError``
    with the report, and the rotation can be resumed. Requests are retried as ``AsyncKeys`` describes.

    >>> import asyncio
    >>> stored = {}
    >>> async def deliver(key):
    ...     stored["key"] = key
    >>> async def main():
    ...     async with AsyncClient() as client:
    ...         rotation = client.keys.rotation([Sink("memory:payments", deliver, lambda: stored.get("key"))])
    ...         return (await rotation.start()).state, (await rotation.finish()).state
    >>> asyncio.run(main())
    ('grace', 'done')
    """

    __slots__ = ("_core", "_functions", "_native")

    def __init__(self, core: Core, functions: Functions, native: _native.RotationCore) -> None:
        self._core = core
        self._functions = functions
        self._native = native

    async def start(self) -> RotationReport:
        """Starts the rotation. By default, the run ends in the state ``grace``: all sinks have the new key, and the old
        key works until ``finish`` is called. With a ``grace`` in seconds, the method waits for this time, and then
        deletes the old key.
        """
        return await self._core.perform(self._native.call("start"), None, _Run(self._functions))

    async def resume(self) -> RotationReport:
        """Resumes an interrupted rotation of this or another process, and does what ``start`` would have done. The
        rotation needs one working key: the key of the client, or a key in a sink.
        """
        return await self._core.perform(self._native.call("resume"), None, _Run(self._functions))

    async def finish(self) -> RotationReport:
        """Checks all sinks once more, and deletes the old key without waiting for the end of the grace period. Resumes
        the rotation first if it was interrupted.
        """
        return await self._core.perform(self._native.call("finish"), None, _Run(self._functions))

    async def abort(self) -> RotationReport:
        """Restores the old key in all sinks, and deletes the new key. If the deletion of the old key has begun,
        completes the rotation instead. The ``state`` of the report shows whether the rotation was rolled back or
        completed.
        """
        return await self._core.perform(self._native.call("abort"), None, _Run(self._functions))

    async def recover(self) -> RotationReport:
        """Rebuilds a lost journal from the names of the keys and from the sinks, and resumes the rotation. The argument
        ``key`` is needed if several keys can be the old key.
        """
        return await self._core.perform(self._native.call("recover"), None, _Run(self._functions))

    async def status(self) -> RotationStatus | None:
        """Returns the latest rotation of the journal, or ``None`` if there is none. Sends nothing, and calls no
        function of a sink. Raises ``RotationError`` if the journal cannot be read.
        """
        return await self._core.perform(self._native.call("status"), None, _Run(self._functions))

    async def plan(self) -> RotationPlan:
        """Returns what ``start`` would do. Lists the keys and reads the sinks, and changes nothing."""
        return await self._core.perform(self._native.call("plan"), None, _Run(self._functions))

    def __repr__(self) -> str:
        return f"<AsyncRotation of {self._core.native!r}>" if hasattr(self, "_native") else _uninitialized(self)
