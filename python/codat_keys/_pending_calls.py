"""Awaits the calls of the native client, on any event loop and also after a fork."""

from __future__ import annotations

import asyncio
import os
from collections import deque
from collections.abc import Callable, Coroutine
from contextlib import suppress
from contextvars import Context
from functools import partial
from itertools import count
from typing import Any, Optional, TypeVar
from weakref import WeakKeyDictionary, WeakMethod, ref

from . import _native
from ._aio_key_callback import run
from ._interrupted import explain

_T = TypeVar("_T")
Handle = Callable[[_native.RotationRequest], Optional["asyncio.Task[None]"]]


class _Woken(asyncio.Future):  # type: ignore[type-arg]
    """A future that wakes its task even if a signal handler raises an exception in ``set_result``. The future is then
    done, but its task may not have been scheduled.
    """

    _wakeup: tuple[Callable[[Any], None], Context | None] | None = None

    def add_done_callback(self, wakeup: Callable[[Any], object], /, *, context: Context | None = None) -> None:
        wakeups = iter((wakeup,))

        def wake_once(done: Any) -> None:
            # An iterator over a tuple is atomic.
            for wakeup in wakeups:
                wakeup(done)

        self._wakeup = wake_once, context
        super().add_done_callback(wake_once, context=context)

    def __repr__(self) -> str:
        # That of the base class raises an exception if `__init__` has not run.
        return f"<{type(self).__name__}>"

    def wake(self) -> None:
        """Wakes the task. May be called again."""
        if not self.done():
            self.set_result(None)
        elif self._wakeup is not None:
            wakeup, context = self._wakeup
            self.get_loop().call_soon(wakeup, self, context=context)


class _PendingCall:
    """A call that has not completed, or whose task has not received the result yet."""

    __slots__ = ("callbacks", "handle", "raised", "result", "woken")

    def __init__(self, woken: _Woken, handle: Handle | None) -> None:
        # This future does not have the result, because a cancelled task cancels the future that it awaits.
        self.woken = woken
        self.result: tuple[Any, BaseException | None] | None = None
        self.handle = handle
        self.callbacks: list[asyncio.Task[None]] = []
        # What the function for the events of a rotation raised.
        self.raised: BaseException | None = None

    def run_callback(self, request: _native.KeyRequest) -> None:
        self.callbacks.append(request.context.run(self.woken.get_loop().create_task, run(request)))

    def answer(self, request: _native.RotationRequest) -> None:
        """Handles a request of a rotation. An exception of the function for events cancels the rotation, which then
        uses only its journal.
        """
        is_of_journal = request.sink is None and request.function is not None
        if self.handle is None or (self.raised is not None and not is_of_journal):
            return
        try:
            callback = self.handle(request)
        except BaseException as raised:
            self.raised = raised
            self.woken.wake()
        else:
            self.callbacks += [callback] if callback is not None else []

    def complete(self, result: Any, error: BaseException | None) -> None:
        self.result = result, error
        for callback in self.callbacks:
            # Another call that needs the key runs the function again.
            callback.cancel()
        self.woken.wake()


class _PendingCalls:
    """The calls of one event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._pending: dict[int, _PendingCall] = {}
        # The entries of the queue that have not been handled.
        self._entries: deque[tuple[int | None, Any, BaseException | None]] = deque()
        self._numbers = count()
        try:
            self._queue = _native.CompletionQueue(None)
            loop.add_reader(self._queue.fileno(), self._settle)
        except NotImplementedError:
            # Event loops on Windows cannot read from a pipe. The references are weak, so that the loop can be
            # collected.
            self._queue = _native.CompletionQueue(partial(_wake, ref(loop), WeakMethod(self._settle)))

    async def perform(
        self,
        woken: _Woken,
        core: _native.AsyncCore,
        call: _native.Call[_T],
        unclaimed: list[_T] | None,
        handle: Handle | None,
    ) -> _T:
        number, pending, change = next(self._numbers), _PendingCall(woken, handle), call.change
        task = self._queue.start(_process.runtime(), core, call, number)
        # The traceback of an error refers to this frame, and a call can refer to a connection.
        del call
        self._pending[number] = pending
        try:
            await pending.woken
        except asyncio.CancelledError as cancelled:
            task.stop()
            result, error = await _result(pending)
            if unclaimed is not None and result is not None:
                unclaimed.append(result)
            explain(cancelled, result, error, change)
            raise
        finally:
            task.stop()
        result, error = await _result(pending)
        if pending.raised is not None:
            explain(pending.raised, result, error, change)
            raise pending.raised
        if error is not None:
            raise error
        returned: _T = result
        return returned

    def _settle(self) -> None:
        """Handles the entries of the queue. A signal handler can raise an exception anywhere in this method. The queue
        then wakes the event loop again for the other entries, so that no result of a call is lost.
        """
        try:
            self._queue.drain(self._entries)
            while self._entries:
                number, result, error = self._entries[0]
                if number is not None:
                    self._handle(number, result, error)
                self._entries.popleft()
                if number is None and error is not None:
                    raise error
        finally:
            self._queue.rest(self._entries)

    def _handle(self, number: int, result: Any, error: BaseException | None) -> None:
        pending = self._pending.get(number)
        if pending is None:
            return
        if type(result) is _native.KeyRequest:
            pending.run_callback(result)
        elif type(result) is _native.RotationRequest:
            pending.answer(result)
        else:
            pending.complete(result, error)
            del self._pending[number]


async def _result(pending: _PendingCall) -> tuple[Any, BaseException | None]:
    """Waits for the result of a call that was cancelled. Further cancellations do not interrupt the wait."""
    while pending.result is None:
        pending.woken = _Woken(loop=asyncio.get_running_loop())
        with suppress(asyncio.CancelledError):
            await pending.woken
    return pending.result


def _wake(loop: ref[asyncio.AbstractEventLoop], settle: WeakMethod[Callable[[], None]]) -> None:
    running, callback = loop(), settle()
    if running is not None and callback is not None and not running.is_closed():
        running.call_soon_threadsafe(callback)


class _Process:
    """The state that a process does not share with the children that it forks. A child keeps the state of its parent
    unchanged, and creates a new state.
    """

    def __init__(self) -> None:
        self.left: list[object] = []
        self.forget()

    def forget(self) -> None:
        self.left.append(getattr(self, "__dict__", {}).copy())
        self._runtime: _native.Runtime | None = None
        self._pending_calls: WeakKeyDictionary[asyncio.AbstractEventLoop, _PendingCalls] = WeakKeyDictionary()
        self.generation = len(self.left)

    def runtime(self) -> _native.Runtime:
        if self._runtime is None:
            self._runtime = _native.Runtime()
        return self._runtime

    def pending_calls(self, loop: asyncio.AbstractEventLoop) -> _PendingCalls:
        calls = self._pending_calls.get(loop)
        if calls is None:
            calls = self._pending_calls[loop] = _PendingCalls(loop)
        return calls


_process = _Process()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_process.forget)


class Core:
    """The native client of this process."""

    __slots__ = ("_generation", "_native")

    def __init__(self, given: _native.Options) -> None:
        self._native = _native.AsyncCore(given)
        self._generation = _process.generation

    @property
    def native(self) -> _native.AsyncCore:
        if self._generation != _process.generation:
            _process.left.append(self._native)
            self._native = self._native.after_fork()
            self._generation = _process.generation
        return self._native

    def perform(
        self, call: _native.Call[_T], unclaimed: list[_T] | None = None, handle: Handle | None = None
    ) -> Coroutine[Any, Any, _T]:
        """Performs a call. If the task is cancelled and the call nevertheless returns a result, the result is added to
        ``unclaimed``. A rotation passes its requests to ``handle``.
        """
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            raise RuntimeError("AsyncClient runs on an event loop of asyncio, and none is running here") from None
        return _process.pending_calls(loop).perform(_Woken(loop=loop), self.native, call, unclaimed, handle)
