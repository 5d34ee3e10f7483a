"""For requests: ``requests.get(url, auth=CodatAuth(client))``, or ``session.auth = CodatAuth(client)``."""

from __future__ import annotations

import copy
from types import MappingProxyType
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin

from .. import AuthorizationHeader, Client, CodatError
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
    """Sends requests to a client's origin with the key of the client. The first request reads the key from its source.

    After a 401 or 403 the client reads the source again. If the source has another key, the request is sent once more
    with that key. If its body is a generator, or a file that cannot be rewound, the 401 or 403 is returned, and the
    next request has the new key.

    A request to another origin raises ``InvalidInputError``, unless the request has its own ``auth``. A request whose
    key a proxy of the environment would see unencrypted raises ``InvalidInputError``, even if it was prepared earlier.
    In both cases nothing is sent. Proxies that are given to requests are not checked. A redirect to another origin is
    followed without the key, and so is each later redirect of the same prepared request. The password of a netrc file
    never replaces the key.
    """

    def __init__(self, client: Client) -> None:
        self._client = checked(client, Client)

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Authenticates a request. Called by requests when it prepares the request, but not for a redirect."""
        header = self._client.authorization_for(request.url or "")
        _check_environment(self._client)
        request.headers = _Headers(request.headers)
        request.headers.attach(header, self._client)
        request.register_hook("response", _Hook(self._client))  # type: ignore[no-untyped-call]
        return request


class _Hook:
    """A hook that requests calls for each response. A redirect keeps the hooks and headers of its request. A program
    can prepare a request once and send it many times, each time with the same hook.
    """

    def __init__(self, client: Client | None = None) -> None:
        self._client = client

    def __reduce__(self) -> tuple[type[_Hook], tuple[()]]:
        # A response is pickled with its request and hooks, and a client cannot be pickled.
        return (_Hook, ())

    def __call__(self, response: requests.Response, **options: Any) -> requests.Response:
        if self._client is None:
            return response
        request = response.request
        if not isinstance(request.headers, _Headers) or request.headers.key is None:
            return response
        if response.status_code in (401, 403):
            header = self._client.reauthorize(request.url or "", AuthorizationHeader(request.headers.key))
            if header is not None and _is_rewound(request):
                # The body is not read, because it can be endless.
                rejected = response
                rejected.close()
                request.headers.attach(header, self._client)
                response = rejected.connection.send(request, **options)
                response.history.append(rejected)
        if _leads_elsewhere(response, self._client):
            request.headers.leads_elsewhere = True
        return response


class _Headers(_CaseInsensitiveDict):
    """The headers of a request. No other credential replaces the key: after a redirect, requests would use a password
    from a netrc file.
    """

    key: str | None = None
    client: Client | None = None
    # Whether a response to a request with these headers was a redirect to another origin. Then copies have no key.
    leads_elsewhere: bool = False
    # The default for an object that is not initialized, which a traceback may show.
    _store: Any = MappingProxyType({})

    def __repr__(self) -> str:
        return str({name: "****" if name.lower() == "authorization" else value for name, value in self.items()})

    def attach(self, header: AuthorizationHeader, client: Client) -> None:
        self.key, self.client = None, client
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
        """Copies the headers. Called by requests for a redirect, and by urllib3 before it sends the headers without a
        tunnel.
        """
        copied = copy.copy(self)
        if self.leads_elsewhere:
            # requests keeps the key when http://HOST redirects to https://HOST.
            del copied["Authorization"]
        elif self.key is not None and self.client is not None:
            # The environment may have changed since the request was prepared.
            _check_environment(self.client)
        return copied

    def __copy__(self) -> _Headers:
        copied = _Headers(self)
        copied.key, copied.client = self.key, self.client
        return copied

    def __deepcopy__(self, memo: object) -> _Headers:
        return copy.copy(self)

    def __reduce__(self) -> tuple[type[_CaseInsensitiveDict], tuple[dict[str, Any]]]:
        # Without the key: a response is pickled with its request, and the key is a secret.
        secret = None if self.key is None else "authorization"
        return (_CaseInsensitiveDict, ({name: value for name, value in self.items() if name.lower() != secret},))


def _check_environment(client: Client) -> None:
    """Checks the proxy that requests uses by default, if the key is sent unencrypted."""
    url = client.base_url
    proxy = requests.utils.select_proxy(url, requests.utils.get_environ_proxies(url))
    if proxy and url.startswith("http:"):
        client.check_next_hop(proxy if "://" in proxy else f"http://{proxy}")


def _leads_elsewhere(response: requests.Response, client: Client) -> bool:
    """Whether a response redirects to another origin than the client's own."""
    if not response.is_redirect:
        return False
    try:
        client.authorization_for(urljoin(response.url, response.headers["Location"]))
    except CodatError:
        return True
    return False


def _is_rewound(request: requests.PreparedRequest) -> bool:
    """Rewinds the body, and returns whether it can be sent a second time."""
    if request.body is None or isinstance(request.body, (str, bytes)):
        return True
    try:
        requests.utils.rewind_body(request)
    except requests.exceptions.UnrewindableBodyError:
        return False
    return True
