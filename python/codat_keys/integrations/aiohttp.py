"""For aiohttp: ``aiohttp.ClientSession(middlewares=[codat_auth(client)])``."""

from __future__ import annotations

from contextlib import suppress

from .. import AsyncClient, InvalidInputError
from ._mistakes import checked, missing

try:
    from aiohttp import ClientHandlerType, ClientMiddlewareType, ClientRequest, ClientResponse, hdrs
except ImportError as error:
    raise missing("aiohttp>=3.12", error) from error


def codat_auth(client: AsyncClient) -> ClientMiddlewareType:
    """Attaches the key of a client to requests for its origin. Any other goes as it is, redirected or not."""
    checked(client)

    async def attach(request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
        # aiohttp asks for a redirected request too, and makes it anew: without what was attached before.
        with suppress(InvalidInputError):
            header = client.authorization_for(str(request.url))
            request.headers[hdrs.AUTHORIZATION] = header.expose_secret()
        return await handler(request)

    return attach
