"""How a call of the native client is awaited: on whichever event loop, in whichever process it is made."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Coroutine
from contextlib import suppress
from functools import partial
from itertools import count
from typing import Any, TypeVar
from weakref import WeakKeyDictionary, WeakMethod, ref

from . import _native
from ._aio_asking import ask
from ._interrupted import explain

_T = TypeVar("_T")


class _Pending:
    """A call that has not ended, or whose end nobody has taken yet."""

    __slots__ = ("asks", "ended", "woken")

    def __init__(self, woken: asyncio.Future[None]) -> None:
        # Apart from the end itself: whoever is cancelled cancels what it awaits.
        self.woken = woken
        self.ended: tuple[Any, BaseException | None] | None = None
        self.asks: asyncio.Task[None] | None = None

    def ask(self, question: _native.Question) -> None:
        self.asks = question.context.run(self.woken.get_loop().create_task, ask(question))

    def end(self, result: Any, error: BaseException | None) -> None:
        self.ended = result, error
        if self.asks is not None:
            # Whoever else needs the key asks anew.
            self.asks.cancel()
        if not self.woken.done():
            self.woken.set_result(None)


class _Waiting:
    """The calls that one event loop waits for."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._pending: dict[int, _Pending] = {}
        self._numbers = count()
        try:
            self._completions = _native.Completions(None)
            loop.add_reader(self._completions.fileno(), self._settle)
        except NotImplementedError:
            # Loops of Windows read from no pipe. As with a reader, nothing here keeps the loop alive.
            self._completions = _native.Completions(partial(_ring, ref(loop), WeakMethod(self._settle)))

    async def perform(self, woken: asyncio.Future[None], core: _native.AsyncCore, call: _native.Call[_T]) -> _T:
        number, pending = next(self._numbers), _Pending(woken)
        task = self._completions.start(_process.runtime(), core, call, number)
        self._pending[number] = pending
        try:
            await pending.woken
        except asyncio.CancelledError as cancelled:
            task.stop()
            explain(cancelled, *await _end(pending))
            raise
        finally:
            task.stop()
        result, error = await _end(pending)
        if error is not None:
            raise error
        returned: _T = result
        return returned

    def _settle(self) -> None:
        for number, result, error in self._completions.drain():
            if type(result) is _native.Question:
                self._pending[number].ask(result)
            else:
                self._pending.pop(number).end(result, error)


async def _end(pending: _Pending) -> tuple[Any, BaseException | None]:
    """What a call that was stopped ends with, at once: another cancellation meanwhile does not hide it."""
    while pending.ended is None:
        pending.woken = asyncio.get_running_loop().create_future()
        with suppress(asyncio.CancelledError):
            await pending.woken
    return pending.ended


def _ring(loop: ref[asyncio.AbstractEventLoop], settle: WeakMethod[Callable[[], None]]) -> None:
    hears, told = loop(), settle()
    if hears is not None and told is not None and not hears.is_closed():
        hears.call_soon_threadsafe(told)


class _Process:
    """What a child of a fork must not share with its parent: it is left as it is, and made anew."""

    def __init__(self) -> None:
        self.left: list[object] = []
        self.forget()

    def forget(self) -> None:
        self.left.append(getattr(self, "__dict__", {}).copy())
        self._runtime: _native.Runtime | None = None
        self._waiting: WeakKeyDictionary[asyncio.AbstractEventLoop, _Waiting] = WeakKeyDictionary()
        self.generation = len(self.left)

    def runtime(self) -> _native.Runtime:
        if self._runtime is None:
            self._runtime = _native.Runtime()
        return self._runtime

    def waiting(self, loop: asyncio.AbstractEventLoop) -> _Waiting:
        waiting = self._waiting.get(loop)
        if waiting is None:
            waiting = self._waiting[loop] = _Waiting(loop)
        return waiting


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
            self._native = self._native.anew()
            self._generation = _process.generation
        return self._native

    def perform(self, call: _native.Call[_T]) -> Coroutine[Any, Any, _T]:
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            raise RuntimeError("AsyncClient runs on an event loop of asyncio, and none is running here") from None
        return _process.waiting(loop).perform(loop.create_future(), self.native, call)
