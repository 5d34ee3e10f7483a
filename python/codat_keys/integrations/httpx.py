"""For httpx: ``httpx.Client(auth=CodatAuth(client))``, and its ``AsyncClient`` alike."""

from __future__ import annotations

from collections.abc import Generator
from typing import Union

from .. import AsyncClient, Client, InvalidInputError
from ._missing import missing

try:
    import httpx
except ImportError as error:
    raise missing("httpx", error) from error


class CodatAuth(httpx.Auth):
    """Attaches the key of a client to requests for its origin; a redirect elsewhere goes without."""

    def __init__(self, client: Union[Client, AsyncClient]) -> None:
        self._client = client

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """What httpx calls for each request, redirected ones included."""
        try:
            header = self._client.authorization_for(str(request.url))
        except InvalidInputError:
            request.headers.pop("authorization", None)
        else:
            request.headers["authorization"] = header.expose_secret()
        yield request
