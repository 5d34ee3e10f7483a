"""For requests: ``requests.get(url, auth=CodatAuth(client))``, or a session's ``auth``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .. import AuthorizationHeader, Client
from .._keys import _uninitialized
from ._header import HeaderValue
from ._mistakes import checked, missing

try:
    import requests.auth
    import requests.structures
    import requests.utils
except ImportError as error:
    raise missing("requests", error) from error

__all__ = ["CodatAuth", "requests"]

if TYPE_CHECKING:
    _CaseInsensitiveDict = requests.structures.CaseInsensitiveDict[Any]
else:
    _CaseInsensitiveDict = requests.structures.CaseInsensitiveDict


class CodatAuth(requests.auth.AuthBase):
    """Sends requests for a client's origin with the key in use, which is read from its source with the first request.

    After a 401 or 403 the source is read again. If it has another key, the request is sent once more with that key,
    unless its body is a generator, or a file that cannot be rewound. Such a response is returned, and the next request
    has the new key.

    A request to another origin raises ``InvalidInputError``, and so does a request whose key a proxy of the environment
    would see unencrypted. Nothing is sent. Give a request to another origin an ``auth`` of its own. Proxies that are given
    to requests are not checked. requests removes the key from a redirect to another origin, except from ``http://HOST`` to
    ``https://HOST``. The password of a netrc file never replaces the key.
    """

    def __init__(self, client: Client) -> None:
        self._client = checked(client, Client)

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Called by requests for the first request of each call."""
        url = request.url or ""
        header = self._client.authorization_for(url)
        proxy = requests.utils.select_proxy(url, requests.utils.get_environ_proxies(url))
        if proxy and url.lower().startswith("http:"):
            self._client.check_next_hop(proxy if "://" in proxy else f"http://{proxy}")
        request.headers = _Headers(request.headers)
        request.headers.attach(header)
        request.register_hook("response", _Hook(self._client))  # type: ignore[no-untyped-call]
        return request


class _Hook:
    """Called by requests for each response, also after a redirect, which keeps the hooks and headers of its request. It
    stays with its request, which a program may prepare once and send many times.
    """

    def __init__(self, client: Client | None = None) -> None:
        self._client = client

    def __reduce__(self) -> tuple[type[_Hook], tuple[()]]:
        # A response is pickled with its request and the hooks of that, and a client cannot be.
        return (_Hook, ())

    def __call__(self, response: requests.Response, **options: Any) -> requests.Response:
        if self._client is None:
            return response
        request = response.request
        if response.status_code in (401, 403) and isinstance(request.headers, _Headers) and request.headers.key:
            header = self._client.reauthorize(request.url or "", AuthorizationHeader(request.headers.key))
            if header is not None and _is_rewound(request):
                # Read and closed first, so that the connection can be reused.
                rejected, _ = response, response.content
                rejected.close()
                request.headers.attach(header)
                response = rejected.connection.send(request, **options)
                response.history.append(rejected)
        return response


class _Headers(_CaseInsensitiveDict):
    """The headers of a request. No other credential replaces the key: at a redirect, requests would use one from a
    netrc file.
    """

    key: str | None = None

    def __repr__(self) -> str:
        if not hasattr(self, "_store"):
            return _uninitialized(self)
        return str({name: "****" if name.lower() == "authorization" else value for name, value in self.items()})

    def attach(self, header: AuthorizationHeader) -> None:
        self.key = None
        self["Authorization"] = value = HeaderValue.of(header)
        self.key = value

    def __setitem__(self, name: str, value: Any) -> None:
        if self.key is None or name.lower() != "authorization":
            super().__setitem__(name, value)

    def __delitem__(self, name: str) -> None:
        super().__delitem__(name)
        if name.lower() == "authorization":
            self.key = None

    def copy(self) -> _Headers:
        copied = _Headers(self)
        copied.key = self.key
        return copied

    def __deepcopy__(self, memo: object) -> _Headers:
        return self.copy()

    def __reduce__(self) -> tuple[type[_CaseInsensitiveDict], tuple[dict[str, Any]]]:
        # A response is pickled with its request, and the key is a secret.
        is_shown = lambda name: self.key is None or name.lower() != "authorization"
        return (_CaseInsensitiveDict, ({name: value for name, value in self.items() if is_shown(name)},))


def _is_rewound(request: requests.PreparedRequest) -> bool:
    """Rewinds the body, and returns whether it can be sent a second time."""
    if request.body is None or isinstance(request.body, (str, bytes)):
        return True
    try:
        requests.utils.rewind_body(request)
    except requests.exceptions.UnrewindableBodyError:
        return False
    return True
