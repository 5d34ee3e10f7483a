"""Use and manage the API keys of Codat: authenticate any call, and list, create and delete keys without a lock-out.

>>> from codat_keys import Client
>>> with Client() as client:  # CODAT_API_KEY, CODAT_AUTH_HEADER or CODAT_API_KEY_FILE
...     for key in client.keys.list():
...         print(key.name, key.api_key.masked() != key.api_key.expose_secret())
None True
"""

from __future__ import annotations

from . import _errors
from ._client import Client
from ._errors import *  # noqa: F403
from ._keys import Keys
from ._native import (
    ApiKey,
    ApiKeyDetails,
    AuthorizationHeader,
    Creation,
    KeyCommand,
    Page,
    RateLimit,
    Response,
    encode,
)
from ._pages import Pages

_WITH_ASYNCIO = ("AsyncClient", "AsyncKeys", "AsyncPages")

# A constant of its own, because importing `typing` takes longer than importing this package.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from ._aio import AsyncClient
    from ._aio_keys import AsyncKeys
    from ._aio_pages import AsyncPages
else:

    def __getattr__(name):
        # Imported on first use, because importing `asyncio` takes longer than importing this package.
        if name not in _WITH_ASYNCIO:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from . import _aio

        globals().update({name: getattr(_aio, name) for name in _WITH_ASYNCIO})
        return globals()[name]


__all__ = [
    "ApiKey",
    "ApiKeyDetails",
    "AsyncClient",
    "AsyncKeys",
    "AsyncPages",
    "AuthorizationHeader",
    "Client",
    "Creation",
    "KeyCommand",
    "Keys",
    "Page",
    "Pages",
    "RateLimit",
    "Response",
    "encode",
]
__all__ += _errors.__all__


def __dir__() -> list[str]:
    return [*globals(), *_WITH_ASYNCIO]
