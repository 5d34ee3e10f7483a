"""For requests: ``requests.get(url, auth=CodatAuth(client))``, or a session's ``auth``."""

from __future__ import annotations

from .. import Client
from ._mistakes import checked, missing

try:
    import requests.auth
except ImportError as error:
    raise missing("requests", error) from error


class CodatAuth(requests.auth.AuthBase):
    """Attaches the key of a client to requests for its origin. On a redirect elsewhere requests takes it off itself,
    save from ``http://HOST`` to ``https://HOST``.

    Raises ``InvalidInputError``, with nothing sent, for another origin: give that request an ``auth`` of its own.
    """

    def __init__(self, client: Client) -> None:
        self._client = checked(client)

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """What requests calls for the first request of each call."""
        request.headers["Authorization"] = self._client.authorization_for(request.url or "").expose_secret()
        return request
