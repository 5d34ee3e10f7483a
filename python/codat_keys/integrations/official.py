"""For Codat's own SDK, ``codat-platform`` 5 and 6.

``CodatPlatform(security=security(client), server_url=client.base_url)``
"""

from __future__ import annotations

from collections.abc import Callable

from .. import AsyncClient, Client
from ._mistakes import checked, missing

try:
    from codat_platform.models.shared.security import Security
except ImportError as error:
    raise missing("codat-platform>=5", error) from error


def security(client: Client | AsyncClient) -> Callable[[], Security]:
    """What the SDK asks for the header before each call. On a redirect elsewhere its HTTP library takes it off.

    The SDK does not tell where a call goes: it sends the key to any ``server_url``. Give it the client's ``base_url``;
    with ``client=httpx.Client(auth=CodatAuth(client))`` besides, a call elsewhere raises ``InvalidInputError``.
    """
    checked(client)
    return lambda: Security(auth_header=client.authorization_for(client.base_url).expose_secret())
