"""For aiohttp 3.12 and later: ``aiohttp.ClientSession(middlewares=[codat_auth(client)])``."""

from __future__ import annotations

from .. import AsyncClient, InvalidInputError
from ._missing import missing

try:
    from aiohttp import ClientHandlerType, ClientMiddlewareType, ClientRequest, ClientResponse, hdrs
except ImportError as error:
    raise missing("aiohttp", error) from error


def codat_auth(client: AsyncClient) -> ClientMiddlewareType:
    """Attaches the key of a client to requests for its origin; a redirect elsewhere goes without."""

    async def attach(request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
        try:
            header = client.authorization_for(str(request.url))
        except InvalidInputError:
            request.headers.pop(hdrs.AUTHORIZATION, None)
        else:
            request.headers[hdrs.AUTHORIZATION] = header.expose_secret()
        return await handler(request)

    return attach
