"""For httpx: ``httpx.Client(auth=CodatAuth(client))``, and its ``AsyncClient`` alike."""

from __future__ import annotations

from collections.abc import Generator

from .. import AsyncClient, Client
from ._mistakes import checked, missing

try:
    import httpx
except ImportError as error:
    raise missing("httpx", error) from error


class CodatAuth(httpx.Auth):
    """Attaches the key of a client to requests for its origin. On a redirect elsewhere httpx takes it off itself,
    save from ``http://HOST`` to ``https://HOST``.

    Raises ``InvalidInputError``, with nothing sent, for another origin: give that request an ``auth`` of its own.
    """

    def __init__(self, client: Client | AsyncClient) -> None:
        self._client = checked(client)

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """What httpx calls for the first request of each call."""
        request.headers["Authorization"] = self._client.authorization_for(str(request.url)).expose_secret()
        yield request
