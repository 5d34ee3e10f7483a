"""The client for asyncio."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from functools import partial
from itertools import count
from types import TracebackType
from typing import Any, TypeVar
from weakref import WeakKeyDictionary, WeakMethod, ref

from . import _native
from ._aio_asking import ask
from ._interrupted import explain
from ._native import ApiKey, ApiKeyDetails, AuthorizationHeader, Creation, KeyCommand, Page, RateLimit, Response
from ._options import AsyncKeyFunction, Parameters, Path, Timeout
from ._request import request

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
        return result  # type: ignore[no-any-return]

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


class _Core:
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


class _Pages:
    """No generator, which would end with its first error."""

    __slots__ = ("_core", "_walk")

    def __init__(self, core: _Core, walk: _native.Walk) -> None:
        self._core = core
        self._walk = walk

    def __aiter__(self) -> AsyncIterator[Page]:
        return self

    async def __anext__(self) -> Page:
        page = await self._core.perform(self._walk.next())
        if page is None:
            raise StopAsyncIteration
        return page


class AsyncKeys:
    """The keys of a Codat client: ``AsyncClient.keys``. As ``Keys``, awaited.

    >>> import asyncio
    >>> async def main():
    ...     async with AsyncClient() as client:
    ...         made = await client.keys.create("invoice-processor")
    ...         return [key == made.key for key in await client.keys.find("invoice-processor")]
    >>> asyncio.run(main())
    [True]
    """

    __slots__ = ("_core",)

    def __init__(self, core: _Core) -> None:
        self._core = core

    async def list(self) -> list[ApiKeyDetails]:
        """As ``Keys.list``."""
        return await self._core.perform(_native.list())

    async def get(self, id: str) -> ApiKeyDetails:
        """As ``Keys.get``."""
        return await self._core.perform(_native.get(id))

    async def find(self, name: str) -> _List:
        """As ``Keys.find``."""
        return await self._core.perform(_native.find(name))

    async def create(self, name: str, *, adopt: bool = False, idempotency_key: str | None = None) -> Creation:
        """As ``Keys.create``.

        Where the task is cancelled when a key may have been made, its ``asyncio.CancelledError`` has an
        ``OutcomeUnknownError`` as its ``__cause__``: with the ``idempotency_key`` to resume with, or with the key made
        as its one candidate.
        """
        return await self._core.perform(_native.create(name, adopt, idempotency_key))

    async def delete(self, id: str, *, allow_key_in_use: bool = False) -> None:
        """As ``Keys.delete``. What a cancelled task leaves in doubt is told as by ``AsyncKeys.create``."""
        await self._core.perform(_native.delete(id, allow_key_in_use))

    def __repr__(self) -> str:
        return f"<AsyncKeys of {self._core.native!r}>"


_List = list[ApiKeyDetails]


class AsyncClient:
    """A client of Codat's API for asyncio: as ``Client``, awaited. It serves any number of tasks, loops and threads.

    As ``api_key`` it takes an async function, too, which runs on the event loop of the call that needs the key, within that
    call's time. If that call is cancelled, so is the function, and another call that waits for the key begins it anew. Any
    other function runs in a thread of its own, so that it may block.

    Cancelling a task that waits closes the connection of its request. Where that leaves a change in doubt, the
    ``asyncio.CancelledError`` has an ``OutcomeUnknownError`` as its ``__cause__``.

    >>> import asyncio
    >>> async def main():
    ...     async with AsyncClient() as client:
    ...         return [key.name for key in await client.keys.list()]
    >>> asyncio.run(main())
    [None]
    """

    __slots__ = {"__weakref__": "", "_core": "The native client.", "keys": "As ``Client.keys``: see ``AsyncKeys``."}

    def __init__(
        self,
        *,
        api_key: ApiKey | str | AsyncKeyFunction | None = None,
        auth_header: AuthorizationHeader | str | None = None,
        api_key_file: Path | None = None,
        api_key_command: Sequence[Path] | KeyCommand | None = None,
        base_url: str | None = None,
        timeout: Timeout | None = None,
        retry: bool = True,
        ca_file: Path | None = None,
        proxy: str | None = None,
        allow_insecure_http: bool = False,
    ) -> None:
        try:
            given = _native.Options(
                api_key=api_key,
                auth_header=auth_header,
                api_key_file=api_key_file,
                api_key_command=api_key_command,
                base_url=base_url,
                timeout=timeout,
                retry=retry,
                ca_file=ca_file,
                proxy=proxy,
                allow_insecure_http=allow_insecure_http,
            )
        finally:
            # A traceback that shows local variables shows those of this frame, too; a URL may hold a password.
            del api_key, auth_header, base_url, proxy
        self._core = _Core(given)
        self.keys = AsyncKeys(self._core)

    async def request(
        self,
        method: str,
        path: str,
        *,
        query: Parameters | None = None,
        json: Any = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: Timeout | None = None,
    ) -> Response:
        """As ``Client.request``."""
        call = request(method, path, query, json, content, headers, timeout)
        return await self._core.perform(call)

    def pages(
        self, path: str, *, page_size: int | None = None, query: str | None = None, order_by: str | None = None
    ) -> AsyncIterator[Page]:
        """As ``Client.pages``, with ``async for``."""
        walk = self._core.native.pages(path, page_size, query, order_by)
        return _Pages(self._core, walk)

    async def whoami(self) -> ApiKeyDetails:
        """As ``Client.whoami``."""
        return await self._core.perform(_native.whoami())

    async def reload_key(self) -> bool:
        """As ``Client.reload_key``."""
        return await self._core.perform(_native.reload_key())

    @property
    def rate_limit(self) -> RateLimit | None:
        """As ``Client.rate_limit``."""
        return self._core.native.rate_limit()

    @property
    def base_url(self) -> str:
        """As ``Client.base_url``."""
        return self._core.native.base_url()

    def authorization_for(self, url: str) -> AuthorizationHeader:
        """As ``Client.authorization_for``."""
        return self._core.native.authorization_for(url)

    async def close(self) -> None:
        """As ``Client.close``."""
        self._core.native.close()

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, raised: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    def __repr__(self) -> str:
        return f"Async{self._core.native!r}"
