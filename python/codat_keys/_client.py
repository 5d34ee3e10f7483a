"""The client that blocks."""

from __future__ import annotations

from . import _native
from ._keys import Keys, _uninitialized
from ._request import request

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from types import TracebackType
    from typing import Any

    from ._native import ApiKey, ApiKeyDetails, AuthorizationHeader, KeyCommand, Page, RateLimit, Response
    from ._options import KeyFunction, Parameters, Path, Timeout


class Client:
    """A client of Codat's API that blocks the calling thread; safe to share between threads, and after a fork.

    What is not given comes from the environment, or is the default:

    - ``api_key`` or ``auth_header``: ``CODAT_API_KEY``, ``CODAT_AUTH_HEADER``, or the file ``CODAT_API_KEY_FILE``
    - or ``api_key_file``, whose key or whole header is followed: a file that was replaced is read again within a second,
      and when Codat refuses the key; a file that your own user owns and every user of the machine can read is refused,
      unless a container mounts it
    - or ``api_key_command``, a program and its arguments, which prints a key: see ``KeyCommand``
    - or ``api_key``, a function that returns a key or a whole header: it is called with the first call, in the thread of
      that call, whose time-out does not interrupt it, and again when Codat refuses its key; calls that need it at once
      share what it returns
    - ``base_url``: ``CODAT_BASE_URL``, or ``https://api.codat.io``
    - ``timeout``, in seconds or as a timedelta, for a whole call with its retries: 30 s with 10 s for each attempt, for
      ``create`` 60 s with 15 s; of a time given, one attempt of ``create`` and ``delete`` takes at most a third
    - ``retry``: yes, as ``Keys`` says; without, every request is sent once
    - ``ca_file``, PEM certificates to trust beside the bundled ones: ``CODAT_CA_FILE``, or none
    - ``proxy``, a URL: what ``HTTPS_PROXY``, ``ALL_PROXY`` and ``NO_PROXY`` say, or none
    - ``allow_insecure_http``: ``CODAT_ALLOW_INSECURE_HTTP``. It allows ``http://`` to other machines, which sends the
      key unencrypted; by default ``http://`` reaches this machine only

    Where Codat refuses a key with 401 or 403 and its source has another one by now, the call is made again with that one.
    A source that cannot be read raises ``InvalidCredentialError`` from the call that needs it, with what a function
    raised as its ``__cause__``; the key in use goes on. Nothing is sent until a call is made.

    Raises ``NoCredentialError``; ``InvalidCredentialError`` for what cannot be a key, and where two variables disagree;
    ``InvalidInputError`` for a URL or a file that cannot be used; ``TypeError`` or ``ValueError`` for what is no such
    argument.

    >>> with Client() as client:
    ...     [key.name for key in client.keys.list()]
    [None]
    """

    __slots__ = {
        "__weakref__": "",
        "_core": "The native client.",
        "keys": "The keys of this Codat client: see ``Keys``.",
    }

    def __init__(
        self,
        *,
        api_key: ApiKey | str | KeyFunction | None = None,
        auth_header: AuthorizationHeader | str | None = None,
        api_key_file: Path | None = None,
        api_key_command: Sequence[Path] | KeyCommand | None = None,
        base_url: str | None = None,
        timeout: Timeout | None = None,
        retry: bool = True,
        ca_file: Path | None = None,
        proxy: str | None = None,
        allow_insecure_http: bool | None = None,
    ) -> None:
        try:
            given = _native.Options(
                api_key=api_key,
                auth_header=auth_header,
                api_key_file=api_key_file,
                api_key_command=api_key_command,
                base_url=base_url,
                timeout=timeout,
                retry=retry,
                ca_file=ca_file,
                proxy=proxy,
                allow_insecure_http=allow_insecure_http,
            )
        finally:
            # A traceback that shows local variables shows those of this frame, too; a URL may hold a password.
            del api_key, auth_header, base_url, proxy
        self._core = _native.BlockingCore(given)
        self.keys = Keys(self._core)

    def request(
        self,
        method: str,
        path: str,
        *,
        query: Parameters | None = None,
        json: Any = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: Timeout | None = None,
    ) -> Response:
        """Makes any call to Codat's API; the path begins with a slash, and may have a query.

        ``query`` is added to it: str, int, float, or bool, which is sent as ``true`` or ``false``. ``json`` is sent as
        JSON, or else ``content`` as it is; by default there is no body. ``headers`` are added, but for
        ``Authorization``, ``Host`` and what frames a request. ``timeout`` is in seconds, or a timedelta, and for the
        whole call; by default the client's.

        Retried as ``Keys`` says. POST and PATCH carry one ``Idempotency-Key``, the same in every attempt, as Codat's
        page on idempotency asks; one of your own among the headers resumes an earlier call, within 85 minutes.

        Raises what ``Keys`` names, ``NotFoundError`` and ``ConflictError``; ``InvalidInputError`` for a 400, and with
        nothing sent for a path that leaves the base URL or a header that is the client's own; ``OutcomeUnknownError``
        where a change may have taken effect and nothing proves it. Where Ctrl-C leaves that in doubt, it is the
        ``__cause__`` of the ``KeyboardInterrupt``.

        >>> with Client() as client:
        ...     client.request("GET", "/profile").json()["name"]
        'Emulated client'
        """
        call = request(method, path, query, json, content, headers, timeout)
        return self._core.perform(call)

    def pages(
        self, path: str, *, page_size: int | None = None, query: str | None = None, order_by: str | None = None
    ) -> Iterator[Page]:
        """The pages of a paged resource, ``/companies``: 100 results each by default, at most 5000.

        ``query`` is in Codat's query language, ``status=Linked``; ``order_by`` is ``name``, or ``-name``. The rules
        come from Codat's page on paging.

        Each page is a request: retried, and with errors, as ``request``. Raises ``InvalidInputError`` for a page size
        out of range and for a ``page`` in the path, ``BadResponseError`` for an answer that is not paged. After an error
        the same page is asked for again.

        >>> with Client() as client:
        ...     sum(len(page.results) for page in client.pages("/companies", page_size=2))
        5
        """
        walk = self._core.pages(path, page_size, query, order_by)
        # No generator, which would end with its first error.
        return iter(lambda: self._core.perform(walk.next()), None)

    def whoami(self) -> ApiKeyDetails:
        """Which key this client authenticates with. Codat has no such call: it is taken from the list.

        Raises ``NotFoundError`` where the list does not hold it, which may be stale, and what ``Keys`` names.

        >>> with Client() as client:
        ...     client.whoami() in client.keys.list()
        True
        """
        return self._core.perform(_native.whoami())

    def reload_key(self) -> bool:
        """Reads the key from its source again, and tells whether it is another one now. Calls do so by themselves when
        Codat refuses the key.

        Raises ``InvalidCredentialError`` where it cannot be read, ``TimeoutError`` where that takes longer than a call
        may, and ``ClosedError``; the key in use goes on. It is not retried, and a key that was given as a value stays.

        >>> keys = ["ExampleKeyForTheDocs0000000000000000000A", "ExampleKeyForTheDocs0000000000000000000B"]
        >>> client = Client(api_key=keys.pop)
        >>> client.reload_key(), client.reload_key()
        (True, True)
        >>> client  # doctest: +ELLIPSIS
        Client(base_url='http://127.0.0.1:...', api_key=ApiKey(****000A))
        """
        return self._core.perform(_native.reload_key())

    @property
    def rate_limit(self) -> RateLimit | None:
        """What the latest answer said of the day's quota; ``None`` before the first. Nothing is sent.

        >>> with Client() as client:
        ...     print(client.rate_limit)
        ...     key = client.whoami()
        ...     client.rate_limit.remaining
        None
        5999
        """
        return self._core.rate_limit()

    @property
    def base_url(self) -> str:
        """Where this client's requests go, without a slash at the end.

        >>> Client(base_url="https://api.codat.io/").base_url
        'https://api.codat.io'
        """
        return self._core.base_url()

    def authorization_for(self, url: str) -> AuthorizationHeader:
        """Returns the header for another HTTP library, if the URL belongs to this client's own origin. The key is read from
        its source if that has not happened yet, or if the source may have changed. The call blocks meanwhile, and
        concurrent calls share one read. Nothing is sent to Codat, and a failed read is not retried.

        Raises ``InvalidInputError`` for any other URL, so that the key goes nowhere else; ``ClosedError``. If no key has
        been read before, also ``InvalidCredentialError`` if the source cannot be read, and ``TimeoutError`` if that
        takes longer than a call may.

        >>> with Client() as client:
        ...     header = client.authorization_for(f"{client.base_url}/companies")
        >>> header.expose_secret().startswith("Basic ")
        True
        """
        header = self._core.cached_authorization(url)
        return self._core.perform(_native.authorize(url)) if header is None else header

    def reauthorize(self, url: str, rejected: AuthorizationHeader | str) -> AuthorizationHeader | None:
        """Returns the header for sending a request once more after this client's own origin answered 401 or 403 to
        ``rejected``, or ``None`` if the source has no other key. Concurrent calls share one read of the source. Calls of
        this client do this automatically; use it for requests that another library sends.

        Raises as ``authorization_for``, and the errors of the source in any case. The key in use is then kept.

        >>> keys = ["ExampleKeyForTheDocs0000000000000000000A", "ExampleKeyForTheDocs0000000000000000000B"]
        >>> client = Client(api_key=keys.pop)
        >>> rejected = client.authorization_for(client.base_url)
        >>> client.reauthorize(client.base_url, rejected).api_key
        ApiKey(****000A)
        """
        return self._core.perform(_native.reauthorize(url, rejected))

    def check_next_hop(self, url: str) -> None:
        """Checks the server to which another HTTP library is about to send the header over an unencrypted connection.

        ``url`` is the URL of the library's proxy, or the URL of the request if there is no proxy. Raises
        ``InvalidInputError`` unless it has this client's own origin: a proxy would see the key.

        >>> from codat_keys import InvalidInputError
        >>> try:
        ...     Client().check_next_hop("http://proxy.example:8080")
        ... except InvalidInputError as error:
        ...     print(str(error).splitlines()[0])
        the proxy http://proxy.example:8080 would see the key unencrypted
        """
        self._core.check_next_hop(url)

    def close(self) -> None:
        """Closes the connections; what is under way goes on to its answer. Every later call raises ``ClosedError``.

        >>> from codat_keys import ClosedError
        >>> client = Client()
        >>> client.close()
        >>> try:
        ...     client.whoami()
        ... except ClosedError as error:
        ...     print(error)
        the client is closed
        """
        self._core.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, raised: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return repr(self._core) if hasattr(self, "_core") else _uninitialized(self)

