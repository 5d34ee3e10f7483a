"""Use and manage the API keys of Codat: authenticate any call, and list, create and delete keys without a lock-out.

>>> from codat_keys import Client
>>> with Client() as client:  # CODAT_API_KEY, CODAT_AUTH_HEADER or CODAT_API_KEY_FILE
...     for key in client.keys.list():
...         print(key.name, key.api_key.masked() != key.api_key.expose_secret())
None True
"""

from __future__ import annotations

from . import _errors
from ._aio import AsyncClient, AsyncKeys
from ._client import Client, Keys
from ._errors import *  # noqa: F403
from ._native import (
    ApiKey,
    ApiKeyDetails,
    AuthorizationHeader,
    Creation,
    Page,
    RateLimit,
    Response,
    encode,
)

__all__ = [
    "ApiKey",
    "ApiKeyDetails",
    "AsyncClient",
    "AsyncKeys",
    "AuthorizationHeader",
    "Client",
    "Creation",
    "Keys",
    "Page",
    "RateLimit",
    "Response",
    "encode",
]
__all__ += _errors.__all__

