"""Responses whose body is read in chunks, for asyncio."""

from __future__ import annotations

from collections.abc import AsyncIterator
from types import TracebackType

from . import _native
from ._native import Call
from ._pending_calls import Core
from ._response_stream import _Response


class AsyncResponseStream(_Response):
    """A response with a 2xx status whose body is read in chunks: ``AsyncClient.stream``. Its ``repr`` shows neither the
    headers nor the body.

    >>> import asyncio
    >>> async def main():
    ...     async with AsyncClient() as client, client.stream("GET", "/companies") as response:
    ...         chunks = [chunk async for chunk in response.iter_bytes()]
    ...         return response.status, b"".join(chunks)[:1]
    >>> asyncio.run(main())
    (200, b'{')
    """

    __slots__ = ("_body", "_call", "_core", "_unclaimed")

    def __init__(self, core: Core, call: Call[_native.AsyncBody]) -> None:
        super().__init__()
        self._core = core
        self._call = call
        self._body: _native.AsyncBody | None = None
        # The chunks that arrived together with a cancellation, and that no task has received.
        self._unclaimed: list[bytes | None] = []

    def iter_bytes(self) -> AsyncIterator[bytes]:
        """Iterates over the chunks of the body, which are not empty. A chunk is received when it is requested, so that
        the memory in use does not depend on the length of the body.

        API keys in the body are not masked, because a key can extend over two chunks. Do not print or log a chunk.

        Raises ``ConnectError`` if the connection is lost before the end of the body; ``TimeoutError`` if no byte
        arrives for the ``timeout`` of the request or the client, 10 s by default; ``TooLargeError`` if the body is
        larger than ``max_response_bytes``. For a method that changes data, each of them is an ``OutcomeUnknownError``.
        The request is not repeated, and each further iteration raises the same error. After a cancellation, the
        iteration can continue: no part of the body is lost.

        Raises ``ClosedError`` after the ``with`` block, ``InvalidInputError`` in the child process after a fork, and
        ``RuntimeError`` before the block. Tasks that read a response at the same time get different chunks.

        >>> import asyncio
        >>> async def main():
        ...     async with AsyncClient() as client, client.stream("GET", "/companies") as response:
        ...         return sum([len(chunk) async for chunk in response.iter_bytes()]) == response.content_length
        >>> asyncio.run(main())
        True
        """
        self._received()
        return _Chunks(self)

    async def _chunk(self) -> bytes | None:
        if self._body is None:
            return None
        call = self._body.next()
        performed = None if self._unclaimed else self._core.perform(call, self._unclaimed)
        # A call refers to the connection, and the traceback of an error refers to this frame.
        del call
        chunk = None if performed is None else await performed
        # Another task may have been cancelled meanwhile, and have left a chunk.
        return self._unclaimed.pop(0) if chunk is None and self._unclaimed else chunk

    async def __aenter__(self) -> AsyncResponseStream:
        self._check_not_sent()
        unclaimed: list[_native.AsyncBody] = []
        try:
            self._body = await self._core.perform(self._call, unclaimed)
        finally:
            # The response arrived together with a cancellation.
            for body in unclaimed:
                body.close()
        self._head = self._body.head()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, raised: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._body is not None:
            self._body.close()


class _Chunks:
    """An iterator over the chunks of a response. It is not a generator, because a generator ends with its first error,
    and a body that was read in part would look complete.
    """

    __slots__ = ("_response",)

    def __init__(self, response: AsyncResponseStream) -> None:
        self._response = response

    def __aiter__(self) -> _Chunks:
        return self

    async def __anext__(self) -> bytes:
        chunk = await self._response._chunk()
        if chunk is None:
            raise StopAsyncIteration
        return chunk
