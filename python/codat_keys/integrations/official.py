"""For Codat's own SDK, ``codat-platform`` 5 and 6: ``CodatPlatform(security=security(client))``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Union

from .. import AsyncClient, Client
from ._missing import missing

try:
    from codat_platform.models.shared.security import Security
except ImportError as error:
    raise missing("codat-platform", error) from error


def security(client: Union[Client, AsyncClient]) -> Callable[[], Security]:
    """What the SDK asks for its header before each call. Give it the client's ``base_url`` as ``server_url``."""
    return lambda: Security(auth_header=client.authorization_for(client.base_url).expose_secret())
