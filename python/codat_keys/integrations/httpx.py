"""For httpx: ``httpx.Client(auth=CodatAuth(client))``, and ``httpx.AsyncClient`` with an ``AsyncClient``."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from typing import Any

from .. import AsyncClient, AuthorizationHeader, Client, CodatError
from ._mistakes import checked, missing

try:
    import httpx
except ImportError as error:
    raise missing("httpx", error) from error

__all__ = ["CodatAuth", "httpx"]


class CodatAuth(httpx.Auth):
    """Sends requests to a client's origin with the key of the client. The first request reads the key from its source.

    After a 401 or 403 the client reads the source again. If the source has another key, the request is sent once more
    with that key. If its body is a stream that was consumed, the 401 or 403 is returned, and the next request has the
    new key.

    If a proxy would see the key unencrypted, the request raises ``InvalidInputError``, and the key is not sent. A
    redirect to another origin is followed without the key.

    ``httpx.Client`` needs a ``Client``, and ``httpx.AsyncClient`` an ``AsyncClient``: a request with the other kind
    raises ``TypeError``. A request to another origin raises ``InvalidInputError``, unless the request has its own
    ``auth``. In both cases, nothing is sent.
    """

    def __init__(self, client: Client | AsyncClient) -> None:
        self._client = checked(client, Client, AsyncClient)

    def sync_auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Authenticates a request. Called by ``httpx.Client``, but not for a redirect."""
        client = self._client
        if not isinstance(client, Client):
            raise TypeError("httpx.Client blocks: give CodatAuth a Client of codat_keys, or use httpx.AsyncClient")
        header = client.authorization_for(str(request.url))
        trace = request.extensions.get("trace")

        def traced(event: str, info: dict[str, Any]) -> None:
            _check(client, event, info)
            if trace is not None:
                trace(event, info)

        response = yield _with(header, _traced(request, traced))
        if _rejects(client, header, response):
            renewed = client.reauthorize(str(response.request.url), header)
            if renewed is not None and _is_repeatable(response.request):
                yield _with(renewed, response.request)

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        """Authenticates a request. Called by ``httpx.AsyncClient``, but not for a redirect."""
        client = self._client
        if not isinstance(client, AsyncClient):
            raise TypeError("httpx.AsyncClient does not block: give CodatAuth an AsyncClient of codat_keys")
        header = await client.authorize(str(request.url))
        trace = request.extensions.get("trace")

        async def traced(event: str, info: dict[str, Any]) -> None:
            _check(client, event, info)
            if trace is not None:
                await trace(event, info)

        response = yield _with(header, _traced(request, traced))
        if _rejects(client, header, response):
            renewed = await client.reauthorize(str(response.request.url), header)
            if renewed is not None and _is_repeatable(response.request):
                yield _with(renewed, response.request)


def _traced(request: httpx.Request, trace: Callable[[str, dict[str, Any]], Awaitable[None] | None]) -> httpx.Request:
    """Traces each step of an unencrypted request, and of the requests to which it is redirected."""
    if request.url.scheme == "http":
        request.extensions = {**request.extensions, "trace": trace}
    return request


def _check(client: Client | AsyncClient, event: str, info: dict[str, Any]) -> None:
    """Checks the server to which httpx connects. With a proxy, the URL of the request names another server."""
    if event == "socks.connect_tcp.started":
        client.check_next_hop(f"socks5://{info['host']}:{info['port']}")
    if event in ("http11.send_request_headers.started", "http2.send_request_headers.started"):
        sent = info["request"]
        host = sent.url.host.decode("ascii")
        port = sent.url.port or {b"http": 80, b"https": 443}[sent.url.scheme]
        server = f"{sent.url.scheme.decode()}://{f'[{host}]' if ':' in host else host}:{port}"
        if sent.url.scheme == b"https" and sent.url.target.startswith(b"/"):
            if not _is_own(client, server):
                # httpx keeps the key when http://HOST redirects to https://HOST.
                sent.headers = [(name, value) for name, value in sent.headers if name.lower() != b"authorization"]
        elif any(name.lower() == b"authorization" for name, _ in sent.headers):
            client.check_next_hop(server)


def _is_own(client: Client | AsyncClient, url: str) -> bool:
    try:
        client.authorization_for(url)
    except CodatError:
        return False
    return True


def _with(header: AuthorizationHeader, request: httpx.Request) -> httpx.Request:
    request.headers["Authorization"] = header.expose_secret()
    return request


def _rejects(client: Client | AsyncClient, header: AuthorizationHeader, response: httpx.Response) -> bool:
    """Whether the response rejects this key. A request that was redirected to another origin has no key."""
    sent = response.request.headers.get("Authorization")
    is_sent = sent == header.expose_secret() and _is_own(client, str(response.request.url))
    return response.status_code in (401, 403) and is_sent


def _is_repeatable(request: httpx.Request) -> bool:
    """Whether the body can be sent a second time. httpx rewinds the files of a form."""
    fields = getattr(request.stream, "fields", None)
    if fields is None:
        return isinstance(request.stream, httpx.ByteStream)
    files = (getattr(field, "file", b"") for field in fields)
    return all(isinstance(file, (str, bytes)) or file.seekable() for file in files)
