"""For Codat's own SDKs: ``connect(client, CodatLending)``.

The module works with the current SDKs, ``codat-platform`` 6, ``codat-lending`` 12, ``codat-bankfeeds`` 13,
``codat-sync-for-payables`` 10 and ``codat-sync-for-expenses`` 9, and with earlier SDKs whose constructor takes
``server_url``, ``client``, and either ``security`` or ``auth_header``.
"""

from __future__ import annotations

from collections.abc import Callable
from inspect import signature
from typing import Any, TypeVar
from urllib.parse import urlsplit
from urllib.request import getproxies

from .. import AsyncClient, Client
from ._mistakes import checked

__all__ = ["connect", "security"]

_SDK = TypeVar("_SDK")


def connect(client: Client | AsyncClient, sdk: type[_SDK], **options: Any) -> _SDK:
    """Creates an SDK from its class, with the base URL of a client and an HTTP client that sends its key.

    The first call reads the key from its source. After a 401 or 403 the client reads the source again, and the call is
    repeated once if the source has another key: see ``CodatAuth`` of ``codat_keys.integrations.httpx``, or of
    ``requests`` for the SDKs that use it.

    ``options`` are further arguments of the constructor, such as ``timeout_ms``. The current SDKs need a ``Client``:
    they run their async methods in threads. Earlier ones, such as ``codat-platform`` 5, need a ``Client`` for their
    blocking methods, and an ``AsyncClient`` for their async methods.

    If many threads make calls, create an SDK for each thread from one client, because threads must not share httpx
    connections.

    Raises ``TypeError`` for a class that is not such an SDK, and for an ``AsyncClient`` if the SDK needs a ``Client``.
    To configure the HTTP client yourself, see ``security``.
    """
    checked(client, Client, AsyncClient)
    # The error of `signature` would repeat a key that was given by mistake.
    takes = signature(sdk).parameters if callable(sdk) else {}
    # The SDK derives a header from these arguments. The HTTP client, which alone has the key, replaces this header.
    credential = {name: value for name, value in (("security", None), ("auth_header", "")) if name in takes}
    if not credential or not {"server_url", "client"} <= takes.keys():
        raise TypeError("argument 'sdk': give the class of one of Codat's SDKs, such as codat_lending.CodatLending")
    options = {**credential, "server_url": client.base_url, **_http_clients(sdk, client), **options}
    return sdk(**options)


def security(client: Client | AsyncClient, kind: Callable[..., Any] | None = None) -> Callable[[], Any]:
    """Returns the ``security`` argument of an SDK that you construct yourself. The SDK calls it before each request.

    ``kind`` is the class ``Security`` of the SDK. Default: that of ``codat-platform`` if it is installed, or else a
    class that the current SDKs accept.

    An SDK sends the key to any ``server_url``, and does not repeat a call whose key is rejected. With
    ``client=httpx.Client(auth=CodatAuth(client))`` in addition, a call to another origin raises ``InvalidInputError``,
    and a call with a replaced key is made once more, as with ``connect``. If the base URL is ``http`` and the
    environment names a proxy for it, the call raises ``InvalidInputError``, unless ``NO_PROXY`` is ``*`` or lists the
    host without a port. A proxy that is given to the SDK's HTTP client is not checked.
    """
    checked(client, Client, AsyncClient)
    made = kind or _platforms_own() or _Security

    def authenticate() -> Any:
        _check_environment(client)
        return made(auth_header=client.authorization_for(client.base_url).expose_secret())

    return authenticate


def _http_clients(sdk: type, client: Client | AsyncClient) -> dict[str, Any]:
    waits = any(base.__name__ == "BaseSDK" for base in sdk.__mro__)
    if isinstance(client, AsyncClient) and not waits:
        raise TypeError(
            f"argument 'client': {sdk.__name__} blocks (its async methods run in threads): give a Client of codat_keys"
        )
    if isinstance(client, Client) and "async_client" not in signature(sdk).parameters:
        from .requests import CodatAuth as RequestsAuth, requests

        session = requests.Session()
        session.auth = RequestsAuth(client)
        return {"client": session}

    from .httpx import CodatAuth, httpx

    # Above `max_keepalive_connections`, httpx closes idle connections, even one that another thread is about to use.
    limits = httpx.Limits(max_connections=100, max_keepalive_connections=100)
    clients: dict[str, Any] = {"client": httpx.Client(auth=CodatAuth(client), follow_redirects=True, limits=limits)}
    if waits:
        clients["async_client"] = httpx.AsyncClient(auth=CodatAuth(client), follow_redirects=True, limits=limits)
    return clients


def _check_environment(client: Client | AsyncClient) -> None:
    """Checks the proxy that an HTTP client uses by default."""
    url = urlsplit(client.base_url)
    proxies = getproxies()
    proxy = proxies.get("http") or proxies.get("all")
    if url.scheme == "http" and proxy and not _is_bypassed(url.hostname, proxies.get("no", "")):
        client.check_next_hop(proxy if "://" in proxy else f"http://{proxy}")


def _is_bypassed(host: str | None, no_proxy: str) -> bool:
    """Returns whether each HTTP library bypasses the proxy. Of other forms of ``NO_PROXY``, they differ."""
    return no_proxy == "*" or host in [entry.strip() for entry in no_proxy.split(",")]


def _platforms_own() -> Callable[..., Any] | None:
    try:
        from codat_platform.models.shared.security import Security
    except ImportError:
        return None
    return Security


class _Security:
    """The attribute that the current SDKs read. Its ``repr`` does not show the key."""

    __slots__ = ("auth_header",)

    def __init__(self, auth_header: str) -> None:
        self.auth_header = auth_header
