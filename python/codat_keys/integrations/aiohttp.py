"""For aiohttp: ``aiohttp.ClientSession(middlewares=[codat_auth(client)])``."""

from __future__ import annotations

from contextlib import suppress
from contextvars import ContextVar

from .. import AsyncClient, InvalidInputError
from ._header import HeaderValue
from ._mistakes import checked, missing

try:
    from aiohttp import ClientHandlerType, ClientMiddlewareType, ClientRequest, ClientResponse, hdrs
    from yarl import URL
except ImportError as error:
    raise missing("aiohttp>=3.12", error) from error


# The URL to which the latest response in this task redirects.
_redirects_to: ContextVar[URL | None] = ContextVar("codat_keys.redirects_to", default=None)

__all__ = ["codat_auth"]


def codat_auth(client: AsyncClient) -> ClientMiddlewareType:
    """Returns a middleware that sends requests to a client's origin with the key of the client. The first request reads
    the key from its source.

    After a 401 or 403 the client reads the source again. If the source has another key, the request is sent once more
    with that key. If its body was consumed and cannot be rewound, the 401 or 403 is returned, and the next request has
    the new key.

    A request to another origin raises ``InvalidInputError``, and so does a request whose key a proxy would see
    unencrypted. In both cases nothing is sent. Send requests to another origin without this middleware. A redirect to
    another origin is followed without the key. A program that follows such a redirect itself, in the same task and
    before another response, can also send a request to exactly this URL.
    """
    checked(client, AsyncClient)

    async def authenticate(request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
        url, header = str(request.url), None
        try:
            header = await client.authorize(url)
        except InvalidInputError:
            # aiohttp also calls the middleware for a redirected request, without the headers that were added before.
            if _redirects_to.get() != _sent(request.url):
                raise
        if header is not None:
            if request.proxy is not None and request.url.scheme == "http":
                client.check_next_hop(str(request.proxy))
            request.headers[hdrs.AUTHORIZATION] = HeaderValue.of(header)
        response = await handler(request)
        if header is not None and response.status in (401, 403):
            header = await client.reauthorize(url, header)
            if header is not None and _is_repeatable(request):
                response.close()
                await request.close()
                request.headers[hdrs.AUTHORIZATION] = HeaderValue.of(header)
                response = await handler(request)
        _redirects_to.set(_target(request.url, response))
        return response

    return authenticate


def _is_repeatable(request: ClientRequest) -> bool:
    """Whether the body can be sent a second time. aiohttp rewinds a file."""
    return not request.body or not getattr(request.body, "consumed", True)


def _target(url: URL, response: ClientResponse) -> URL | None:
    """Returns the URL to which a response redirects."""
    location = response.headers.get(hdrs.LOCATION) if response.status in (301, 302, 303, 307, 308) else None
    if location is not None:
        with suppress(ValueError):
            return _sent(url.join(URL(location)))
    return None


def _sent(url: URL) -> URL:
    """Returns a URL as aiohttp sends it."""
    return url.with_fragment(None).with_user(None)
