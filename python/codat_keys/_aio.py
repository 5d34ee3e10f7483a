"""The client for asyncio."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from types import TracebackType
from typing import Any

from . import _native
from ._keys import _uninitialized
from ._native import ApiKey, ApiKeyDetails, AuthorizationHeader, Creation, KeyCommand, Page, RateLimit, Response
from ._options import AsyncKeyFunction, Parameters, Path, Timeout
from ._pending_calls import Core
from ._request import request


class _Pages:
    """An iterator over pages. It is not a generator, because a generator ends with its first error."""

    __slots__ = ("_core", "_cursor")

    def __init__(self, core: Core, cursor: _native.PageCursor) -> None:
        self._core = core
        self._cursor = cursor

    def __aiter__(self) -> AsyncIterator[Page]:
        return self

    async def __anext__(self) -> Page:
        page = await self._core.perform(self._cursor.next())
        if page is None:
            raise StopAsyncIteration
        return page


class AsyncKeys:
    """The keys of a Codat client: ``AsyncClient.keys``. Its methods are those of ``Keys``, awaited.

    >>> import asyncio
    >>> async def main():
    ...     async with AsyncClient() as client:
    ...         made = await client.keys.create("invoice-processor")
    ...         return [key == made.key for key in await client.keys.find("invoice-processor")]
    >>> asyncio.run(main())
    [True]
    """

    __slots__ = ("_core",)

    def __init__(self, core: Core) -> None:
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

        If the task is cancelled after a key may have been created, the ``__cause__`` of its ``asyncio.CancelledError``
        is an ``OutcomeUnknownError``. This error has the ``idempotency_key`` with which to resume, or the new key as
        its only candidate.
        """
        return await self._core.perform(_native.create(name, adopt, idempotency_key))

    async def delete(self, id: str, *, allow_key_in_use: bool = False) -> None:
        """As ``Keys.delete``.

        If the task is cancelled after the key may have been deleted, the ``__cause__`` of its
        ``asyncio.CancelledError`` is an ``OutcomeUnknownError``.
        """
        await self._core.perform(_native.delete(id, allow_key_in_use))

    def __repr__(self) -> str:
        return f"<AsyncKeys of {self._core.native!r}>" if hasattr(self, "_core") else _uninitialized(self)


_List = list[ApiKeyDetails]


class AsyncClient:
    """A client of Codat's API for asyncio. Its arguments and methods are those of ``Client``, awaited. Any number of
    tasks, event loops and threads can share a client.

    The argument ``api_key`` can also be an async function. It runs on the event loop of the call that needs the key,
    within the timeout of that call. If the call is cancelled, the function is cancelled, and another call that waits
    for the key runs it again. A function that is not async runs in its own thread, so that it can block.

    Cancelling a task that waits closes the connection of its request. If the outcome of a change is then unknown, the
    ``__cause__`` of the ``asyncio.CancelledError`` is an ``OutcomeUnknownError``.

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
        allow_insecure_http: bool | None = None,
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
            # Deleted, because some tracebacks show the local variables of this frame. A URL may contain a password.
            del api_key, auth_header, base_url, proxy
        self._core = Core(given)
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
        cursor = self._core.native.pages(path, page_size, query, order_by)
        return _Pages(self._core, cursor)

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
        """Returns the header for another HTTP library, if the URL belongs to this client's own origin. This method
        never waits. It checks a key file at most once a second, and reads the file again if it has changed. It does not
        run a command or a function, and uses the latest key that the command or function returned. Prefer ``authorize``
        in code that can wait.

        Raises ``InvalidInputError`` for any other URL, so that the key is sent nowhere else; ``NoCredentialError`` if
        the command or function has not run yet; ``ClosedError``. Nothing is sent.
        """
        return self._core.native.authorization_for(url)

    async def authorize(self, url: str) -> AuthorizationHeader:
        """As ``Client.authorization_for``, awaited. Returns the header for another HTTP library."""
        header = self._core.native.cached_authorization(url)
        return await self._core.perform(_native.authorize(url)) if header is None else header

    async def reauthorize(self, url: str, rejected: AuthorizationHeader | str) -> AuthorizationHeader | None:
        """As ``Client.reauthorize``."""
        return await self._core.perform(_native.reauthorize(url, rejected))

    def check_next_hop(self, url: str) -> None:
        """As ``Client.check_next_hop``."""
        self._core.native.check_next_hop(url)

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
        return f"Async{self._core.native!r}" if hasattr(self, "_core") else _uninitialized(self)
