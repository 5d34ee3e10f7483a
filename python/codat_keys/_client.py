"""The client that blocks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import Any

from . import _native
from ._native import ApiKey, ApiKeyDetails, AuthorizationHeader, Creation, Page, RateLimit, Response
from ._options import Parameters, Path, Timeout, request, seconds


class Keys:
    """The keys of a Codat client: ``Client.keys``.

    Every call may also raise ``UnauthorizedError``, ``PaymentRequiredError``, ``ForbiddenError``, ``RateLimitedError``,
    ``ServerError``, ``ConnectError``, ``TimeoutError``, ``BadResponseError`` or ``TooLargeError``. A lost connection, 408,
    429, 500, 502, 503 and 504 are retried: at most 4 attempts, after random waits of up to 250 ms, 500 ms, then 1 s, or
    after what ``Retry-After`` asks for.
    """

    __slots__ = ("_core",)

    def __init__(self, core: _native.BlockingCore) -> None:
        self._core = core

    def list(self) -> list[ApiKeyDetails]:
        """All keys, at most ten, in Codat's order. Each holds its secret: Codat's list does."""
        return self._core.perform(_native.list())

    def get(self, id: str) -> ApiKeyDetails:
        """The key of this id, taken from the list. Raises ``NotFoundError``."""
        return self._core.perform(_native.get(id))

    def find(self, name: str) -> _List:
        """All keys of exactly this name, which may be none or several: names are not unique."""
        return self._core.perform(_native.find(name))

    def create(self, name: str, *, adopt: bool = False, idempotency_key: str | None = None) -> Creation:
        """Makes exactly one key of this name: at most 4 attempts under one idempotency key, 15 s each, 60 s in all.

        ``adopt`` says that nobody else creates keys of this name, so that after a doubt the one new key of the name is
        returned. ``idempotency_key`` resumes a call that ended with ``OutcomeUnknownError``, within 85 minutes.

        Raises ``KeyLimitReachedError``, and ``OutcomeUnknownError`` where nothing proves whether a key was made: with the
        idempotency key to resume with, and the candidates.
        """
        return self._core.perform(_native.create(name, adopt, idempotency_key))

    def delete(self, id: str, *, allow_key_in_use: bool = False) -> None:
        """Deletes the key of this id, for good: at most 4 attempts, 10 s each, 30 s in all.

        Raises ``NotFoundError``, ``LastKeyError``, ``KeyInUseError`` with nothing sent, and ``OutcomeUnknownError`` where
        nothing proves whether the key was deleted. What another process deletes meanwhile cannot be seen.
        """
        self._core.perform(_native.delete(id, allow_key_in_use))

    def __repr__(self) -> str:
        return f"<Keys of {self._core!r}>"


_List = list[ApiKeyDetails]


class Client:
    """A client of Codat's API that blocks the calling thread; safe to share between threads, and after a fork.

    What is not given comes from the environment: ``CODAT_API_KEY``, ``CODAT_AUTH_HEADER`` or ``CODAT_API_KEY_FILE``;
    ``CODAT_BASE_URL``, ``CODAT_CA_FILE``; ``HTTPS_PROXY`` and ``NO_PROXY``. ``timeout`` is in seconds, or a timedelta, and
    for a whole call with its retries; by default 30 s, for ``create`` 60 s. Nothing is sent until a call is made.

    Raises ``NoCredentialError``, ``InvalidCredentialError``, ``InvalidInputError`` for what cannot be used.

    >>> with Client() as client:
    ...     [key.name for key in client.keys.list()]
    [None]
    """

    __slots__ = ("_core", "keys")

    def __init__(
        self,
        *,
        api_key: ApiKey | str | None = None,
        auth_header: AuthorizationHeader | str | None = None,
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
                base_url=base_url,
                timeout=seconds(timeout),
                retry=retry,
                ca_file=ca_file,
                proxy=proxy,
                allow_insecure_http=allow_insecure_http,
            )
        finally:
            # A traceback that shows local variables shows those of this frame, too; a URL may hold a password.
            del api_key, auth_header, base_url, proxy
        self._core = _native.BlockingCore(given)
        self.keys = Keys(self._core)

    def request(
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
        """Makes any call to Codat's API; the path begins with a slash.

        POST and PATCH carry one ``Idempotency-Key``, the same in every attempt. Raises ``InvalidInputError``, with nothing
        sent, for a path that leaves the base URL; ``OutcomeUnknownError`` for a change in doubt.

        >>> with Client() as client:
        ...     client.request("GET", "/profile").json()["name"]
        'Emulated client'
        """
        call = request(method, path, query, json, content, headers, timeout)
        return self._core.perform(call)

    def pages(
        self, path: str, *, page_size: int | None = None, query: str | None = None, order_by: str | None = None
    ) -> Iterator[Page]:
        """The pages of a paged resource, ``/companies``: 100 results each by default, at most 5000.

        >>> with Client() as client:
        ...     sum(len(page.results) for page in client.pages("/companies", page_size=2))
        5
        """
        walk = self._core.pages(path, page_size, query, order_by)

        def each() -> Iterator[Page]:
            while (page := self._core.perform(walk.next())) is not None:
                yield page

        return each()

    def whoami(self) -> ApiKeyDetails:
        """Which key this client authenticates with, taken from the list. Raises ``NotFoundError``."""
        return self._core.perform(_native.whoami())

    @property
    def rate_limit(self) -> RateLimit | None:
        """What the latest answer said of the day's quota; ``None`` before the first."""
        return self._core.rate_limit()

    @property
    def base_url(self) -> str:
        """Where this client's requests go, without a slash at the end."""
        return self._core.base_url()

    def authorization_for(self, url: str) -> AuthorizationHeader:
        """The header for another HTTP library, if the URL belongs to this client's own origin.

        Raises ``InvalidInputError`` for any other URL, so that the key goes nowhere else.
        """
        return self._core.authorization_for(url)

    def close(self) -> None:
        """Closes the connections. Every later call raises ``ClosedError``."""
        self._core.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, raised: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return repr(self._core)

