"""Responses whose body is read in chunks, for the client that blocks."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from . import _native
    from ._native import Call, RateLimit, ResponseHead


class _Response:
    """The status and the headers of a response whose body is read in chunks."""

    __slots__ = ("_head",)

    def __init__(self) -> None:
        self._head: ResponseHead | None = None

    @property
    def status(self) -> int:
        """The HTTP status."""
        return self._received().status

    @property
    def headers(self) -> dict[str, str]:
        """The HTTP headers of the response, with names in lower case. The values of headers with the same name are
        joined by commas.
        """
        return self._received().headers

    @property
    def content_length(self) -> int | None:
        """The length of the whole body in bytes. ``None`` if the response does not declare the length."""
        return self._received().content_length

    @property
    def rate_limit(self) -> RateLimit | None:
        """The daily quota of HTTP requests, from the headers of this response. ``None`` if the response has no such
        headers.
        """
        return self._received().rate_limit

    def __repr__(self) -> str:
        head = getattr(self, "_head", None)
        return f"<{type(self).__name__} {'not sent' if head is None else head.status}>"

    def _received(self) -> ResponseHead:
        if self._head is None:
            raise RuntimeError("the request has not been sent: enter the `with` block of the response")
        return self._head

    def _check_not_sent(self) -> None:
        if self._head is not None:
            raise RuntimeError("the request has already been sent: call `stream` again for another `with` block")


class ResponseStream(_Response):
    """A response with a 2xx status whose body is read in chunks: ``Client.stream``. Its ``repr`` shows neither the
    headers nor the body.

    >>> with Client() as client, client.stream("GET", "/companies") as response:
    ...     response.status, b"".join(response.iter_bytes())[:1]
    (200, b'{')
    """

    __slots__ = ("_body", "_call", "_core")

    def __init__(self, core: _native.BlockingCore, call: Call[_native.AsyncBody]) -> None:
        super().__init__()
        self._core = core
        self._call = call
        self._body: _native.BlockingBody | None = None

    def iter_bytes(self) -> Iterator[bytes]:
        """Iterates over the chunks of the body, which are not empty. A chunk is received when it is requested, so that
        the memory in use does not depend on the length of the body.

        API keys in the body are not masked, because a key can extend over two chunks. Do not print or log a chunk.

        Raises ``ConnectError`` if the connection is lost before the end of the body; ``TimeoutError`` if no byte
        arrives for the ``timeout`` of the request or the client, 10 s by default; ``TooLargeError`` if the body is
        larger than ``max_response_bytes``. For a method that changes data, each of them is an ``OutcomeUnknownError``.
        The request is not repeated, and each further iteration raises the same error. After Ctrl-C, the iteration can
        continue: no part of the body is lost.

        Raises ``ClosedError`` after the ``with`` block, ``InvalidInputError`` in the child process after a fork, and
        ``RuntimeError`` before the block. Several threads can read a response, but not at the same time: that is a
        ``RuntimeError``, too.

        >>> with Client() as client, client.stream("GET", "/companies") as response:
        ...     sum(len(chunk) for chunk in response.iter_bytes()) == response.content_length
        True
        """
        self._received()
        return _Chunks(self)

    def __enter__(self) -> ResponseStream:
        self._check_not_sent()
        self._body = self._core.stream(self._call)
        self._head = self._body.head()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, raised: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._body is not None:
            self._body.close()


class _Chunks:
    """An iterator over the chunks of a response. It is not a generator, because a generator ends with its first error,
    and a body that was read in part would look complete.
    """

    __slots__ = ("_response",)

    def __init__(self, response: ResponseStream) -> None:
        self._response = response

    def __iter__(self) -> _Chunks:
        return self

    def __next__(self) -> bytes:
        body = self._response._body
        if body is not None:
            # The iterator is native. From Python 3.10 on, no signal handler runs between its return and ours.
            for chunk in iter(body.chunk, None):
                return chunk
        raise StopIteration
