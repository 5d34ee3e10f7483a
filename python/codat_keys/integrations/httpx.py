"""For httpx: ``httpx.Client(auth=CodatAuth(client))``, and ``httpx.AsyncClient`` with an ``AsyncClient``."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator

from .. import AsyncClient, AuthorizationHeader, Client
from ._mistakes import checked, missing

try:
    import httpx
except ImportError as error:
    raise missing("httpx", error) from error

__all__ = ["CodatAuth", "httpx"]


class CodatAuth(httpx.Auth):
    """Sends requests for a client's origin with the key in use, which is read from its source with the first request.

    After a 401 or 403 the source is read again. If it has another key, the request is sent once more with that key,
    unless its body is a stream that was consumed. Such a response is returned, and the next request has the new key.

    ``httpx.Client`` needs a ``Client``, and ``httpx.AsyncClient`` an ``AsyncClient``: a request with the other kind raises
    ``TypeError``. A request to another origin raises ``InvalidInputError``: give it an ``auth`` of its own. In both
    cases, nothing is sent. httpx removes the key from a redirect to another origin, except from ``http://HOST`` to
    ``https://HOST``.
    """

    def __init__(self, client: Client | AsyncClient) -> None:
        self._client = checked(client, Client, AsyncClient)

    def sync_auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Called by ``httpx.Client`` for each request of its user."""
        client = self._client
        if not isinstance(client, Client):
            raise TypeError("httpx.Client blocks: give CodatAuth a Client of codat_keys, or use httpx.AsyncClient")
        header = client.authorization_for(str(request.url))
        response = yield _with(header, request)
        if _rejects(header, response):
            renewed = client.reauthorize(str(response.request.url), header)
            if renewed is not None and _is_repeatable(response.request):
                yield _with(renewed, response.request)

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        """Called by ``httpx.AsyncClient`` for each request of its user."""
        client = self._client
        if not isinstance(client, AsyncClient):
            raise TypeError("httpx.AsyncClient does not block: give CodatAuth an AsyncClient of codat_keys")
        header = await client.authorize(str(request.url))
        response = yield _with(header, request)
        if _rejects(header, response):
            renewed = await client.reauthorize(str(response.request.url), header)
            if renewed is not None and _is_repeatable(response.request):
                yield _with(renewed, response.request)


def _with(header: AuthorizationHeader, request: httpx.Request) -> httpx.Request:
    request.headers["Authorization"] = header.expose_secret()
    return request


def _rejects(header: AuthorizationHeader, response: httpx.Response) -> bool:
    """Whether the response rejects this key. After a redirect to another origin, its request has none."""
    sent = response.request.headers.get("Authorization")
    return response.status_code in (401, 403) and sent == header.expose_secret()


def _is_repeatable(request: httpx.Request) -> bool:
    """Whether the body can be sent a second time. httpx rewinds the files of a form."""
    fields = getattr(request.stream, "fields", None)
    if fields is None:
        return isinstance(request.stream, httpx.ByteStream)
    files = (getattr(field, "file", b"") for field in fields)
    return all(isinstance(file, (str, bytes)) or file.seekable() for file in files)
