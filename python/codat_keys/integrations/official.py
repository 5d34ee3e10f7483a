"""For Codat's own SDKs: ``connect(CodatLending, client)``.

It fits the current ones, which are ``codat-platform`` 6, ``codat-lending`` 12, ``codat-bankfeeds`` 13,
``codat-sync-for-payables`` 10 and ``codat-sync-for-expenses`` 9, and each earlier one whose constructor takes
``server_url``, ``client``, and either ``security`` or ``auth_header``.
"""

from __future__ import annotations

from collections.abc import Callable
from inspect import signature
from typing import Any, TypeVar

from .. import AsyncClient, Client
from ._mistakes import checked

_SDK = TypeVar("_SDK")


def connect(sdk: type[_SDK], client: Client | AsyncClient, **options: Any) -> _SDK:
    """Makes an SDK of its class, with the base URL of a client and an HTTP client that has its key.

    The key is read from its source with the first call, and each call has the key in use. After a 401 or 403 the source is
    read again, and the call is made once more if the key is another one: see ``CodatAuth`` of
    ``codat_keys.integrations.httpx``, or of ``requests`` for the SDKs that are built on it.

    ``options`` are further arguments of the constructor, such as ``timeout_ms``. The current SDKs need a ``Client``: they
    run their async methods in threads. Earlier ones, such as ``codat-platform`` 5, need a ``Client`` for the methods
    that block, and an ``AsyncClient`` for those that are awaited.

    Where many threads call at once, make an SDK for each, of one client: the connections of httpx are not safe to share.

    Raises ``TypeError`` for a class that is no such SDK, and for an ``AsyncClient`` where the SDK needs a ``Client``. To set
    up the HTTP client yourself, see ``security``.
    """
    checked(client, Client, AsyncClient)
    takes = signature(sdk).parameters
    # The HTTP client alone has the key: it replaces what the SDK makes of these.
    credential = {name: value for name, value in (("security", None), ("auth_header", "")) if name in takes}
    if not credential or not {"server_url", "client"} <= takes.keys():
        raise TypeError("argument 'sdk': give the class of one of Codat's SDKs, such as codat_lending.CodatLending")
    options = {**credential, "server_url": client.base_url, **_http_clients(sdk, client), **options}
    return sdk(**options)


def security(client: Client | AsyncClient, kind: Callable[..., Any] | None = None) -> Callable[[], Any]:
    """The ``security`` of an SDK, which asks for the header before each call: for an SDK with an HTTP client of its own.

    ``kind`` is the SDK's own class ``Security``. The current SDKs take any: by default it is that of ``codat-platform``
    where this is installed.

    An SDK does not tell where a call goes, and makes none again: it sends the key to any ``server_url``, and returns a
    401. With ``client=httpx.Client(auth=CodatAuth(client))`` besides, a call to another origin raises
    ``InvalidInputError``, and one with a key that was replaced is made once more, as with ``connect``.
    """
    checked(client, Client, AsyncClient)
    made = kind or _platforms_own() or _Security
    return lambda: made(auth_header=client.authorization_for(client.base_url).expose_secret())


def _http_clients(sdk: type, client: Client | AsyncClient) -> dict[str, Any]:
    waits = any(base.__name__ == "BaseSDK" for base in sdk.__mro__)
    if isinstance(client, AsyncClient) and not waits:
        raise TypeError(f"argument 'client': {sdk.__name__} blocks (its async methods run in threads): give a Client of codat_keys")
    if isinstance(client, Client) and "async_client" not in signature(sdk).parameters:
        from .requests import CodatAuth as RequestsAuth, requests

        session = requests.Session()
        session.auth = RequestsAuth(client)
        return {"client": session}

    from .httpx import CodatAuth, httpx

    # httpx closes an idle connection above the second limit, even if another thread is about to use it.
    limits = httpx.Limits(max_connections=100, max_keepalive_connections=100)
    clients: dict[str, Any] = {"client": httpx.Client(auth=CodatAuth(client), follow_redirects=True, limits=limits)}
    if waits:
        clients["async_client"] = httpx.AsyncClient(auth=CodatAuth(client), follow_redirects=True, limits=limits)
    return clients


def _platforms_own() -> Callable[..., Any] | None:
    try:
        from codat_platform.models.shared.security import Security
    except ImportError:
        return None
    return Security


class _Security:
    """What the current SDKs read. Its ``repr`` does not show the key."""

    __slots__ = ("auth_header",)

    def __init__(self, auth_header: str) -> None:
        self.auth_header = auth_header
