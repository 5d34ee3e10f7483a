"""Use and manage the API keys of Codat: authenticate requests, and list, create, rotate and delete keys.

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

# A constant of its own, because importing `typing` takes longer than importing this package.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from ._aio import AsyncClient
    from ._aio_keys import AsyncKeys
    from ._aio_pages import AsyncPages
    from ._aio_response_stream import AsyncResponseStream
    from ._aio_rotation import AsyncRotation
    from ._pages import Pages
    from ._reports import RotationError, RotationEvent, RotationPlan, RotationReport, RotationStatus
    from ._response_stream import ResponseStream
    from ._rotation import JournalStore, MemoryJournal, Rotation, Sink
else:
    # Imported on first use, because not every program uses them, and importing `asyncio` takes longer than importing
    # this package.
    _LATE = {
        "AsyncClient": "_aio",
        "AsyncKeys": "_aio_keys",
        "AsyncPages": "_aio_pages",
        "AsyncResponseStream": "_aio_response_stream",
        "AsyncRotation": "_aio_rotation",
        "JournalStore": "_rotation",
        "MemoryJournal": "_rotation",
        "Pages": "_pages",
        "ResponseStream": "_response_stream",
        "Rotation": "_rotation",
        "RotationError": "_reports",
        "RotationEvent": "_reports",
        "RotationPlan": "_reports",
        "RotationReport": "_reports",
        "RotationStatus": "_reports",
        "Sink": "_rotation",
    }

    def __getattr__(name):
        if name not in _LATE:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib import import_module

        value = globals()[name] = getattr(import_module(f".{_LATE[name]}", __name__), name)
        return value


__all__ = [
    "ApiKey",
    "ApiKeyDetails",
    "AsyncClient",
    "AsyncKeys",
    "AsyncPages",
    "AsyncResponseStream",
    "AsyncRotation",
    "AuthorizationHeader",
    "Client",
    "Creation",
    "JournalStore",
    "KeyCommand",
    "Keys",
    "MemoryJournal",
    "Page",
    "Pages",
    "RateLimit",
    "Response",
    "ResponseStream",
    "Rotation",
    "RotationError",
    "RotationEvent",
    "RotationPlan",
    "RotationReport",
    "RotationStatus",
    "Sink",
    "encode",
]
__all__ += _errors.__all__


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
